# SPDX-License-Identifier: Apache-2.0
"""Reads of triage: the queue, one assessment with its sealed parts opened, appeals, and what waits for the rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from safeconduct.domain.parties import Role
from safeconduct.domain.safe_json import read_json
from safeconduct.errors import NotFoundError
from safeconduct.policy.documented import Statement
from safeconduct.policy.priority import Lane, Reproduction
from safeconduct.server.audit import vault
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report, ReportStatus
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import known
from safeconduct.server.triage.judgment import lane_prefix
from safeconduct.server.triage.models import (
    Appeal,
    Assessment,
    AssessmentState,
    DocumentedBehavior,
    GateRun,
    GateState,
)
from safeconduct.server.triage.places import answers_place, appeal_place, detail_place, overrides_place

UNDECIDED = (AssessmentState.OPEN, AssessmentState.WAITING)
WITHDRAWN = "withdrawn"
NO_BUNDLE = "none"
FOUND = {
    GateState.REPRODUCED: Reproduction.REPRODUCED,
    GateState.NOT_REPRODUCED: Reproduction.NOT_REPRODUCED,
    GateState.INVALID: Reproduction.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """What part of the queue is looked at. Empty values do not filter.

    `state` is a state of an assessment, or `withdrawn`; `gate` one of the gate, or `none` for reports without a bundle.
    """

    state: str = ""
    tier: str = ""
    gate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAppeal:
    """An appeal with its text opened."""

    row: Appeal
    text: str


def assessments_for(viewer: Viewer) -> QuerySet[Assessment]:
    """Return the assessments the viewer may see: those who coordinate see all, the others none."""
    if not viewer.has(Role.COORDINATOR):
        return Assessment.objects.none()
    return Assessment.objects.select_related("report", "decided_by", "duplicate_of", "duplicate_entry")


def queue(viewer: Viewer, wanted: QueueFilter) -> QuerySet[Assessment]:
    """Return the queue in its order; without a state, what a person still has to decide."""
    found = _in_state(assessments_for(viewer), wanted.state).order_by("priority", "made_at", "pk")
    if wanted.tier:
        found = found.filter(tier=wanted.tier)
    if wanted.gate == NO_BUNDLE:
        return found.filter(report__has_bundle=False)
    return found.filter(gate=wanted.gate, report__has_bundle=True) if wanted.gate else found


def counts(viewer: Viewer) -> Mapping[str, int]:
    """Return how many assessments there are by state, with those of withdrawn reports apart; one query."""
    rows = (
        assessments_for(viewer)
        .order_by()
        .annotate(is_withdrawn=Q(report__status=ReportStatus.WITHDRAWN))
        .values_list("state", "is_withdrawn")
        .annotate(number=Count("pk"))
    )
    found: dict[str, int] = dict.fromkeys((*AssessmentState.values, WITHDRAWN), 0)
    for state, is_withdrawn, number in rows:
        found[WITHDRAWN if is_withdrawn and state in UNDECIDED else state] += number
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


def assessments_of(viewer: Viewer, report_ids: list[str]) -> Mapping[str, Assessment]:
    """Return the assessments of these reports by the report's identifier, as far as the viewer may see them."""
    return {found.report_id: found for found in assessments_for(viewer).filter(report__in=report_ids)}


