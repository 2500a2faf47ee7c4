# SPDX-License-Identifier: Apache-2.0
"""The options that the commands of `safeconduct verify` share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class EngineName(StrEnum):
    """Where the targets' work is done."""

    LOCAL = "local"
    RAY = "ray"


KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="VKEY|FILE", help="Verifier key of the signer, or a file that holds it.")
]
Target = Annotated[
    str, typer.Option("--target", help="The patched target: base address, or folders of a local classifier.")
]
Model = Annotated[str, typer.Option("--model", help="The patched model's name.")]
Unpatched = Annotated[str, typer.Option("--unpatched", help="The unpatched target; default: as --target.")]
UnpatchedModel = Annotated[
    str, typer.Option("--unpatched-model", help="The unpatched model's name; default: that of the bundle.")
]
Entry = Annotated[str, typer.Option("--entry", help="module:function of a patched local classifier.")]
UnpatchedEntry = Annotated[
    str, typer.Option("--unpatched-entry", help="The same of the unpatched one; default: that of the bundle.")
]
SecretEnv = Annotated[str, typer.Option("--secret-env", help="Environment variable that holds the target's secret.")]
Judge = Annotated[str, typer.Option("--judge", help="Address of the judge model that the oracle asks.")]
JudgeSecretEnv = Annotated[str, typer.Option("--judge-secret-env", help="Environment variable of the judge's secret.")]
Out = Annotated[Path | None, typer.Option("--out", help="New folder for trials and certificate.")]
AllowPrivate = Annotated[bool, typer.Option("--allow-private", help="Grant private and loopback addresses.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=1, help="At most so many calls.")]
Tolerance = Annotated[
    float | None, typer.Option("--tolerance", help="The residual rate that FIXED excludes; default: the bundle's.")
]
Seed = Annotated[str, typer.Option("--seed", help="Seed of all draws, to repeat a run; default: a fresh one.")]
Width = Annotated[int, typer.Option("--width", min=1, max=64, help="Calls in flight at a time.")]
SignWith = Annotated[Path | None, typer.Option("--sign-with", help="File with the signing key; default: a fresh key.")]
TrialsFile = Annotated[Path | None, typer.Option("--trials", help="The trials; default: trials.jsonl beside it.")]
BundleOption = Annotated[Path | None, typer.Option("--bundle", help="The bundle, to draw every variant again.")]
ApproveCode = Annotated[
    list[str] | None,
    typer.Option("--approve-code", metavar="SHA256", help="Let this code of the bundle run in the sandbox."),
]
JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", help="New file for the journal: with it Ctrl-C pauses, and `verify resume` goes on."),
]
Show = Annotated[
    bool | None,
    typer.Option("--progress/--no-progress", help="Show a bar on standard error; default: on a terminal."),
]
PriceOption = Annotated[
    str,
    typer.Option("--price", metavar="CUR:CALL:IN:OUT", help="What a call and a million tokens in and out cost."),
]
UnpatchedPrice = Annotated[
    str,
    typer.Option("--unpatched-price", metavar="CUR:CALL:IN:OUT", help="The same of the unpatched; default: --price."),
]
Engine = Annotated[EngineName, typer.Option("--engine", help="In this process, or on Ray (extra `ray`).")]
SuiteFile = Annotated[
    Path | None, typer.Option("--suite", help="What `verify suite --out` wrote of earlier flaws on the patched target.")
]
