# SPDX-License-Identifier: Apache-2.0
"""The reporter's room: how far the report is, what is due by when, the talk, the papers, and the reporter's ways on.

The reporter needs no account; an open mailbox (`intake.visits`) is the key. What is shown of a case is what may be told
to whoever reported it: the dates and where they stand, and never who the vendors are or what they said.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from http import HTTPStatus

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.domain.clock import Deadline, DeadlineKind, DeadlineState
from safeconduct.domain.instants import find_zone, show, show_duration, show_utc
from safeconduct.errors import NotFoundError, SafeconductError
from safeconduct.server.cases.models import Case
from safeconduct.server.clock import queries as clock
from safeconduct.server.intake import queries, services, visits
from safeconduct.server.intake.models import Report, ReportStatus
from safeconduct.server.intake.queries import OpenedFile, OpenedMessage
from safeconduct.server.parties.access import OpenRequest, open_to_all, status_of
from safeconduct.server.registry.models import Entry
from safeconduct.server.triage import queries as triage
from safeconduct.server.triage import services as judging

DOOR = "intake:mailbox"
ROOM = "desk:mailbox"
APPEALABLE = (ReportStatus.REJECTED, ReportStatus.DUPLICATE)
SAID = {
    ReportStatus.RECEIVED: "We have your report. It waits for a person to read it.",
    ReportStatus.IN_TRIAGE: "A person is looking at your report.",
    ReportStatus.WAITING: "We have asked you something. Please answer it below.",
    ReportStatus.ACCEPTED: "We took your report. It is now a case, and we work on it with those who can fix it.",
    ReportStatus.REJECTED: "We did not take your report. The reason is below. You may ask us to look again.",
    ReportStatus.DUPLICATE: "Someone told us before you. Your report is kept with theirs.",
    ReportStatus.WITHDRAWN: "You took this report back.",
    ReportStatus.CLOSED: "This report is closed.",
}
DUE = {
    DeadlineKind.ACKNOWLEDGE: "A person opens your report",
    DeadlineKind.ASSESS: "We say if we take it",
    DeadlineKind.STATUS: "You hear from us again",
    DeadlineKind.MITIGATE: "There is a stopgap",
    DeadlineKind.REMEDIATE: "There is a fix",
    DeadlineKind.EMBARGO: "Silence about the flaw ends",
    DeadlineKind.PUBLISH: "It is made public",
}
STANDS = {
    DeadlineState.WAITING: "not yet running",
    DeadlineState.RUNNING: "open",
    DeadlineState.PAUSED: "on hold",
    DeadlineState.MET: "done",
    DeadlineState.LATE: "done late",
    DeadlineState.MISSED: "missed",
    DeadlineState.WAIVED: "set aside",
}
OWN_DUTIES = (DeadlineKind.ACKNOWLEDGE, DeadlineKind.ASSESS, DeadlineKind.STATUS, DeadlineKind.EMBARGO)


class AppealForm(forms.Form):
    """Why a decision is wrong."""

    use_required_attribute = False
    text = forms.CharField(widget=forms.Textarea, max_length=services.MESSAGE_LIMIT, label="Why should we look again?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One date as the reporter reads it. `grounds` is empty where they would tell of others."""

    title: str
    due: str
    far: str
    stands: str
    is_late: bool
    grounds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """All that the page shows."""

    row: Report
    status: str
    opened_at: str
    clocks: tuple[Clock, ...]
    messages: list[OpenedMessage]
    files: list[OpenedFile]
    entry: Entry | None
    has_receipt: bool
    receipt_at: str
    is_over: bool
    may_appeal: bool
    waits_for_appeal: bool


@require_safe
@open_to_all
def mailbox(request: OpenRequest) -> HttpResponse:
    """Show the open mailbox; without one, lead to its door."""
    try:
        row = _open_here(request)
    except NotFoundError:
        return redirect(DOOR)
    room = room_of(row, now=request.now)
    services.mark_read(row=row, now=request.now)
    return render(request, "desk/mailbox.html", {"room": room})


@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def appeal(request: OpenRequest) -> HttpResponse:
    """Take the reporter's appeal against a decision."""
    try:
        row = _open_here(request)
    except NotFoundError:
        return redirect(DOOR)
    form = AppealForm(request.POST if request.method == "POST" else None)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    if form.is_valid():
        try:
            judging.appeal(row=row, text=form.cleaned_data["text"], now=request.now)
        except SafeconductError as error:
            form.add_error(None, f"{error.message[:1].upper()}{error.message[1:]}.")
            status = status_of(error)
        else:
            return redirect(ROOM)
    return render(request, "desk/appeal.html", {"form": form}, status=status)


def room_of(row: Report, *, now: datetime) -> Room:
    """Return all that the reporter may know of the report."""
    zone = find_zone(settings.SAFECONDUCT.zone)
    assessment = triage.assessment_of(row)
    case = getattr(assessment, "case", None)
    waits = assessment is not None and assessment.appeals.filter(decided_at__isnull=True).exists()
    is_over = row.status in services.OVER
    beat = timedelta(seconds=settings.SAFECONDUCT.beat_seconds)
    return Room(
        row=row,
        status=SAID[ReportStatus(row.status)],
        opened_at=show_utc(row.acknowledged_at) if row.acknowledged_at else "",
        clocks=() if is_over else clocks_of(row, case, zone=zone, now=now),
        messages=queries.messages_of(row),
        files=queries.files_of(row),
        entry=case.entry if case else None,
        has_receipt=queries.has_receipt(row),
        receipt_at=show(now + beat, zone),
        is_over=is_over,
        may_appeal=row.status in APPEALABLE and not waits,
        waits_for_appeal=waits,
    )


def clocks_of(row: Report, case: Case | None, *, zone: tzinfo, now: datetime) -> tuple[Clock, ...]:
    """Return the dates of the case, or of the report while there is no case."""
    if case is None and row.status not in queries.OPEN:
        return ()
    found = clock.deadlines_of_report(row, now=now) if case is None else clock.deadlines_for(case, now=now)
    return tuple(_clock(one, zone=zone, now=now) for one in found)


def _clock(one: Deadline, *, zone: tzinfo, now: datetime) -> Clock:
    far = "" if one.due is None else show_duration(one.due - now)
    return Clock(
        title=DUE[one.kind],
        due="" if one.due is None else show(one.due, zone),
        far=far and (f"in {far}" if one.due and one.due > now else f"{far} ago"),
        stands=STANDS[one.state],
        is_late=one.state in {DeadlineState.MISSED, DeadlineState.LATE},
        grounds=one.grounds if one.kind in OWN_DUTIES else (),
    )


def _open_here(request: OpenRequest) -> Report:
    return visits.visited(request.COOKIES.get(visits.cookie_name(), ""), now=request.now)
