# SPDX-License-Identifier: Apache-2.0
"""Evidence of another tool as files: the drafts it gives, and every row of it as JSON Lines if they are wanted."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from safeconduct.cli.evidence_rates import Rate, Rates
from safeconduct.cli.whole_files import whole_file
from safeconduct.domain.safe_json import DEFAULT_LIMITS
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.base import Reading
from safeconduct.formats.catalog import READERS, FormatName, format_of
from safeconduct.formats.evidence import BundleDraft, Provenance, ReadOptions, Row, RowSink
from safeconduct.formats.evidence.reader import draft_of
from safeconduct.formats.garak import LogKind, read_garak, reading_of

EVIDENCE: Final = frozenset({FormatName.GARAK, *READERS})
BUNDLED: Final = EVIDENCE - {FormatName.MODELSCAN, FormatName.PICKLESCAN}
"""The evidence that gives a bundle: a scan of files names no prompt that could be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file gave: what was read, and of evidence the draft of a bundle and the rates that it shows."""

    reading: Reading
    draft: BundleDraft | None = None
    rates: tuple[Rate, ...] = ()


def read_file(
    stream: BinaryIO, source: FormatName, *, options: ReadOptions, rows: Path | None, now: datetime
) -> Imported:
    """Return what a file of the format gives; the rows are written only when all of it could be read.

    Raises:
        MalformedError: the file cannot be read as this format.
        IncompleteError: a person must say what the file does not.
        TooLargeError: it passes a limit.
    """
    rates = Rates()
    with ExitStack() as stack:
        writer = stack.enter_context(_sink(rows)) if rows is not None else None

        def sink(provenance: Provenance, row: Row) -> None:
            rates.take(provenance, row)
            if writer is not None:
                writer(provenance, row)

        if source is FormatName.GARAK:
            garak = read_garak(stream, now=now, sink=sink)
            if garak.run.kind is LogKind.HIT_LOG:
                _require_no_rows(rows)
                return Imported(reading=reading_of(garak), draft=garak.bundle)
            return Imported(reading=reading_of(garak), draft=garak.bundle, rates=rates.told())
        reader = READERS.get(source)
        if reader is None:
            return Imported(reading=format_of(source, now=now).read(_limited(stream)))
        draft = draft_of(reader(stream, options=options, sink=sink), now=now)
        reading = Reading(record=draft.report, loss=draft.loss, remarks=draft.remarks)
        return Imported(reading=reading, draft=draft.bundle, rates=rates.told() if draft.bundle else ())


def _require_no_rows(rows: Path | None) -> None:
    """Refuse rows of a file that tells hits only: whoever read them again would see a rate of one."""
    if rows is not None:
        raise MalformedError("a hit log tells hits and no misses, so it has no rows", hint="give the ….report.jsonl")


def _limited(stream: BinaryIO) -> bytes:
    limit = DEFAULT_LIMITS.document_bytes
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"the file has more than {limit} bytes", hint="one file holds one record", limit=limit)
    return data


@contextmanager
def _sink(path: Path) -> Iterator[RowSink]:
    with whole_file(path) as stream:

        def write(source: Provenance, row: Row) -> None:
            stream.write((json.dumps(row.as_dict(source), ensure_ascii=True) + "\n").encode())

        yield write
