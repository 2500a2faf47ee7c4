# SPDX-License-Identifier: Apache-2.0
"""The room of a participant who does not coordinate: its own seat, its own clocks, its own room, and nobody else's.

A guest who has not agreed to the embargo sees who invites, until when silence is asked for and what that means; not a
word of the flaw. Nothing on these pages tells whether, or how many, others take part.
"""

from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from safeconduct.domain.case import Consent, ReportState
from safeconduct.policy.lifecycle import words
from safeconduct.server.campaigns import queries as campaigns
from safeconduct.server.cases import correspondence, negotiation, queries
from safeconduct.server.cases.correspondence import TLP_WORDS
from safeconduct.server.cases.history import history_for
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.desk.clock_panel import clocks_for
from safeconduct.server.desk.embargo_panel import panel_for
from safeconduct.server.desk.sayings import sayings_of
from safeconduct.server.parties.access import PartyRequest

PER_PAGE = 20


def show(request: PartyRequest, case: Case) -> HttpResponse:
    """Show the invitation until the seat is taken and the content is open, then the room."""
    seat = queries.require_seat(request.viewer, case)
    if seat.joined_at is None or not queries.may_read(request.viewer, case):
        return render(request, "desk/invitation.html", _invitation(seat, case))
    context = _room(request, seat, case)
    if context["unread"]:
        correspondence.mark_read(seat=seat, by=request.viewer, now=request.now)
    return render(request, "desk/vendor.html", context)


def _invitation(seat: Participant, case: Case) -> dict[str, Any]:
    desk = queries.desk_seat(case)
    return {
        "case": case,
        "seat": seat,
        "term": queries.active_term(case),
        "host": settings.SAFECONDUCT.name,
        "coordinator": str(desk.party) if desk.party is not None else desk.name,
        "has_declined": seat.consent == Consent.DECLINED,
        "answer_until": negotiation.silent_until(seat, case),
        "is_open": case.closed_at is None,
    }


def _room(request: PartyRequest, seat: Participant, case: Case) -> dict[str, Any]:
    viewer = request.viewer
    private = Paginator(correspondence.rows_for(viewer, case, room=seat), PER_PAGE).get_page(request.GET.get("page"))
    common = correspondence.rows_for(viewer, case)[:PER_PAGE]
    return {
        "case": case,
        "title": queries.title_of(case),
        "seat": seat,
        "told": queries.told_in(viewer, case),
        "report_words": words(ReportState(seat.report_state)),
        "is_vendor": seat.role in queries.VENDORS,
        "looks_on": seat.role in queries.LOOKERS_ON,
        "panel": panel_for(viewer, case),
        "clocks": clocks_for(viewer, case, now=request.now),
        "sayings": sayings_of(seat, case),
        "page": private,
        "letters": correspondence.opened(list(private.object_list), case),
        "common": correspondence.opened(list(common), case),
        "history": history_for(viewer, case),
        "unread": correspondence.unread_of(seat, case),
        "last_seen_at": seat.last_seen_at,
        "marks": TLP_WORDS,
        "is_open": case.closed_at is None,
        "verdict": campaigns.verdict_for(viewer, case),
        "may_take_bundle": campaigns.may_be_handed_bundle(viewer, case),
    }
