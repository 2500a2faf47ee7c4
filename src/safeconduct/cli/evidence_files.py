# SPDX-License-Identifier: Apache-2.0
"""Evidence of another tool as files: the drafts it gives, and every row of it as JSON Lines if they are wanted."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from safeconduct.cli.whole_files import whole_file
from safeconduct.domain.safe_json import DEFAULT_LIMITS
from safeconduct.errors import TooLargeError
from safeconduct.formats.base import Reading
from safeconduct.formats.catalog import READERS, FormatName, format_of
from safeconduct.formats.evidence import BundleDraft, Provenance, ReadOptions, Row, RowSink
from safeconduct.formats.evidence.reader import draft_of
from safeconduct.formats.garak import read_garak, reading_of

EVIDENCE: Final = frozenset({FormatName.GARAK, *READERS})
BUNDLED: Final = EVIDENCE - {FormatName.MODELSCAN, FormatName.PICKLESCAN}
"""The evidence that gives a bundle: a scan of files names no prompt that could be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file gave: what was read, the draft of a bundle if there is one, and the number of rows written."""

    reading: Reading
    draft: BundleDraft | None = None


def read_file(
    stream: BinaryIO, source: FormatName, *, options: ReadOptions, rows: Path | None, now: datetime
) -> Imported:
    """Return what a file of the format gives; the rows are written only when all of it could be read.

    Raises:
        MalformedError: the file cannot be read as this format.
        IncompleteError: a person must say what the file does not.
        TooLargeError: it passes a limit.
    """
    with ExitStack() as stack:
        sink = stack.enter_context(_sink(rows)) if rows is not None else None
        if source is FormatName.GARAK:
            garak = read_garak(stream, now=now, sink=sink)
            return Imported(reading=reading_of(garak), draft=garak.bundle)
        reader = READERS.get(source)
        if reader is not None:
            draft = draft_of(reader(stream, options=options, sink=sink), now=now)
            reading = Reading(record=draft.report, loss=draft.loss, remarks=draft.remarks)
            return Imported(reading=reading, draft=draft.bundle)
        return Imported(reading=format_of(source, now=now).read(_limited(stream)))


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
