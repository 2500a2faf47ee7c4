# SPDX-License-Identifier: Apache-2.0
"""The acts of a case as pages: each takes a form, calls one service and leads back to the room.

A form that does not hold comes back on a page of its own with what is wrong. Everything is found through queries that
take the viewer, so a missing case, a foreign case and another's seat give the same answer.
"""

from django import forms
from django.contrib import messages
from django.forms import formset_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.domain.parties import Role
from safeconduct.server.cases import correspondence, invitations, negotiation, queries, services
from safeconduct.server.cases.forms import (
    ChosenGuestForm,
    ConsentForm,
    FactForm,
    GuestForm,
    MessageForm,
    MoveForm,
    OpenForm,
    ProposeForm,
    ReasonForm,
    TellForm,
    TermForm,
    guests_of,
    suggested,
)
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.intake import queries as intake
from safeconduct.server.parties import queries as parties
from safeconduct.server.parties.access import PartyRequest, acts_for
from safeconduct.server.parties.zones import zone_name_of
from safeconduct.server.triage import queries as triage

GuestSet = formset_factory(ChosenGuestForm, extra=0, max_num=200, absolute_max=200)
FORM = ["GET", "HEAD", "POST"]


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def open_case(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Open a case from an assessed report: confirm whom to invite and what has happened already."""
    assessment = triage.assessment_for(request.viewer, assessment_id)
    told = intake.opened(assessment.report).told
    organizations = parties.organizations_for(request.viewer)
    known = sorted(fact.value for fact in services.known_at_opening(told, assessment))
    is_sent = request.method == "POST" and "guests-TOTAL_FORMS" in request.POST
    data = request.POST if is_sent else None
    form = OpenForm(data, initial={"facts": known})
    guests = GuestSet(
        data, prefix="guests", initial=suggested(told, organizations), form_kwargs={"organizations": organizations}
    )
    if not (is_sent and form.is_valid() and guests.is_valid()):
        context = {"assessment": assessment, "told": told, "form": form, "guests": guests}
        return render(request, "cases/open.html", context, status=422 if is_sent else 200)
    opened = services.open_case(
        assessment=assessment,
        guests=guests_of(guests.forms),
        facts=form.cleaned_data["facts"],
        by=request.viewer,
        now=request.now,
    )
    return _links(request, opened.case, opened.invited, is_new=True)


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def invite(request: PartyRequest, case_id: str) -> HttpResponse:
    """Invite a participant and show the one-time link once."""
    case = queries.case_for(request.viewer, case_id)
    form = GuestForm(request.POST or None, organizations=parties.organizations_for(request.viewer))
    if not form.is_valid():
        return _page(request, case, form, title=_("Invite a participant"), button=_("Invite"), lead="invite")
    invited = invitations.invite(case=case, guest=form.guest(), by=request.viewer, now=request.now)
    return _links(request, case, (invited,))


@require_POST
@acts_for(Role.COORDINATOR)
def invite_again(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Make a fresh one-time link and show it once; the old one ends."""
    case, seat = _seat(request, case_id, participant_id)
    invited = invitations.invite_again(case=case, seat=seat, by=request.viewer, now=request.now)
    return _links(request, case, (invited,))


@require_POST
@acts_for()
def come(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Take a seat and answer the embargo in force."""
    case, seat = _seat(request, case_id, participant_id)
    form = ConsentForm(request.POST)
    if not form.is_valid():
        services.come(case=case, seat=seat, by=request.viewer, now=request.now)
        return redirect("desk:case", case.pk)
    term = queries.term_for(request.viewer, case, form.cleaned_data["term"])
    accepts = form.cleaned_data["accepts"]
    services.come(case=case, seat=seat, term=term, accepts=accepts, by=request.viewer, now=request.now)
    messages.success(request, _("You have accepted the embargo.") if accepts else _("You have declined the embargo."))
    return redirect("desk:case", case.pk)


@require_POST
@acts_for()
def answer(request: PartyRequest, case_id: str, term_id: str, participant_id: str) -> HttpResponse:
    """Answer terms on the table, or those in force."""
    case, seat = _seat(request, case_id, participant_id)
    term = queries.term_for(request.viewer, case, term_id)
    form = TermForm(request.POST)
    if not form.is_valid():
        return _back(request, case, _("Say yes or no."), is_wrong=True)
    negotiation.answer(term=term, seat=seat, accepts=form.cleaned_data["accepts"], by=request.viewer, now=request.now)
    return _back(request, case, _("The answer is noted."))


@require_http_methods(FORM)
@acts_for()
def propose(request: PartyRequest, case_id: str) -> HttpResponse:
    """Propose another end of the embargo."""
    case = queries.case_for(request.viewer, case_id)
    queries.require_content(request.viewer, case)
    seat = queries.voice_of(request.viewer, case)
    form = ProposeForm(request.POST or None, initial={"zone": zone_name_of(request), "hour": "12:00"})
    if not form.is_valid():
        return _page(request, case, form, title=_("Propose another end"), button=_("Propose"), lead="propose")
    negotiation.propose(
        case=case,
        seat=seat,
        ends_at=form.cleaned_data["instant"],
        reason=form.cleaned_data["reason"],
        by=request.viewer,
        now=request.now,
    )
    return _back(request, case, _("Your terms are on the table. Those in force stay until all have answered."))


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def end_embargo(request: PartyRequest, case_id: str) -> HttpResponse:
    """End the embargo before its time."""
    case = queries.case_for(request.viewer, case_id)
    form = ReasonForm(request.POST or None)
    if not form.is_valid():
        return _page(request, case, form, title=_("End the embargo now"), button=_("End the embargo"), lead="end")
    negotiation.end(case=case, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    return _back(request, case, _("The embargo has ended. Nobody is obliged to publish by that."))


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def record_fact(request: PartyRequest, case_id: str) -> HttpResponse:
    """Record that something became public, or attacks."""
    case = queries.case_for(request.viewer, case_id)
    form = FactForm(request.POST or None, known=queries.public_facts(case))
    if not form.is_valid():
        return _page(request, case, form, title=_("Record what has happened"), button=_("Record"), lead="fact")
    services.record_public(
        case=case,
        fact=form.cleaned_data["fact"],
        keep_because=form.cleaned_data["keep_because"],
        by=request.viewer,
        now=request.now,
    )
    return _back(request, case, _("Recorded."))


@require_POST
@acts_for()
def move(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Say something of one's report or fix; those who coordinate note what they were told."""
    case, seat = _seat(request, case_id, participant_id)
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _page(request, case, form, title=_("This was not understood"), button=_("Say it"))
    services.move(
        case=case,
        seat=seat,
        message=form.cleaned_data["message"],
        reason=form.cleaned_data["reason"],
        by=request.viewer,
        now=request.now,
    )
    return _back(request, case, _("Noted."), seat=seat)


@require_POST
@acts_for()
def mitigated(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Note that a vendor's users are protected for now."""
    case, seat = _seat(request, case_id, participant_id)
    services.note_mitigated(case=case, seat=seat, by=request.viewer, now=request.now)
    return _back(request, case, _("Noted."), seat=seat)


@require_http_methods(FORM)
@acts_for()
def post(request: PartyRequest, case_id: str) -> HttpResponse:
    """Write to all participants."""
    case = queries.case_for(request.viewer, case_id)
    queries.require_content(request.viewer, case)
    return _write(request, case, room=None, title=_("Write to all participants"))


@require_http_methods(FORM)
@acts_for()
def post_privately(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Write into the private room of one participant and those who coordinate."""
    case, room = _seat(request, case_id, participant_id)
    queries.require_content(request.viewer, case)
    return _write(request, case, room=room, title=_("Write privately"))


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def tell_reporter(request: PartyRequest, case_id: str) -> HttpResponse:
    """Put a note into the reporter's mailbox."""
    case = queries.case_for(request.viewer, case_id)
    form = TellForm(request.POST or None)
    if not form.is_valid():
        return _page(request, case, form, title=_("Tell the reporter"), button=_("Send"), lead="reporter")
    correspondence.tell_reporter(case=case, text=form.cleaned_data["text"], by=request.viewer, now=request.now)
    return _back(request, case, _("It is in the reporter's mailbox."))


@require_http_methods(FORM)
@acts_for()
def leave(request: PartyRequest, case_id: str, participant_id: str) -> HttpResponse:
    """Leave a case; those who coordinate release a participant."""
    case, seat = _seat(request, case_id, participant_id)
    form = ReasonForm(request.POST or None)
    if not form.is_valid():
        return _page(request, case, form, title=_("Leave the case"), button=_("Leave"), lead="leave", seat=seat)
    services.leave(case=case, seat=seat, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    messages.success(request, _("The seat is given up."))
    return redirect("desk:case", case.pk) if request.viewer.has(Role.COORDINATOR) else redirect("desk:home")


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def close(request: PartyRequest, case_id: str) -> HttpResponse:
    """Close a case and tell the reporter why."""
    case = queries.case_for(request.viewer, case_id)
    form = ReasonForm(request.POST or None)
    if not form.is_valid():
        return _page(request, case, form, title=_("Close the case"), button=_("Close the case"), lead="close")
    services.close(case=case, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    return _back(request, case, _("The case is closed."))


def _seat(request: PartyRequest, case_id: str, participant_id: str) -> tuple[Case, Participant]:
    case = queries.case_for(request.viewer, case_id)
    return case, queries.acting_seat(request.viewer, case, participant_id)


def _write(request: PartyRequest, case: Case, *, room: Participant | None, title: str) -> HttpResponse:
    form = MessageForm(request.POST or None)
    if not form.is_valid():
        return _page(
            request, case, form, title=title, button=_("Send"), lead="private" if room else "common", seat=room
        )
    correspondence.post(
        case=case,
        author=queries.voice_of(request.viewer, case),
        room=room,
        text=form.cleaned_data["text"],
        tlp=form.cleaned_data["tlp"],
        by=request.viewer,
        now=request.now,
    )
    return _back(request, case, _("Sent."), seat=room)


def _links(
    request: HttpRequest, case: Case, invited: tuple[invitations.Invited, ...], *, is_new: bool = False
) -> HttpResponse:
    term = queries.active_term(case)
    context = {"case": case, "invited": invited, "is_new": is_new, "term": term}
    return render(request, "cases/links.html", context)


def _page(
    request: PartyRequest,
    case: Case,
    form: forms.Form,
    *,
    title: str,
    button: str,
    lead: str = "",
    seat: Participant | None = None,
) -> HttpResponse:
    context = {
        "case": case,
        "form": form,
        "title": title,
        "button": button,
        "lead": lead,
        "seat": seat,
        "term": queries.active_term(case),
    }
    return render(request, "cases/act.html", context, status=422 if form.is_bound else 200)


def _back(
    request: PartyRequest, case: Case, words: str, *, is_wrong: bool = False, seat: Participant | None = None
) -> HttpResponse:
    (messages.error if is_wrong else messages.success)(request, words)
    if seat is not None and request.viewer.has(Role.COORDINATOR):
        return redirect("desk:participant", case.pk, seat.pk)
    return redirect("desk:case", case.pk)
