# SPDX-License-Identifier: Apache-2.0
"""garak, the LLM vulnerability scanner: its result files as the draft of a report and of a reproduction bundle.

Format facts are in `reading`; `RunLog` writes evidence of other scanners in the same format. A report draft cannot be
written back as a garak file, because the outputs that were judged are not kept.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import DEFAULT_LIMITS, JsonLimits
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Fate, Loss, LossEntry, Reading, Record, Remark, Writing
from safeconduct.formats.evidence.run import RowSink
from safeconduct.formats.garak.bundle import BundleDraft, bundle_of
from safeconduct.formats.garak.draft import questions_of, report_of
from safeconduct.formats.garak.reading import read_run
from safeconduct.formats.garak.run import FamilyCount, HitPrompt, LogKind, Run
from safeconduct.formats.garak.runlog import LoggedAttempt, LoggedRun, RunLog

__all__ = [
    "BundleDraft",
    "FamilyCount",
    "GarakDraft",
    "GarakFormat",
    "HitPrompt",
    "LogKind",
    "LoggedAttempt",
    "LoggedRun",
    "Run",
    "RunLog",
    "read_garak",
    "read_run",
    "reading_of",
]

NAME: Final = "garak"

_LOST: Final[Mapping[str, str]] = {
    "/attempt/outputs": "outputs may be harmful; keep the file as a sealed attachment",
    "/attempt/conversations": "outputs may be harmful; keep the file as a sealed attachment",
    "/attempt/reverse_translation_outputs": "outputs may be harmful; keep the file as a sealed attachment",
    "/attempt/goal": "the class of the flaw stands for it",
    "/attempt/intent": "no field of a report names garak's intents",
    "/eval/confidence_lower": "the interval is computed anew from the counts",
    "/eval/confidence_upper": "the interval is computed anew from the counts",
    "/eval/hit_at_k": "the trials count single outputs",
    "/plugin_cache": "a description of garak's own plugins",
    "/digest": "computed from the entries above it",
    "/tree_data": "how a probe searched, not what was found",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GarakDraft:
    """What a garak file gives: the run's facts, the draft of a report, the draft of a bundle, and what to look at."""

    run: Run
    report: Report
    bundle: BundleDraft
    remarks: tuple[Remark, ...]


def read_garak(
    stream: BinaryIO, *, now: datetime, limits: JsonLimits = DEFAULT_LIMITS, sink: RowSink | None = None
) -> GarakDraft:
    """Return the drafts from a report file or a hit log; `now` stands in where the file tells no time.

    `sink` gets every judged output; the stream is then read twice and must be seekable.

    Raises:
        MalformedError: a line cannot be read, also when it was cut in the middle; `facts["line"]` is its number.
        TooLargeError: a line or the file passes a limit.
    """
    run = read_run(stream, limits=limits, sink=sink)
    report = report_of(run, now=now)
    remarks = (*run.remarks, *questions_of(run))
    return GarakDraft(run=run, report=report, bundle=bundle_of(run, report), remarks=remarks)


def reading_of(draft: GarakDraft) -> Reading:
    """Return the draft of the report as any format returns what it read, with its loss."""
    entries = tuple(LossEntry(source=at, fate=Fate.DROPPED, reason=reason) for at, reason in _LOST.items())
    loss = Loss(source_format=NAME, target_format="native", entries=entries)
    return Reading(record=draft.report, loss=loss, remarks=draft.remarks)


class GarakFormat:
    """garak's result files; read only."""

    name = NAME
    title = "garak report or hit log"

    def __init__(self, *, now: datetime) -> None:
        """Keep the instant that stands in where a file tells no time."""
        self._now = now

    def read(self, data: bytes) -> Reading:
        """Return the draft of a report; see `Format.read`."""
        return reading_of(read_garak(io.BytesIO(data), now=self._now))

    def write(self, record: Record) -> Writing:
        """Refuse: evidence is measured, not converted.

        Raises:
            MalformedError: always.
        """
        raise MalformedError(
            f"a {type(record).__name__.lower()} cannot be written as garak evidence",
            hint="the outputs that were judged are not kept; run the scanner, or use RunLog",
        )

    def check(self, data: bytes) -> tuple[Remark, ...]:
        """Return what does not fit together in the file; see `Format.check`."""
        return read_run(io.BytesIO(data)).remarks
