# SPDX-License-Identifier: Apache-2.0
"""The room of a case. Those who coordinate see all of it, a participant its own side, a guest only the invitation."""

from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from safeconduct.domain.case import CaseFact, Consent, ReportState, VendorFix
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.server.campaigns import queries as campaigns
from safeconduct.server.cases import correspondence, negotiation, overview, queries
from safeconduct.server.cases.correspondence import TLP_WORDS
from safeconduct.server.cases.history import history_for
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.desk import vendor_room
from safeconduct.server.desk.clock_panel import clocks_for
from safeconduct.server.desk.embargo_panel import panel_for
from safeconduct.server.desk.sayings import sayings_of
from safeconduct.server.parties.access import PartyRequest, acts_for

PER_PAGE = 20
SHORT_HISTORY = 12
LONG_HISTORY = 1000
REPORT_WORDS = {
    ReportState.START: "not received",
    ReportState.RECEIVED: "received",
    ReportState.INVALID: "held invalid",
    ReportState.VALID: "held valid",
    ReportState.DEFERRED: "put off",
    ReportState.ACCEPTED: "accepted",
    ReportState.CLOSED: "closed",
}
REPORT_BADGES = {ReportState.ACCEPTED: "badge-ok", ReportState.VALID: "badge-info", ReportState.INVALID: "badge-bad"}
CONSENT_WORDS = {
    Consent.NO_EMBARGO: "none",
    Consent.INVITED: "asked",
    Consent.SIGNATORY: "keeps it",
    Consent.LAPSED: "asked anew",
    Consent.DECLINED: "declined",
}
FIX_WORDS = {
    VendorFix.UNAWARE: "does not know yet",
    VendorFix.AWARE: "knows of the flaw",
    VendorFix.READY: "fix ready",
    VendorFix.DEPLOYED: "fix deployed",
}
FIX_BADGES = {
    VendorFix.UNAWARE: "",
    VendorFix.AWARE: "badge-info",
    VendorFix.READY: "badge-ok",
    VendorFix.DEPLOYED: "badge-ok",
}
CONSENT_BADGES = {
    Consent.SIGNATORY: "badge-ok",
    Consent.INVITED: "badge-warn",
    Consent.LAPSED: "badge-warn",
    Consent.DECLINED: "badge-bad",
}
FACTS = (
    (CaseFact.PUBLIC_AWARE, "The public knows of the flaw"),
    (CaseFact.EXPLOIT_PUBLIC, "An exploit is public"),
    (CaseFact.ATTACKS_OBSERVED, "Attacks have been observed"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One participant in the table: who, and where it stands, in words."""

    seat: Participant
    report: str
    report_badge: str
    fix: str
    fix_badge: str
    fix_since: datetime | None
    consent: str
    consent_badge: str
    heard_at: datetime | None
    waits_for_answer: bool
    has_come: bool


@require_safe
@acts_for()
def case(request: PartyRequest, case_id: str) -> HttpResponse:
    """Show the room of a case as the viewer may see it."""
    found = queries.case_for(request.viewer, case_id)
    if not request.viewer.has(Role.COORDINATOR):
        return vendor_room.show(request, found)
    everyone = [row_of(seat) for seat in overview.participants(request.viewer, found)]
    messages = Paginator(correspondence.rows_for(request.viewer, found), PER_PAGE).get_page(request.GET.get("page"))
    most = LONG_HISTORY if "history" in request.GET else SHORT_HISTORY
    history = history_for(request.viewer, found, most=most + 1)
    context = {
        "case": found,
        "title": queries.title_of(found),
        "rows": everyone,
        "panel": panel_for(request.viewer, found),
        "clocks": clocks_for(request.viewer, found, now=request.now),
        "page": messages,
        "letters": correspondence.opened(list(messages.object_list), found),
        "history": history[:most],
        "has_more_history": len(history) > most,
        "facts": public_facts_of(found),
        "state": queries.vendor_state(found),
        "marks": TLP_WORDS,
        "is_open": found.closed_at is None,
        "is_under_embargo": found.embargo in queries.UNDER,
        "verdict": campaigns.verdict_for(request.viewer, found),
        "may_take_bundle": campaigns.may_be_handed_bundle(request.viewer, found),
    }
    return render(request, "desk/case.html", context)


@require_safe
@acts_for(Role.COORDINATOR)
def participant(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Show one participant to those who coordinate: its private room, its clocks, and what may be noted for it."""
    found = queries.case_for(request.viewer, case_id)
    seat = queries.participant_for(request.viewer, found, participant_id)
    rows = correspondence.rows_for(request.viewer, found, room=seat)
    messages = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "case": found,
        "row": row_of(overview.annotated(seat, found)),
        "seat": seat,
        "sayings": sayings_of(seat, found),
        "page": messages,
        "letters": correspondence.opened(list(messages.object_list), found),
        "marks": TLP_WORDS,
        "is_open": found.closed_at is None,
        "has_room": seat.role not in queries.SHARED_ROLES,
        "is_vendor": seat.role in queries.VENDORS,
        "may_be_invited_again": seat.joined_at is None and seat.left_at is None,
        "answer_until": negotiation.silent_until(seat, found),
    }
    return render(request, "desk/participant.html", context)


def row_of(seat: overview.Seen) -> Row:
    """Return a participant in words."""
    fix = queries.fix_of(seat.row)
    row = seat.row
    return Row(
        seat=row,
        report=REPORT_WORDS[ReportState(row.report_state)],
        report_badge=REPORT_BADGES.get(ReportState(row.report_state), ""),
        fix=FIX_WORDS[fix] if row.role in queries.VENDORS else "",
        fix_badge=FIX_BADGES[fix],
        fix_since=row.fix_deployed_at or row.fix_ready_at or row.aware_at,
        consent="has left" if row.left_at else CONSENT_WORDS[Consent(row.consent)],
        consent_badge="" if row.left_at else CONSENT_BADGES.get(Consent(row.consent), ""),
        heard_at=seat.heard_at,
        waits_for_answer=seat.waits_for_answer,
        has_come=row.joined_at is not None or row.role == CaseRole.REPORTER,
    )


def public_facts_of(found: Case) -> list[tuple[str, datetime]]:
    """Return the facts of the whole case that have happened, in words, with their instants."""
    at = {
        CaseFact.PUBLIC_AWARE: found.public_at,
        CaseFact.EXPLOIT_PUBLIC: found.exploit_public_at,
        CaseFact.ATTACKS_OBSERVED: found.attacks_at,
    }
    return [(text, instant) for fact, text in FACTS if (instant := at[fact]) is not None]
