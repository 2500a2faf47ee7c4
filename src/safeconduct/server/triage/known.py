# SPDX-License-Identifier: Apache-2.0
"""What is known that looks like a report: an index in memory over the reports and the public entries.

Each process has an index of its own. Before every answer a few counts tell whether anything came or went since; if so,
the index is compared with the database by identifier and mark of the last change, so a report that another process took
in is found, and one that was withdrawn or shredded is forgotten. Opening a report costs most, and each process opens it
once.

The index holds fingerprints, names of systems and counted words, no texts, of at most `MOST` reports and `MOST`
entries, the newest.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from safeconduct.errors import SafeconductError
from safeconduct.policy import comparables
from safeconduct.policy.duplicates import Corpus, Item, Match
from safeconduct.server.audit import vault
from safeconduct.server.audit.models import SubjectKey
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Attachment, Report, ReportStatus
from safeconduct.server.registry import queries as registry
from safeconduct.server.registry.models import Entry

MOST = 20_000
AT_ONCE = 200
CANDIDATES = 5
LEAST_SCORE = 0.15
MOST_WASTE = 0.3

log = logging.getLogger("safeconduct.triage")


class Known:
    """The index of one process; safe to ask from several threads."""

    def __init__(self) -> None:
        """Begin empty; the first question fills it."""
        self._lock = threading.Lock()
        self._corpus = Corpus()
        self._marks: dict[str, str] = {}
        self._pulse: tuple[object, ...] = ()

    def __len__(self) -> int:
        return len(self._corpus)

    def candidates(self, row: Report) -> tuple[Match, ...]:
        """Return what looks like the report, best first, the report itself left out.

        Raises:
            SealError: the report was shredded.
        """
        asked = _item(row)
        with self._lock:
            self._refresh()
            found = self._corpus.candidates(asked, limit=CANDIDATES)
        return tuple(match for match in found if match.score >= LEAST_SCORE)

    def _refresh(self) -> None:
        """Bring the index to the state of the database, if that has changed."""
        pulse = _pulse()
        if pulse == self._pulse:
            return
        reports, entries = _report_marks(), _entry_marks()
        marks = reports | entries
        for name in [name for name, mark in self._marks.items() if marks.get(name) != mark]:
            self._corpus.remove(name)
            del self._marks[name]
        if self._corpus.waste > MOST_WASTE:
            self._corpus, self._marks = Corpus(), {}
        for item in self._missing(reports, entries):
            self._corpus.add(item)
            self._marks[item.id] = marks[item.id]
        # What could not be opened is marked as well, so that it is not tried again at every question.
        self._marks, self._pulse = marks, pulse

    def _missing(self, reports: Mapping[str, str], entries: Mapping[str, str]) -> Iterator[Item]:
        """Yield what the index does not hold yet, the oldest first."""
        yield from _items_of_reports([name for name in reversed(list(reports)) if name not in self._marks])
        yield from _items_of_entries([name for name in reversed(list(entries)) if name not in self._marks])


_known = Known()


def candidates(row: Report) -> tuple[Match, ...]:
    """Return what is known that looks like this report, best first: other reports, and public entries.

    Raises:
        SealError: the report was shredded.
    """
    return _known.candidates(row)


def _pulse() -> tuple[object, ...]:
    """Return what differs whenever a mark does: reports are never deleted, and none comes back that went.

    So the two numbers of reports, all and those that can be compared, are the same only where nothing came or went; the
    greatest identifier tells one database from another that was put in its place.
    """
    reports = Report.objects.aggregate(Count("pk"), Max("pk"), comparable=Count("pk", filter=_is_comparable()))
    entries = registry.public_entries().filter(record__isnull=False).aggregate(Count("pk"), Max("modified_at"))
    return (*reports.values(), Attachment.objects.count(), *entries.values())


def _report_marks() -> dict[str, str]:
    rows = (
        comparable_reports()
        .annotate(files=Count("attachments"))
        .order_by("-received_at", "-id")
        .values_list("pk", "files")[:MOST]
    )
    return {name: str(files) for name, files in rows}


def comparable_reports() -> QuerySet[Report]:
    """Return the reports that others are compared with: not withdrawn, and not shredded."""
    return Report.objects.filter(_is_comparable())


def _is_comparable() -> Q:
    return ~Q(status=ReportStatus.WITHDRAWN) & Q(Exists(SubjectKey.objects.filter(subject=OuterRef("pk"))))


def _entry_marks() -> dict[str, str]:
    readable = registry.public_entries().filter(record__isnull=False)
    rows = readable.order_by("-published_at", "-id").values_list("public_id", "modified_at")[:MOST]
    return {name: str(modified) for name, modified in rows}


def _items_of_reports(names: Sequence[str]) -> Iterator[Item]:
    for part in _parts(names):
        with vault.keys_at_hand(part):
            rows = Report.objects.filter(pk__in=part).prefetch_related("attachments")
            items = [item for row in rows for item in _if_readable(row)]
        yield from items


def _if_readable(row: Report) -> tuple[Item, ...]:
    try:
        return (_item(row),)
    except SafeconductError as error:
        # One record that cannot be opened must not hide all others.
        log.warning("not compared", extra={"facts": {"report": row.pk, "code": error.code}})
        return ()


def _items_of_entries(names: Sequence[str]) -> Iterator[Item]:
    for part in _parts(names):
        for entry in Entry.objects.filter(public_id__in=part):
            yield replace(comparables.from_advisory(registry.record_of(entry)), id=entry.public_id)


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), AT_ONCE):
        yield names[start : start + AT_ONCE]


def _item(row: Report) -> Item:
    told = intake.opened(row).told
    return comparables.from_report(told, item_id=row.pk, files=[file.sha256 for file in intake.files_of(row)])
