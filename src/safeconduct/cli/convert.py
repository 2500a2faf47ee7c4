# SPDX-License-Identifier: Apache-2.0
"""`safeconduct convert`: any format to any, through the native record; what could not be carried is told.

The document goes to `--out` or to standard output, the account of losses and remarks to standard error, so that the
document can be piped. Files appear whole or not at all. Evidence of another tool becomes the draft of a report; with
`--bundle` also that of a reproduction bundle, with `--rows` every judged output of it. A bundle goes the other way: its
disclosed part becomes a folder that Inspect, promptfoo or garak runs.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.progress import wrap_file

from safeconduct.cli.evidence_files import BUNDLED, EVIDENCE, Imported, read_file
from safeconduct.cli.handing_out import write_folder
from safeconduct.cli.output import JsonFlag, answer, progress_console
from safeconduct.cli.whole_files import write_whole
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.safe_json import printable
from safeconduct.errors import NotFoundError
from safeconduct.formats.base import Level, Loss, Remark, Writing
from safeconduct.formats.catalog import TITLES, FormatName, format_of
from safeconduct.formats.detection import detected, holds_bundle
from safeconduct.formats.evidence import HitWhen, ReadOptions
from safeconduct.formats.handout import Handout
from safeconduct.formats.jsonl import fields_of
from safeconduct.server.campaigns.handouts import WRITERS, handout_of
from safeconduct.verification.bundle import read_bundle, write_bundle

SHOWN_LOSSES: Final = 20


class SourceName(StrEnum):
    """What a file may be: a format, a reproduction bundle, or `auto` to look into it."""

    AUTO = "auto"
    NATIVE = "native"
    CSAF = "csaf"
    OSV = "osv"
    GARAK = "garak"
    INSPECT = "inspect"
    PROMPTFOO = "promptfoo"
    PYRIT = "pyrit"
    MODELSCAN = "modelscan"
    PICKLESCAN = "picklescan"
    JSONL = "jsonl"
    BUNDLE = "bundle"


SourceOption = Annotated[SourceName, typer.Option("--from", help="What the file is; auto looks into it.")]
TargetOption = Annotated[FormatName, typer.Option("--to", help="What it shall become.")]
OutOption = Annotated[
    Path | None,
    typer.Option(help="Where to write the document, standard output without it; for a bundle the new folder."),
]
LossOption = Annotated[Path | None, typer.Option(help="Where to write the loss report as JSON.")]
BundleOption = Annotated[
    Path | None,
    typer.Option(help="From evidence: where to write the draft bundle, a new folder or a name ending in .zip."),
]
RowsOption = Annotated[
    Path | None, typer.Option(help="From evidence: where to write every judged output, as JSON Lines.")
]
HitWhenOption = Annotated[
    HitWhen | None,
    typer.Option(help="From Inspect or promptfoo: whether a correct answer means that the attack succeeded."),
]
ThresholdOption = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="From Inspect or jsonl: the score from which on it counts.")
]
FieldOption = Annotated[
    list[str] | None, typer.Option("--field", metavar="NAME=/POINTER", help="From jsonl: where a field stands.")
]
TrainingOption = Annotated[
    bool, typer.Option("--for-training", help="From a bundle: to be trained on; refused unless its reporter allows it.")
]
VariantsOption = Annotated[
    int, typer.Option(min=1, max=10_000, help="From a bundle: at most so many variants of each family.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversion:
    """What one run of the command did."""

    source: FormatName
    imported: Imported
    writing: Writing
    bundle_id: str = ""

    @property
    def losses(self) -> tuple[Loss, Loss]:
        return self.imported.reading.loss, self.writing.loss

    @property
    def remarks(self) -> tuple[Remark, ...]:
        draft = self.imported.draft if self.bundle_id else None
        return (*self.imported.reading.remarks, *(draft.remarks if draft else ()))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(convert)


def convert(
    file: Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")],
    source: SourceOption = SourceName.AUTO,
    target: TargetOption = FormatName.NATIVE,
    *,
    out: OutOption = None,
    loss: LossOption = None,
    bundle: BundleOption = None,
    rows: RowsOption = None,
    hit_when: HitWhenOption = None,
    threshold: ThresholdOption = 0.5,
    field: FieldOption = None,
    variants: VariantsOption = 50,
    for_training: TrainingOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Convert a file from one format to another and tell what could not be carried."""
    if source is SourceName.BUNDLE or (source is SourceName.AUTO and _is_bundle(file)):
        taken = partial(handout_of, per_family=variants, for_training=for_training)
        _hand_out(file, target, out=out, loss=loss, take=taken, as_json=as_json)
        return
    now = datetime.now(UTC)
    options = ReadOptions(hit_when=hit_when, threshold=threshold, fields=fields_of(field or []))
    with _opened(file) as stream:
        name = detected(stream) if source is SourceName.AUTO else FormatName(source.value)
        _require_fitting(name, bundle=bundle, rows=rows)
        imported = read_file(stream, name, options=options, rows=rows, now=now)
    writing = format_of(target, now=now).write(imported.reading.record)
    bundle_id = ""
    if bundle is not None and imported.draft is not None:
        bundle_id = write_bundle(imported.draft.bundle, bundle).id
    done = _Conversion(source=name, imported=imported, writing=writing, bundle_id=bundle_id)
    if loss is not None:
        write_whole(loss, (json.dumps(_losses(done), indent=2, ensure_ascii=False) + "\n").encode())
    if out is not None:
        write_whole(out, writing.data)
    _tell(done, out=out, bundle=bundle, as_json=as_json)


