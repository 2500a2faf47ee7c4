# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify suite`: try the earlier flaws of a model family again on a version with a new fix.

Ends with 0, or with 1 if a flaw came back.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from safeconduct.cli import verify_options as options
from safeconduct.cli.output import ExitCode, JsonFlag, answer, remark
from safeconduct.cli.verify_order import Reach, TargetOption, grant_of, held_out, now, open_target
from safeconduct.cli.verifying import read_limited
from safeconduct.crypto.durable import PUBLIC, create_durably
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.safe_json import canonical_json, read_object
from safeconduct.errors import NotFoundError
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.fields import Fields
from safeconduct.verification.reproduction import Budget
from safeconduct.verification.suite import HistoricSuite, SuiteEntry, SuiteRun, read_suite, run_suite, suite_facts
from safeconduct.verification.targets import Target

SUITE_LIMIT: Final = 4 << 20

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder of bundles.", exists=True, file_okay=False, dir_okay=True)
]
Family = Annotated[str, typer.Option("--family", help="The model family that these flaws are of.")]
Calls = Annotated[int, typer.Option("--calls", min=1, help="At most so many variants of each flaw.")]
Result = Annotated[Path | None, typer.Option("--out", help="New file for the result, for `verify run --suite`.")]


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command()(suite)


def suite(
    folder: Folder,
    *,
    target: options.Target,
    model: options.Model,
    family: Family,
    entry: options.Entry = "",
    secret_env: options.SecretEnv = "",
    allow_private: options.AllowPrivate = False,
    calls: Calls = 40,
    seed: options.Seed = "",
    out: Result = None,
    as_json: JsonFlag = False,
) -> None:
    """Try earlier flaws again: run every bundle of a folder against a target, each until it reproduces or not."""
    option = TargetOption(place=target, model=model, entry=entry)
    reach = Reach(secret_env=secret_env, allow_private=allow_private)

    def open_for(bundle: Bundle) -> Target:
        return open_target(bundle, grant_of(bundle, option, reach))

    how = SuiteRun(family=family, target=model, open=open_for, seed=held_out(seed).seed, budget=Budget(calls=calls))
    found = run_suite(_bundles(folder), how, clock=now, listen=lambda one: None if as_json else remark(_line(one)))
    if out is not None:
        create_durably(out, canonical_json(suite_facts(found)), mode=PUBLIC)
    code = ExitCode.NO if found.new else ExitCode.YES
    facts = {**suite_facts(found), "came_back": [one.bundle for one in found.new], "exit_code": int(code)}
    answer(facts, as_json=as_json, text=_told(found))
    raise typer.Exit(code)


def suite_of(path: Path | None) -> HistoricSuite | None:
    """Return the suite's result that a file holds; none without a file.

    Raises:
        NotFoundError: there is no such file.
        MalformedError: it holds no suite's result.
        IncompleteError: something is missing.
        TooLargeError: it is too large.
    """
    if path is None:
        return None
    fields = Fields.of(read_object(read_limited(path, SUITE_LIMIT)), at="suite")
    found = read_suite(fields)
    fields.done()
    return found


def _bundles(folder: Path) -> Iterator[Bundle]:
    """Yield the bundles of a folder: its .zip files and its folders that hold a bundle.json."""
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".zip" or (path / "bundle.json").is_file())
    if not paths:
        raise NotFoundError("the folder holds no bundle", hint="put .zip files or folders of bundles there")
    for path in paths:
        yield read_bundle(path)


def _line(entry: SuiteEntry) -> str:
    return f"  {entry.bundle[:16]}  {entry.outcome.value:<15} {entry.hits} hits in {entry.trials} tries"


def _told(found: HistoricSuite) -> str:
    lead = f"{len(found.new)} of {len(found.entries)} earlier flaws came back."
    return "\n".join([lead, *(_line(one) for one in found.entries)])
