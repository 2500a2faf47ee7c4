# SPDX-License-Identifier: Apache-2.0
"""The queue of reports that a person has to decide on, in the order of `policy.priority`, with its reasons.

A page shows so many reports, and opens only those: their keys are fetched at once, each body is opened once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from safeconduct.domain.parties import Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.domain.severity import Tier
from safeconduct.errors import NotFoundError, SafeconductError
from safeconduct.policy.duplicates import Likeness
from safeconduct.server.audit import vault
from safeconduct.server.cases import queries as cases
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.parties.access import PartyRequest, acts_for
from safeconduct.server.triage import queries
from safeconduct.server.triage.models import Assessment, AssessmentState, GateState
from safeconduct.server.triage.queries import NO_BUNDLE, WITHDRAWN, QueueFilter
from safeconduct.server.triage.telling import systems_in_short

PER_PAGE = 50
DAYS_FROM = 47
STATES = (
    ("", "to decide"),
    (AssessmentState.OPEN.value, "open"),
    (AssessmentState.WAITING.value, "waiting for the reporter"),
    (AssessmentState.ACCEPTED.value, "accepted"),
    (AssessmentState.REJECTED.value, "not accepted"),
    (AssessmentState.DUPLICATE.value, "already known"),
    (WITHDRAWN, "withdrawn"),
)
GATES = (
    ("", "any"),
    (GateState.REPRODUCED.value, "reproduced"),
    (GateState.NOT_RUN.value, "not run"),
    (GateState.QUEUED.value, "queued"),
    (GateState.RUNNING.value, "running"),
    (GateState.NOT_REPRODUCED.value, "did not reproduce"),
    (GateState.INVALID.value, "bundle not usable"),
    (GateState.ERROR.value, "target failed"),
    (NO_BUNDLE, "no bundle"),
)
TIERS = (("", "any"), *((tier.value, tier.value) for tier in reversed(Tier)))


class QueueForm(forms.Form):
    """What part of the queue to look at; a wrong value is ignored, because looking is never an error."""

    state = forms.ChoiceField(required=False, choices=STATES)
    gate = forms.ChoiceField(label="Evidence", required=False, choices=GATES)
    tier = forms.ChoiceField(required=False, choices=TIERS)

    def filters(self) -> QueueFilter:
        """Return what was asked for."""
        self.is_valid()
        given = self.cleaned_data
        return QueueFilter(state=given.get("state", ""), gate=given.get("gate", ""), tier=given.get("tier", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One report of the queue. The title is empty where it cannot be opened any more."""

    assessment: Assessment
    report: Report
    title: str
    systems: str
    why: str
    age: str
    is_restricted: bool
    marks: tuple[str, ...] = ()


@require_safe
@acts_for(Role.COORDINATOR)
def queue(request: PartyRequest) -> HttpResponse:
    """Show a page of the queue."""
    form = QueueForm(request.GET)
    wanted = form.filters()
    page = Paginator(queries.queue(request.viewer, wanted), PER_PAGE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    asked.pop("page", None)
    put_off = queries.put_off()
    context = {
        "form": form,
        "page": page,
        "lines": list(_lines(list(page.object_list), now=request.now)),
        "asked": asked.urlencode(),
        "counts": _counts(request),
        "state": wanted.state,
        "unassessed": queries.unassessed(request.viewer),
        "appeals": queries.open_appeals(request.viewer).count(),
        "first": (page.number - 1) * PER_PAGE,
        "put_off": put_off,
        "minutes": settings.SAFECONDUCT.triage_minutes,
        "hours": put_off * settings.SAFECONDUCT.triage_minutes / 60,
    }
    return render(request, "desk/queue.html", context)


@require_safe
@acts_for(Role.COORDINATOR)
def case_of(request: PartyRequest, report_id: str) -> HttpResponse:
    """Lead from a report to its case; triage, which accepted the report, knows of no case."""
    opened = cases.case_of_report(intake.report_for(request.viewer, report_id).row)
    if opened is None:
        raise NotFoundError("no case was opened for this report")
    return redirect("desk:case", opened.pk)


def _counts(request: PartyRequest) -> list[tuple[str, str, int]]:
    """Return the states with how many reports are in each; the first counts all that are to be decided."""
    found = queries.counts(request.viewer)
    undecided = sum(found[state] for state in queries.UNDECIDED)
    return [(state, words, found[state] if state else undecided) for state, words in STATES]


def age_in_words(age: timedelta) -> str:
    """Return how long ago a report came; not closer than the hour, because no more is known."""
    hours = 24 * age.days + age.seconds // 3600
    if hours > DAYS_FROM:
        return f"{age.days} days ago"
    return "in this hour" if hours < 1 else f"{hours} hour{'s' if hours > 1 else ''} ago"


def _lines(assessments: list[Assessment], *, now: datetime) -> Iterator[Line]:
    with vault.keys_at_hand(assessment.report_id for assessment in assessments):
        for assessment in assessments:
            yield _line(assessment, now=now)


def _line(assessment: Assessment, *, now: datetime) -> Line:
    row = assessment.report
    age = age_in_words(now - row.received_at)
    try:
        told = intake.opened(row).told
        answers = queries.answers_of(assessment)
        reasons = answers.get("priority", {}).get("reasons", [])
    except SafeconductError:
        return Line(assessment=assessment, report=row, title="", systems="", why="", age=age, is_restricted=False)
    return Line(
        assessment=assessment,
        report=row,
        title=told.title,
        systems=systems_in_short(told),
        why=str(reasons[0]) if reasons else "",
        age=age,
        is_restricted=told.restricted_material is not RestrictedMaterial.NONE,
        marks=tuple(_marks(answers)),
    )


def _marks(answers: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the other stages of the gate found that lowers the place, in a word or two."""
    if answers.get("documented", {}).get("outcome") is True:
        yield "documented as intended"
    if answers.get("duplicates", {}).get("outcome") in {Likeness.EXACT, Likeness.LIKELY}:
        yield "resembles a known one"
