# SPDX-License-Identifier: Apache-2.0
"""The pages of regression watches: those of a case, all of them, and one with the path of its detector."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.domain.safe_json import Json
from safeconduct.server.campaigns import pictures, queries, turning, watches
from safeconduct.server.campaigns.forms import ReasonForm, WatchForm
from safeconduct.server.campaigns.models import TurnState, Watch, WatchTurn
from safeconduct.server.cases import queries as cases
from safeconduct.server.parties.access import PartyRequest, acts_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One turn with what it brought and where the detector stood after it."""

    turn: WatchTurn
    detail: dict[str, Json]
    statistic: float | None


@require_safe
@acts_for(Role.COORDINATOR)
def index(request: PartyRequest) -> HttpResponse:
    """Show all watches."""
    return render(request, "campaigns/watches.html", {"watches": list(watches.watches_for(request.viewer))})


@require_safe
@acts_for()
def of_case(request: PartyRequest, case_id: str) -> HttpResponse:
    """Show the watches of a case."""
    case = cases.case_for(request.viewer, case_id)
    cases.require_content(request.viewer, case)
    found = list(watches.watches_for(request.viewer, case))
    context = {"case": case, "watches": found, "coordinates": request.viewer.has(Role.COORDINATOR)}
    return render(request, "campaigns/watches.html", context)


@require_safe
@acts_for()
def watch(request: PartyRequest, watch_id: str) -> HttpResponse:
    """Show one watch: where it stands, its path as a picture and as a table."""
    return _show(request, watches.watch_for(request.viewer, watch_id))


@require_safe
@acts_for()
def picture(request: PartyRequest, watch_id: str) -> HttpResponse:
    """Draw the path of the detector."""
    found = watches.watch_for(request.viewer, watch_id)
    return pictures.picture_response(pictures.watch_picture(turning.course_of(found)))


@require_POST
@acts_for(Role.COORDINATOR)
def start(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Begin the watch of a verdict FIXED, or begin it anew."""
    campaign = queries.campaign_for(request.viewer, campaign_id)
    form = WatchForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing began: give 1 to 365 days and 1 to 200 draws."))
        return redirect("campaigns:campaign", campaign_id)
    begun = watches.start(
        campaign=campaign,
        by=request.viewer,
        now=request.now,
        every_days=form.cleaned_data["every_days"],
        draws=form.cleaned_data["draws"],
    )
    return redirect("campaigns:watch", begun.pk)


@require_POST
@acts_for(Role.COORDINATOR)
def pause(request: PartyRequest, watch_id: str) -> HttpResponse:
    """Let a watch rest, with a reason."""
    found = watches.watch_for(request.viewer, watch_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _show(request, found, form=form, status=422)
    watches.pause(watch=found, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    return redirect("campaigns:watch", watch_id)


@require_POST
@acts_for(Role.COORDINATOR)
def stop(request: PartyRequest, watch_id: str) -> HttpResponse:
    """End a watch, with a reason."""
    found = watches.watch_for(request.viewer, watch_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _show(request, found, form=form, status=422)
    watches.stop(watch=found, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    return redirect("campaigns:watch", watch_id)


@require_POST
@acts_for(Role.COORDINATOR)
def go_on(request: PartyRequest, watch_id: str) -> HttpResponse:
    """Let a watch that rests go on."""
    found = watches.watch_for(request.viewer, watch_id)
    watches.go_on(watch=found, by=request.viewer, now=request.now)
    return redirect("campaigns:watch", watch_id)


@require_POST
@acts_for(Role.COORDINATOR)
def look(request: PartyRequest, watch_id: str) -> HttpResponse:
    """Let the next turn be due now."""
    found = watches.watch_for(request.viewer, watch_id)
    watches.look_now(watch=found, by=request.viewer, now=request.now)
    messages.success(request, _("The next turn is due now; the background work takes it in a moment."))
    return redirect("campaigns:watch", watch_id)


def _show(request: PartyRequest, found: Watch, *, form: ReasonForm | None = None, status: int = 200) -> HttpResponse:
    turns = list(found.turns.all())
    course = turning.course_of(found, turns=[turn for turn in turns if turn.state == TurnState.DONE])
    after = {point.turn: point.statistic for point in course.points}
    context = {
        "watch": found,
        "case": found.campaign.claim.case,
        "reason": watches.reason_of(found),
        "finding": watches.linked_assessment(found),
        "course": course,
        "rows": [
            Row(turn=turn, detail=turning.detail_of(turn), statistic=after.get(turn.number)) for turn in reversed(turns)
        ],
        "coordinates": request.viewer.has(Role.COORDINATOR),
        "is_live": found.state in watches.LIVE,
        "form": form or ReasonForm(),
        "start_form": WatchForm(initial={"every_days": found.every_days, "draws": found.draws}),
    }
    return render(request, "campaigns/watch.html", context, status=status)
