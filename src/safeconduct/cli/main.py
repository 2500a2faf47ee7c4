# SPDX-License-Identifier: Apache-2.0
"""The command `safeconduct`: registers every group and turns our errors into exit code 4."""

import sys
from typing import Annotated

import typer

from safeconduct.cli import (
    campaigns,
    convert,
    coordination,
    ledger,
    operation,
    registry,
    reporter,
    targets,
    triage,
    upkeep,
    verify,
    watch,
)
from safeconduct.cli.output import ExitCode, complain
from safeconduct.errors import SafeconductError

app = typer.Typer(
    name="safeconduct",
    help="Carry a machine-learning vulnerability from a report to a verified fix and an advisory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(ledger.app, name="ledger")
app.add_typer(verify.app, name="verify")
app.add_typer(targets.app, name="target")
app.add_typer(campaigns.app, name="campaign")
watch.register(app)
operation.register(app)
upkeep.register(app)
coordination.register(app)
triage.register(app)
reporter.register(triage.report)
registry.register(app)
convert.register(app)


@app.callback(invoke_without_command=True)
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Carry a machine-learning vulnerability from a report to a verified fix and an advisory."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"safeconduct {installed('safeconduct')}")
        raise typer.Exit


def run() -> None:
    """Run the command line; every error of ours ends with exit code 4."""
    try:
        app()
    except SafeconductError as error:
        complain(error, as_json="--json" in sys.argv)
        sys.exit(ExitCode.ERROR)
