# SPDX-License-Identifier: Apache-2.0
"""The desk: what waits for the person who is signed in, and the cases they take part in."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from safeconduct.domain.case import EmbargoState, ReportState
from safeconduct.domain.clock import Deadline, DeadlineState
from safeconduct.domain.parties import Role
from safeconduct.policy.deadlines import ACT_WORDS
from safeconduct.policy.lifecycle import words
from safeconduct.server.cases import correspondence, negotiation, queries, waiting
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.clock import queries as clock
from safeconduct.server.outbox import queries as outbox
from safeconduct.server.parties.access import PartyRequest, acts_for
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import queries as triage
from safeconduct.server.triage.queries import QueueFilter

PER_PAGE = 25
MOST_TASKS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that waits: what, where, and since or until when. `badge` repeats how urgent it is."""

    words: str
    where: str
    about: str = ""
    at: datetime | None = None
    badge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One case in the list. The title is empty where the content is not open."""

    case: Case
    title: str
    embargo: str
    ends_at: datetime | None
    next_date: Deadline | None
    next_act: str


@require_safe
@acts_for()
def home(request: PartyRequest) -> HttpResponse:
    """Show what waits for the viewer; a guest with one fresh seat is led straight to its case."""
    seats = list(queries.seats_of(request.viewer).select_related("case__entry", "case__assessment__report"))
    coordinates = request.viewer.has(Role.COORDINATOR)
    if not coordinates and len(seats) == 1 and seats[0].joined_at is None:
        return redirect("desk:case", seats[0].case_id)
    tasks = [*(_of_desk(request) if coordinates else ()), *(_of_seats(request, seats) if not coordinates else ())]
    page = Paginator(queries.cases_for(request.viewer).filter(closed_at=None), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "tasks": tasks[:MOST_TASKS],
        "has_more": len(tasks) > MOST_TASKS,
        "page": page,
        "lines": [_line(request, case) for case in page.object_list],
        "coordinates": coordinates,
        "beside": _beside(request.viewer),
    }
    return render(request, "desk/home.html", context)


@require_safe
@acts_for()
def cases(request: PartyRequest) -> HttpResponse:
    """List all cases the viewer may know of, the closed ones too."""
    page = Paginator(queries.cases_for(request.viewer), PER_PAGE).get_page(request.GET.get("page"))
    lines = [_line(request, case) for case in page.object_list]
    return render(request, "desk/cases.html", {"page": page, "lines": lines})


def _line(request: PartyRequest, case: Case) -> Line:
    is_open = queries.may_read(request.viewer, case)
    term = queries.active_term(case)
    dates = clock.deadlines_seen(request.viewer, case, now=request.now) if is_open else ()
    ahead = [one for one in dates if one.is_open and one.due is not None]
    following = min(ahead, key=lambda one: (one.due is None, one.due), default=None)
    return Line(
        case=case,
        title=queries.title_of(case) if is_open else "",
        embargo=words(EmbargoState(case.embargo)),
        ends_at=term.ends_at if term else None,
        next_date=following,
        next_act=ACT_WORDS[following.kind] if following else "",
    )


def _of_desk(request: PartyRequest) -> Iterator[Task]:
    """Yield what waits for those who coordinate, the most urgent first."""
    for case, deadline in clock.missed(request.viewer, now=request.now):
        yield Task(
            words=f"Missed: {ACT_WORDS[deadline.kind]}",
            where=_room(case),
            about=case.entry.public_id,
            at=deadline.due,
            badge="badge-bad",
        )
    for term in waiting.terms_for_desk():
        yield Task(
            words="Answer proposed terms of the embargo",
            where=_room(term.case),
            about=term.case.entry.public_id,
            at=term.answer_by,
            badge="badge-warn",
        )
    for seat in waiting.seats_to_answer():
        yield Task(words=f"{seat.name} waits for a reply", where=_seat(seat), about=seat.case.entry.public_id)
    for seat in waiting.silent_guests():
        yield Task(words=f"{seat.name} has not answered", where=_seat(seat), about=seat.case.entry.public_id)


def _of_seats(request: PartyRequest, seats: list[Participant]) -> Iterator[Task]:
    """Yield what waits for a participant in its cases."""
    for seat in seats:
        case = seat.case
        if case.closed_at is None:
            about, where = case.entry.public_id, _room(case)
            for words_, at, badge in _of_seat(seat, case, now=request.now):
                yield Task(words=words_, where=where, about=about, at=at, badge=badge)


def _of_seat(seat: Participant, case: Case, *, now: datetime) -> Iterator[tuple[str, datetime | None, str]]:
    if seat.joined_at is None or not queries.is_open_to(seat, case):
        yield "You are invited: say whether you keep the embargo", negotiation.silent_until(seat, case), "badge-warn"
        return
    for term in waiting.terms_for_seat(seat, case):
        yield "Answer proposed terms of the embargo", term.answer_by, "badge-warn"
    if seat.role not in queries.VENDORS:
        return
    if seat.report_state in {ReportState.RECEIVED, ReportState.VALID}:
        yield "Say what you make of the report", None, "badge-warn"
    unread = correspondence.unread_of(seat, case)
    if unread:
        yield f"{unread} new message{'s' if unread > 1 else ''}", None, "badge-info"
    for one in clock.deadlines_of_seat(seat, case, now=now):
        if one.kind in clock.OF_ONE_VENDOR and one.state is DeadlineState.MISSED:
            yield f"Missed: {ACT_WORDS[one.kind]}", one.due, "badge-bad"


def _beside(viewer: Viewer) -> dict[str, int]:
    """Count what waits before and beside the cases, for those who coordinate."""
    if not viewer.has(Role.COORDINATOR):
        return {}
    return {
        "reports": triage.queue(viewer, QueueFilter(state="open")).count(),
        "appeals": triage.open_appeals(viewer).count(),
        "letters": outbox.to_pass_on(viewer).count(),
    }


def _room(case: Case) -> str:
    return reverse("desk:case", args=[case.pk])


def _seat(seat: Participant) -> str:
    return reverse("desk:participant", args=[seat.case_id, seat.pk])