def _is_bundle(file: Path) -> bool:
    """Say whether the file is a folder or an archive that holds a bundle."""
    if file.is_dir():
        return True
    with _opened(file) as stream:
        return holds_bundle(stream)


def _hand_out(
    file: Path,
    target: FormatName,
    *,
    out: Path | None,
    loss: Path | None,
    take: Callable[[Bundle], Handout],
    as_json: bool,
) -> None:
    """Write the disclosed part of a bundle as a folder that another tool runs."""
    writer = WRITERS.get(target)
    if writer is None:
        raise typer.BadParameter(f"a bundle becomes {', '.join(sorted(WRITERS))}", param_hint="--to")
    if out is None:
        raise typer.BadParameter("name the new folder", param_hint="--out")
    handout = take(read_bundle(file))
    made = writer(handout)
    write_folder(made, out)
    if loss is not None:
        write_whole(loss, (json.dumps(made.loss.as_dict(), indent=2, ensure_ascii=False) + "\n").encode())
    facts = {"from": "bundle", "bundle_id": handout.bundle_id, "out": str(out), "cases": len(handout.cases)}
    lines = [f"Wrote {out} with {len(handout.cases)} variants of the disclosed part.", *_lost(made.loss)]
    told = {**facts, "files": sorted(made.files), "loss": made.loss.as_dict()}
    answer(told, as_json=as_json, text="\n".join(map(printable, lines)))


def _require_fitting(name: FormatName, *, bundle: Path | None, rows: Path | None) -> None:
    """Refuse what the format cannot give."""
    if bundle is not None and name not in BUNDLED:
        given = ", ".join(sorted(BUNDLED))
        raise typer.BadParameter(f"{TITLES[name]}: only {given} give a bundle", param_hint="--bundle")
    if rows is not None and name not in EVIDENCE:
        raise typer.BadParameter(f"{TITLES[name]}: only evidence has rows", param_hint="--rows")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Open the file for reading, with a progress bar where somebody looks."""
    try:
        stream = file.open("rb")
        size = file.stat().st_size
    except OSError as error:
        raise NotFoundError("the file cannot be read", hint="look at its name and permissions") from error
    bar = wrap_file(
        stream,
        size,
        description="Reading",
        console=progress_console(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with stream, bar as shown:
        yield shown


def _losses(done: _Conversion) -> dict[str, object]:
    reading, writing = done.losses
    return {"reading": reading.as_dict(), "writing": writing.as_dict()}


def _tell(done: _Conversion, *, out: Path | None, bundle: Path | None, as_json: bool) -> None:
    if as_json:
        facts: dict[str, object] = {
            "from": done.source.value,
            "name": done.writing.name,
            "out": str(out or ""),
            "bundle": str(bundle or ""),
            "bundle_id": done.bundle_id,
            "loss": _losses(done),
            "rates": [rate.as_dict() for rate in done.imported.rates],
            "remarks": [remark.as_dict() for remark in done.remarks],
        }
        answer(facts if out else {**facts, "document": json.loads(done.writing.data)}, as_json=True, text="")
        return
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(done.writing.data)
        sys.stdout.buffer.flush()
    lines = (printable(line) for line in _account(done, out=out, bundle=bundle))
    progress_console().print("\n".join(lines), markup=False, soft_wrap=True)


def _account(done: _Conversion, *, out: Path | None, bundle: Path | None) -> Iterator[str]:
    """Yield what was done, lost and remarked, line by line."""
    if out is not None:
        yield f"Wrote {out} ({len(done.writing.data)} bytes)."
    if bundle is not None:
        yield f"Wrote the draft bundle {bundle}, id {done.bundle_id}."
    for loss in done.losses:
        if loss.source_format != loss.target_format:
            yield from _lost(loss)
    yield from map(str, done.imported.rates[:SHOWN_LOSSES])
    for remark in done.remarks:
        word = "Error" if remark.level is Level.ERROR else "Note"
        yield f"{word}: {remark.at + ': ' if remark.at else ''}{remark.message}"


def _lost(loss: Loss) -> Iterator[str]:
    """Yield what one conversion lost, line by line."""
    lost = loss.lost
    carried = f"{len(loss.entries) - len(lost)} fields carried, " if len(loss.entries) > len(lost) else ""
    yield f"{loss.source_format} to {loss.target_format}: {carried}{len(lost)} not carried."
    yield from (f"  {entry.source} ({entry.fate.value}): {entry.reason}" for entry in lost[:SHOWN_LOSSES])
    if len(lost) > SHOWN_LOSSES:
        yield f"  and {len(lost) - SHOWN_LOSSES} more; --loss FILE tells all"
