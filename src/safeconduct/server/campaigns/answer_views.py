# SPDX-License-Identifier: Apache-2.0
"""The pages on which a person looks at answers that a judge took for a success, and says what they are."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError
from safeconduct.server.campaigns import adjudications, queries
from safeconduct.server.campaigns.models import CampaignState, Ruling
from safeconduct.server.parties.access import PartyRequest, acts_for


@require_safe
@acts_for(Role.COORDINATOR)
def index(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Show the answers that a person has to look at, each as an excerpt."""
    found = queries.campaign_for(request.viewer, campaign_id)
    context = {
        "campaign": found,
        "case": found.claim.case,
        "finds": adjudications.finds_of(found),
        "rulings": Ruling.choices,
        "rests": found.state == CampaignState.PAUSED,
    }
    return render(request, "campaigns/answers.html", context)


@require_safe
@acts_for(Role.COORDINATOR)
def show(request: PartyRequest, campaign_id: str, number: int) -> HttpResponse:
    """Show one whole answer; the look is recorded."""
    found = queries.campaign_for(request.viewer, campaign_id)
    text = adjudications.whole_reply(campaign=found, number=number, by=request.viewer, now=request.now)
    context = {
        "campaign": found,
        "case": found.claim.case,
        "number": number,
        "text": text,
        "rulings": Ruling.choices,
        "rests": found.state == CampaignState.PAUSED,
    }
    return render(request, "campaigns/answer.html", context)


@require_POST
@acts_for(Role.COORDINATOR)
def rule(request: PartyRequest, campaign_id: str, number: int) -> HttpResponse:
    """Say what an answer is."""
    found = queries.campaign_for(request.viewer, campaign_id)
    said = request.POST.get("ruling", "")
    if said not in Ruling.values:
        raise NotFoundError("no such ruling")
    current = adjudications.rule(campaign=found, number=number, ruling=Ruling(said), by=request.viewer, now=request.now)
    is_done = current.state != CampaignState.PAUSED
    return redirect("campaigns:campaign" if is_done else "campaigns:answers", campaign_id)
