# SPDX-License-Identifier: Apache-2.0
"""How commands speak: text for people, JSON for programs, one exit code per kind of answer.

Exit codes: 0 yes or done, 1 no or a finding, 2 wrong usage, 4 an error of ours with code, message and hint on
standard error (as JSON when `--json` was given). `verify run` has its own: see that command.
"""

import json
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated

import typer
from rich.console import Console

from safeconduct.errors import SafeconductError

JsonFlag = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on standard output.")]


class ExitCode(IntEnum):
    """What the command's exit status means."""

    YES = 0
    NO = 1
    USAGE = 2
    ERROR = 4


def console() -> Console:
    """Return a console on standard output that adds no color where none is wanted."""
    return Console(highlight=False, soft_wrap=True)


def progress_console(*, always: bool = False) -> Console:
    """Return a console on standard error for progress, so that standard output stays clean.

    With `always` it draws where standard error is no terminal as well.
    """
    return Console(stderr=True, highlight=False, force_terminal=True if always else None)


def remark(text: str) -> None:
    """Say something beside the answer, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def answer(data: Mapping[str, object], *, as_json: bool, text: str) -> None:
    """Print the answer: the data as JSON, or the text for a person.

    It is flushed, because `serve` goes on running and whoever started it through a pipe waits for the link.
    """
    if as_json:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")
    else:
        console().print(text, markup=False)
    sys.stdout.flush()


def complain(error: SafeconductError, *, as_json: bool) -> None:
    """Print one of our errors on standard error."""
    if as_json:
        sys.stderr.write(json.dumps({"error": error.as_dict()}, ensure_ascii=False, default=str) + "\n")
        return
    sys.stderr.write(f"error [{error.code}]: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
