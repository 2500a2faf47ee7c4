# SPDX-License-Identifier: Apache-2.0
"""`safeconduct convert`: any format to any, through the native record; what could not be carried is told.

The document goes to `--out` or to standard output, the account of losses and remarks to standard error, so that the
document can be piped. Files appear whole or not at all. From garak, `--bundle` writes the draft of the reproduction
bundle as well.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.progress import wrap_file

from safeconduct.cli.output import JsonFlag, answer, progress_console
from safeconduct.domain.safe_json import DEFAULT_LIMITS, printable
from safeconduct.errors import NotFoundError, TooLargeError, UnavailableError
from safeconduct.formats.base import Level, Loss, Reading, Remark, Writing
from safeconduct.formats.catalog import FormatName, format_of
from safeconduct.formats.garak import BundleDraft, read_garak, reading_of
from safeconduct.verification.bundle import write_bundle

SHOWN_LOSSES: Final = 20

SourceOption = Annotated[FormatName, typer.Option("--from", help="What the file is.")]
TargetOption = Annotated[FormatName, typer.Option("--to", help="What it shall become.")]
OutOption = Annotated[Path | None, typer.Option(help="Where to write the document; standard output without it.")]
LossOption = Annotated[Path | None, typer.Option(help="Where to write the loss report as JSON.")]
BundleOption = Annotated[
    Path | None,
    typer.Option(help="From garak: where to write the draft bundle, a new folder or a name ending in .zip."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversion:
    """What one run of the command did."""

    reading: Reading
    writing: Writing
    draft: BundleDraft | None = None
    bundle_id: str = ""

    @property
    def losses(self) -> tuple[Loss, Loss]:
        return self.reading.loss, self.writing.loss

    @property
    def remarks(self) -> tuple[Remark, ...]:
        return (*self.reading.remarks, *(self.draft.remarks if self.draft else ()))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(convert)


def convert(
    file: Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")],
    source: SourceOption,
    target: TargetOption,
    *,
    out: OutOption = None,
    loss: LossOption = None,
    bundle: BundleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Convert a file from one format to another and tell what could not be carried."""
    if bundle is not None and source is not FormatName.GARAK:
        raise typer.BadParameter("only a garak file gives a bundle", param_hint="--bundle")
    now = datetime.now(UTC)
    reading, draft = _read(file, source, now=now)
    writing = format_of(target, now=now).write(reading.record)
    bundle_id = ""
    if bundle is not None and draft is not None:
        bundle_id = write_bundle(draft.bundle, bundle).id
    done = _Conversion(reading=reading, writing=writing, draft=draft if bundle else None, bundle_id=bundle_id)
    if loss is not None:
        _write_whole(loss, (json.dumps(_losses(done), indent=2, ensure_ascii=False) + "\n").encode())
    if out is not None:
        _write_whole(out, writing.data)
    _tell(done, out=out, bundle=bundle, as_json=as_json)


def _read(file: Path, source: FormatName, *, now: datetime) -> tuple[Reading, BundleDraft | None]:
    with _opened(file) as stream:
        if source is FormatName.GARAK:
            draft = read_garak(stream, now=now)
            return reading_of(draft), draft.bundle
        limit = DEFAULT_LIMITS.document_bytes
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"the file has more than {limit} bytes", hint="one file holds one record", limit=limit)
    return format_of(source, now=now).read(data), None


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


def _write_whole(path: Path, data: bytes) -> None:
    """Write the file so that it is either whole or not there.

    Raises:
        UnavailableError: the disk does not take it.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnavailableError(f"{path.name} cannot be written", hint="look at the folder and the disk") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _losses(done: _Conversion) -> dict[str, object]:
    reading, writing = done.losses
    return {"reading": reading.as_dict(), "writing": writing.as_dict()}


def _tell(done: _Conversion, *, out: Path | None, bundle: Path | None, as_json: bool) -> None:
    if as_json:
        facts: dict[str, object] = {
            "name": done.writing.name,
            "out": str(out or ""),
            "bundle": str(bundle or ""),
            "bundle_id": done.bundle_id,
            "loss": _losses(done),
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
        if loss.source_format == loss.target_format:
            continue
        lost = loss.lost
        carried = f"{len(loss.entries) - len(lost)} fields carried, " if len(loss.entries) > len(lost) else ""
        yield f"{loss.source_format} to {loss.target_format}: {carried}{len(lost)} not carried."
        yield from (f"  {entry.source} ({entry.fate.value}): {entry.reason}" for entry in lost[:SHOWN_LOSSES])
        if len(lost) > SHOWN_LOSSES:
            yield f"  and {len(lost) - SHOWN_LOSSES} more; --loss FILE tells all"
    for remark in done.remarks:
        word = "Error" if remark.level is Level.ERROR else "Note"
        yield f"{word}: {remark.at + ': ' if remark.at else ''}{remark.message}"
