# SPDX-License-Identifier: Apache-2.0
"""`safeconduct registry duplicates`: likely duplicates among records, without a server.

The input is JSON Lines of `{"id", "package", "text"}`, `package` may be empty. The output is JSON Lines too, one for
each line of input in its order: `{"id", "matches": [{"id", "score", "likeness", "reasons"}]}`, best first. Candidates
only: a person decides.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from safeconduct.cli.output import JsonFlag, progress_console
from safeconduct.domain.safe_json import Json, read_lines
from safeconduct.errors import MalformedError
from safeconduct.policy.comparables import from_line
from safeconduct.policy.duplicates import Corpus, Item

LINES_WORTH_A_BAR = 200

registry = typer.Typer(help="The register: duplicates, search, import.", no_args_is_help=True)

LinesFile = Annotated[Path, typer.Argument(metavar="FILE.jsonl", exists=True, dir_okay=False, help="JSON Lines.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(registry, name="registry")


@registry.command("duplicates")
def duplicates(
    file: LinesFile,
    *,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", exists=True, dir_okay=False, help="Compare with these records, not with each other."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Matches told for each record.")] = 10,
    as_json: JsonFlag = False,  # noqa: ARG001  # JSON Lines is the only form there is
) -> None:
    """Find likely duplicates of each record, among the others of the file or in other files."""
    items = list(_read(file))
    known = [item for path in against for item in _read(path)] if against else items
    corpus = Corpus(known)
    for item in _watched(items):
        matches = corpus.candidates(item, limit=limit)
        line = {"id": item.id, "matches": [match.as_dict() for match in matches]}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def _watched(items: list[Item]) -> Iterable[Item]:
    """Return the items, with a progress bar on standard error where there are many and a person looks on."""
    quiet = len(items) < LINES_WORTH_A_BAR or not sys.stderr.isatty()
    return track(items, description="comparing", console=progress_console(), disable=quiet)


def _read(path: Path) -> Iterator[Item]:
    """Yield the records of a file.

    Raises:
        MalformedError: a line is no record; the message names it by its number.
        TooLargeError: a line or the file passes a limit.
    """
    with path.open("rb") as stream:
        for number, value in read_lines(stream):
            yield _item(value, number=number)


def _item(value: Json, *, number: int) -> Item:
    """Return the record of one line."""
    if not isinstance(value, dict):
        raise MalformedError(f"line {number}: an object is expected", hint=_HINT)
    texts = {name: value.get(name, "") for name in ("id", "package", "text")}
    told = {name: text for name, text in texts.items() if isinstance(text, str)}
    if len(told) != len(texts) or not told["id"]:
        raise MalformedError(f"line {number}: id, package and text are texts, and the id is not empty", hint=_HINT)
    return from_line(item_id=told["id"], package=told["package"], text=told["text"])


_HINT = 'each line is like {"id": "R1", "package": "example", "text": "what happens"}'