def report_to_compare(viewer: Viewer, report_id: str) -> Report:
    """Return another report, to hold one against it.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    row = intake.reports_for(viewer).filter(pk=report_id).first()
    if row is None:
        raise NotFoundError("no such report")
    return row


def unassessed(viewer: Viewer) -> int:
    """Return how many reports wait for the rules, and are in the queue in a moment."""
    return intake.open_reports(viewer).filter(assessment__isnull=True).count()


def answers_of(assessment: Assessment) -> dict[str, Any]:
    """Return what the rules answered, by the names of `judgment.RULES`, and the candidates as `matches`.

    Raises:
        SealError: the report was shredded.
    """
    found = _opened_json(bytes(assessment.answers), assessment.report_id, answers_place(assessment.pk))
    return found if isinstance(found, dict) else {}


def overrides_of(assessment: Assessment) -> list[dict[str, Any]]:
    """Return what persons set, the oldest first: `field`, `value`, `reason`, `by` and `at`.

    Raises:
        SealError: the report was shredded.
    """
    found = _opened_json(bytes(assessment.overrides), assessment.report_id, overrides_place(assessment.pk))
    return found if isinstance(found, list) else []


def detail_of(run: GateRun) -> dict[str, Any]:
    """Return what a run of the gate left: `reason`, and of a run that was made its counts and digests.

    Raises:
        SealError: the report was shredded.
    """
    found = _opened_json(bytes(run.detail), run.report_id, detail_place(run.report_id))
    return found if isinstance(found, dict) else {}


def last_run(row: Report) -> GateRun | None:
    """Return the latest run of the gate for a report."""
    return row.gate_runs.select_related("target").first()


def runs_of(row: Report) -> list[GateRun]:
    """Return all runs of the gate for a report, the latest first."""
    return list(row.gate_runs.select_related("target"))


def reproduction_of(row: Report) -> Reproduction:
    """Return what is known of the report's evidence. What nobody could run is not run, never failed.

    A bundle that cannot be used shows nothing, like none. A run that failed or is going on takes nothing back: what an
    earlier one found still counts.
    """
    if not row.has_bundle:
        return Reproduction.NONE
    found = row.gate_runs.filter(state__in=FOUND).first()
    return FOUND[GateState(found.state)] if found else Reproduction.NOT_RUN


def to_assess(limit: int) -> list[Report]:
    """Return the reports that have no assessment yet, oldest first."""
    waiting = known.comparable_reports().filter(assessment__isnull=True, status__in=intake.OPEN)
    return list(waiting.order_by("received_at")[:limit])


def answered(limit: int) -> list[Assessment]:
    """Return the assessments that wait for a reporter who has answered since."""
    came = Assessment.objects.filter(state=AssessmentState.WAITING, report__status=ReportStatus.IN_TRIAGE)
    return list(came.select_related("report")[:limit])


def to_gate(now: datetime, limit: int) -> list[Report]:
    """Return the reports whose bundle is to be run, those that were never looked at first.

    That is: no run yet, one asked for, one that is due for another try, or one that found no target, where the targets
    that may be tested changed since.
    """
    latest = GateRun.objects.filter(report=OuterRef("pk")).order_by("-pk")
    due = (
        Q(run_state__isnull=True)
        | Q(run_state=GateState.QUEUED)
        | Q(run_due__lte=now)
        | (Q(run_state=GateState.NOT_RUN) & ~Q(run_looked=authorizations.mark_of_usable(now)))
    )
    waiting = (
        known.comparable_reports()
        .filter(has_bundle=True, status__in=intake.OPEN)
        .annotate(**{f"run_{name}": Subquery(latest.values(column)[:1]) for name, column in _RUN.items()})
        .filter(due)
    )
    return list(waiting.order_by(F("run_made").asc(nulls_first=True), "received_at", "pk")[:limit])


def documented_behavior(viewer: Viewer) -> QuerySet[DocumentedBehavior]:
    """Return what vendors document as intended and still holds: those who coordinate see it, the others nothing."""
    if not viewer.has(Role.COORDINATOR):
        return DocumentedBehavior.objects.none()
    return DocumentedBehavior.objects.filter(retired_at__isnull=True).select_related("added_by")


def documented_for(viewer: Viewer, behavior_id: int) -> DocumentedBehavior:
    """Return one entry of the list.

    Raises:
        NotFoundError: there is none that still holds, or the viewer may not see it.
    """
    found = documented_behavior(viewer).filter(pk=behavior_id).first()
    if found is None:
        raise NotFoundError("no such entry")
    return found


def statements() -> tuple[Statement, ...]:
    """Return what vendors document as intended, as the rule takes it."""
    return tuple(
        Statement(
            id=str(one.pk),
            vendor=one.vendor,
            product=one.product,
            flaw_class=one.flaw_class,
            phrases=tuple(one.phrases.splitlines()),
            says=one.says,
            reference=one.reference,
        )
        for one in DocumentedBehavior.objects.filter(retired_at__isnull=True)
    )


def put_off() -> int:
    """Return how many undecided reports stand below the cut of the queue and were opened by nobody."""
    below = Q()
    for lane in Lane:
        if lane.is_below_the_cut:
            below |= Q(priority__startswith=lane_prefix(lane))
    waiting = Assessment.objects.filter(below, state__in=UNDECIDED, report__acknowledged_at__isnull=True)
    return waiting.exclude(report__status=ReportStatus.WITHDRAWN).count()


def open_appeals(viewer: Viewer) -> QuerySet[Appeal]:
    """Return the appeals that wait for a decision, the oldest first."""
    return Appeal.objects.filter(decided_at__isnull=True, assessment__in=assessments_for(viewer)).select_related(
        "assessment__report", "assessment__decided_by"
    )


def appeal_for(viewer: Viewer, appeal_id: int) -> OpenedAppeal:
    """Return one open appeal with its text.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
        SealError: the report was shredded.
    """
    appeal = open_appeals(viewer).filter(pk=appeal_id).first()
    if appeal is None:
        raise NotFoundError("no such appeal")
    return opened_appeal(appeal)


def opened_appeal(appeal: Appeal) -> OpenedAppeal:
    """Return the appeal with its text.

    Raises:
        SealError: the report was shredded.
    """
    assessment = appeal.assessment
    text = vault.open_text(bytes(appeal.body), subject=assessment.report_id, place=appeal_place(assessment.pk))
    return OpenedAppeal(row=appeal, text=text)


_RUN = {"state": "state", "due": "due_at", "looked": "looked", "made": "made_at"}


def _in_state(found: QuerySet[Assessment], state: str) -> QuerySet[Assessment]:
    if state == WITHDRAWN:
        return found.filter(report__status=ReportStatus.WITHDRAWN)
    found = found.filter(state=state) if state else found.filter(state__in=UNDECIDED)
    return found if state and state not in UNDECIDED else found.exclude(report__status=ReportStatus.WITHDRAWN)


def _opened_json(sealed: bytes, subject: str, place: Any) -> Any:
    return read_json(vault.open_sealed(sealed, subject=subject, place=place)) if sealed else None
