# SPDX-License-Identifier: Apache-2.0
"""Reads of triage: the queue, one assessment, what is known that looks alike, and what waits for the gate."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError
from safeconduct.policy import comparables
from safeconduct.policy.duplicates import Corpus, Item, Match
from safeconduct.policy.priority import Reproduction
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report, ReportStatus
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import queries as registry
from safeconduct.server.triage.models import Appeal, Assessment, AssessmentState, GateRun, GateState

GATE_ATTEMPTS = 3
RETRY = timedelta(minutes=10)
CANDIDATES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """What part of the queue is looked at. Empty values do not filter."""

    state: str = ""
    tier: str = ""
    gate: str = ""


def assessments_for(viewer: Viewer) -> QuerySet[Assessment]:
    """Return the assessments the viewer may see: those who coordinate see all, the others none."""
    if not viewer.has(Role.COORDINATOR):
        return Assessment.objects.none()
    return Assessment.objects.select_related("report", "decided_by", "duplicate_of")


def queue(viewer: Viewer, wanted: QueueFilter) -> QuerySet[Assessment]:
    """Return the queue in its order; without a state, what is still open."""
    found = assessments_for(viewer).order_by("priority", "made_at")
    found = found.filter(state=wanted.state) if wanted.state else found.filter(state__in=("open", "waiting"))
    if wanted.tier:
        found = found.filter(tier=wanted.tier)
    if wanted.gate:
        found = found.filter(gate=wanted.gate)
    return found


def assessment_for(viewer: Viewer, assessment_id: str) -> Assessment:
    """Return one assessment.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    assessment = assessments_for(viewer).filter(pk=assessment_id).first()
    if assessment is None:
        raise NotFoundError("no such assessment")
    return assessment


def assessment_of(row: Report) -> Assessment | None:
    """Return the assessment of a report, or nothing while none was made."""
    return Assessment.objects.filter(report=row).first()


def last_run(row: Report) -> GateRun | None:
    """Return the latest run of the gate for a report."""
    return row.gate_runs.select_related("target").first()


def reproduction_of(row: Report) -> Reproduction:
    """Return what is known of the report's evidence. What nobody could run is not run, never failed."""
    if not row.has_bundle:
        return Reproduction.NONE
    run = last_run(row)
    match run.state if run else GateState.NOT_RUN:
        case GateState.REPRODUCED:
            return Reproduction.REPRODUCED
        case GateState.NOT_REPRODUCED:
            return Reproduction.NOT_REPRODUCED
        case _:
            return Reproduction.NOT_RUN


def to_assess(limit: int) -> list[Report]:
    """Return the reports that have no assessment yet, oldest first."""
    return list(Report.objects.filter(assessment__isnull=True, status__in=intake.OPEN).order_by("received_at")[:limit])


def to_gate(now: datetime, limit: int) -> list[Report]:
    """Return the reports whose bundle is to be run: never run, left by a crash, or failed and due for another try."""
    done = GateRun.objects.filter(
        Q(state__in=(GateState.REPRODUCED, GateState.NOT_REPRODUCED, GateState.INVALID))
        | Q(state=GateState.RUNNING, lease_until__gt=now)
        | Q(state=GateState.ERROR, ended_at__gt=now - RETRY)
        | Q(attempts__gte=GATE_ATTEMPTS),
        report=OuterRef("pk"),
    )
    waiting = Report.objects.filter(has_bundle=True, status__in=intake.OPEN).exclude(Exists(done))
    return list(waiting.order_by("received_at")[:limit])


def candidates(row: Report) -> tuple[Match, ...]:
    """Return what is known that looks like this report, best first: other reports, and public entries."""
    corpus = Corpus(item for item in _known() if item.id != row.pk)
    return corpus.candidates(_item(row), limit=CANDIDATES)


def open_appeals(viewer: Viewer) -> QuerySet[Appeal]:
    """Return the appeals that wait for a decision."""
    return Appeal.objects.filter(decided_at__isnull=True, assessment__in=assessments_for(viewer))


def appeal_for(viewer: Viewer, appeal_id: int) -> Appeal:
    """Return one open appeal.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    appeal = open_appeals(viewer).filter(pk=appeal_id).first()
    if appeal is None:
        raise NotFoundError("no such appeal")
    return appeal


def decided(state: AssessmentState) -> QuerySet[Assessment]:
    """Return the assessments that ended so, for measures."""
    return Assessment.objects.filter(state=state)


def _known() -> Iterator[Item]:
    comparable = Report.objects.exclude(status=ReportStatus.WITHDRAWN)
    for row in comparable.iterator(chunk_size=200):
        yield _item(row)
    for entry in registry.public_entries().iterator(chunk_size=200):
        yield comparables.from_advisory(registry.record_of(entry))


def _item(row: Report) -> Item:
    told = intake.opened(row).told
    return comparables.from_report(told, item_id=row.pk, files=[file.sha256 for file in intake.files_of(row)])
