# SPDX-License-Identifier: Apache-2.0
"""What every reader of evidence offers, and how a run becomes what a format returns.

A reader takes a seekable stream, so that the whole file is hashed before the first row is told. Evidence is read only:
it is measured, not converted.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import JsonLimits
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.base import Fate, Loss, LossEntry, Reading, Record, Remark, Writing
from safeconduct.formats.evidence.bundle import BundleDraft, bundle_of
from safeconduct.formats.evidence.draft import questions_of, report_of
from safeconduct.formats.evidence.run import ReadOptions, RowSink, Run

DOCUMENT_LIMIT: Final = 128 << 20
"""The most bytes of one JSON document of evidence; larger ones come in the tool's streaming form."""
FILE_LIMIT: Final = 2 << 30
DOCUMENT: Final = JsonLimits(document_bytes=DOCUMENT_LIMIT)
_BLOCK: Final = 1 << 20


class Reader(Protocol):
    """Reads the file of one tool."""

    def __call__(self, stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
        """Return the facts of the run; `sink` gets every row.

        Raises:
            MalformedError: the file cannot be read as what the tool writes.
            IncompleteError: the file does not tell what a person must say; `facts["missing"]` names it.
            TooLargeError: it passes a limit.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDraft:
    """What evidence gives: the run's facts, a report, a bundle if there is one to make, and what to look at."""

    run: Run
    report: Report
    bundle: BundleDraft | None
    remarks: tuple[Remark, ...]
    loss: Loss


def draft_of(run: Run, *, now: datetime) -> EvidenceDraft:
    """Return the drafts that a run gives; `now` stands in where the file tells no time."""
    report = report_of(run, now=now)
    entries = tuple(LossEntry(source=at, fate=Fate.DROPPED, reason=reason) for at, reason in run.lost.items())
    return EvidenceDraft(
        run=run,
        report=report,
        bundle=bundle_of(run, report) if run.stochastic else None,
        remarks=(*run.remarks, *questions_of(run)),
        loss=Loss(source_format=run.source.tool, target_format="native", entries=entries),
    )


class EvidenceFormat:
    """The files of one tool as a format; read only."""

    def __init__(self, reader: Reader, *, name: str, title: str, now: datetime) -> None:
        """Keep the reader, and the instant that stands in where a file tells no time."""
        self.name = name
        self.title = title
        self._reader = reader
        self._now = now

    def read(self, data: bytes) -> Reading:
        """Return the draft of a report; see `Format.read`."""
        draft = draft_of(self._run(data), now=self._now)
        return Reading(record=draft.report, loss=draft.loss, remarks=draft.remarks)

    def write(self, record: Record) -> Writing:
        """Refuse: evidence is measured, not converted.

        Raises:
            MalformedError: always.
        """
        raise MalformedError(
            f"a {type(record).__name__.lower()} cannot be written as evidence of {self.name}",
            hint="evidence is measured; a bundle can be written for the tool to run",
        )

    def check(self, data: bytes) -> tuple[Remark, ...]:
        """Return what does not fit together in the file; see `Format.check`."""
        return self._run(data).remarks

    def _run(self, data: bytes) -> Run:
        return self._reader(io.BytesIO(data), options=ReadOptions())


def sha256_of(stream: BinaryIO) -> str:
    """Return the digest of the whole stream and go back to its start.

    Raises:
        TooLargeError: it passes the limit of a file.
    """
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while block := stream.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if size > FILE_LIMIT:
            raise TooLargeError(f"the file has more than {FILE_LIMIT} bytes", hint="split the run", limit=FILE_LIMIT)
    stream.seek(0)
    return digest.hexdigest()


def document_of(stream: BinaryIO, *, hint: str) -> bytes:
    """Return the bytes of a document that is read whole.

    Raises:
        TooLargeError: it passes the limit; the hint tells the tool's other form.
    """
    data = stream.read(DOCUMENT_LIMIT + 1)
    if len(data) > DOCUMENT_LIMIT:
        raise TooLargeError(f"the document has more than {DOCUMENT_LIMIT} bytes", hint=hint, limit=DOCUMENT_LIMIT)
    return data


def dropped(*places: str, why: str) -> Mapping[str, str]:
    """Return places of a file that are left out for one reason."""
    return dict.fromkeys(places, why)
