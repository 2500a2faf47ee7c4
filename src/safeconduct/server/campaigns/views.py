# SPDX-License-Identifier: Apache-2.0
"""The pages of campaigns: the fixes of a case, one campaign with its progress, and the files that prove its verdict."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError, NotPermittedError, SafeconductError
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.campaigns import adjudications, handing_over, pictures, queries, rounds, services, watches
from safeconduct.server.campaigns.costs import costs_of
from safeconduct.server.campaigns.estimates import expected
from safeconduct.server.campaigns.evidence import evidence_of, path_rows
from safeconduct.server.campaigns.findings import finding_of
from safeconduct.server.campaigns.forms import ClaimForm, StartForm, WatchForm
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.access import PartyRequest, acts_for

SHOWN = (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.DECIDED)
"""Of which campaigns the evidence is drawn."""


@require_safe
@acts_for()
def of_case(request: PartyRequest, case_id: str) -> HttpResponse:
    """Show the claimed fixes of a case with their campaigns, and what may be done."""
    return _fixes(request, case_id)


@require_POST
@acts_for()
def claim(request: PartyRequest, case_id: str) -> HttpResponse:
    """Say that a fix is there."""
    case = cases.case_for(request.viewer, case_id)
    seat = cases.require_seat(request.viewer, case)
    form = ClaimForm(request.POST)
    if not form.is_valid():
        return _fixes(request, case_id, claim_form=form, status=422)
    services.claim_fix(case=case, seat=seat, note=form.cleaned_data["note"], by=request.viewer, now=request.now)
    messages.success(request, _("Your fix is noted. A coordinator will have it tested."))
    return redirect("campaigns:of_case", case_id)


@require_POST
@acts_for(Role.COORDINATOR)
def start(request: PartyRequest, claim_id: int) -> HttpResponse:
    """Freeze the terms and put the campaign into the queue, or only say what that would cost."""
    claimed = queries.claim_for(request.viewer, claim_id)
    bundle = services.bundle_to_approve(claimed.case)
    form = StartForm(request.POST, claim_id=claim_id, targets=authorizations.usable(request.now), bundle=bundle)
    if not form.is_valid():
        return _fixes(request, claimed.case_id, given={claim_id: form}, status=422)
    if request.POST.get("act") == "estimate":
        return _fixes(request, claimed.case_id, given={claim_id: form})
    try:
        campaign = services.start(
            claim=claimed,
            unpatched=form.cleaned_data["unpatched"],
            patched=form.cleaned_data["patched"],
            criterion=form.criterion(),
            approved_code=form.approved_code(),
            by=request.viewer,
            now=request.now,
        )
    except NotPermittedError as error:
        form.add_error(None, f"{error.message}: {error.hint}")
        return _fixes(request, claimed.case_id, given={claim_id: form}, status=422)
    return redirect("campaigns:campaign", campaign.pk)


@require_safe
@acts_for()
def campaign(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Show one campaign. While it runs, the page looks again by itself for who wishes it, and for nobody else."""
    found = queries.campaign_for(request.viewer, campaign_id)
    tries = queries.tries_at(found)
    finding = finding_of(found) if found.state == CampaignState.DECIDED else None
    path = path_rows(evidence_of(found, finding)) if found.started_at and found.state in SHOWN else []
    context = {
        "campaign": found,
        "tries": len(tries),
        "chance_of_error": queries.chance_of_error(tries),
        "case": found.claim.case,
        "is_running": found.state in services.ACTIVE,
        "is_watched": request.GET.get("watch") == "yes",
        "finding": finding,
        "verdict": queries.verdict_of(found) if found.verdict else "",
        "path": path,
        "has_path": bool(path),
        "costs": costs_of(found),
        "watch": getattr(found, "watch", None),
        "watch_form": WatchForm(initial=watches.usual()),
        "waits_for_person": adjudications.is_waiting(found),
        "coordinates": request.viewer.has(Role.COORDINATOR),
    }
    context["regressed"] = context["verdict"] == Verdict.REGRESSED
    return render(request, "campaigns/campaign.html", context)


@require_POST
@acts_for(Role.COORDINATOR)
def cancel(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Ask a campaign to stop."""
    found = queries.campaign_for(request.viewer, campaign_id)
    services.cancel(campaign=found, by=request.viewer, now=request.now)
    return redirect("campaigns:campaign", campaign_id)


@require_POST
@acts_for(Role.COORDINATOR)
def pause(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Let a campaign rest."""
    found = queries.campaign_for(request.viewer, campaign_id)
    services.pause(campaign=found, by=request.viewer, now=request.now)
    return redirect("campaigns:campaign", campaign_id)


@require_POST
@acts_for(Role.COORDINATOR)
def resume(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Let a campaign that rests go on."""
    found = queries.campaign_for(request.viewer, campaign_id)
    services.resume(campaign=found, by=request.viewer, now=request.now)
    return redirect("campaigns:campaign", campaign_id)


@require_safe
@acts_for()
def evidence_picture(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Draw how the evidence grew."""
    found = queries.campaign_for(request.viewer, campaign_id)
    return pictures.picture_response(pictures.evidence_picture(evidence_of(found, is_drawn=True)))


@require_safe
@acts_for()
def bounds_picture(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Draw between which bounds the rate of successes lies."""
    found = queries.campaign_for(request.viewer, campaign_id)
    return pictures.picture_response(pictures.bounds_picture(evidence_of(found, is_drawn=True)))


@require_safe
@acts_for()
def certificate(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Hand over the signed certificate."""
    found = _decided(request, campaign_id)
    return _file(found.certificate, name="certificate.json", media_type="application/json")


@require_safe
@acts_for()
def trials(request: PartyRequest, campaign_id: str) -> HttpResponse:
    """Hand over the trials, from which anyone recomputes the certificate."""
    found = _decided(request, campaign_id)
    return _file(found.trials, name="trials.jsonl", media_type="application/jsonl")


@require_safe
@acts_for()
def handout(request: PartyRequest, case_id: str, kind: str) -> HttpResponse:
    """Hand over the disclosed part of the case's bundle; that it was handed over is recorded."""
    if kind not in set(handing_over.Form):
        raise NotFoundError("no such file")
    case = cases.case_for(request.viewer, case_id)
    form = handing_over.Form(kind)
    made = handing_over.hand_over(case=case, form=form, by=request.viewer, now=request.now)
    return _file(made.content, name=made.name, media_type="application/zip")


def _fixes(
    request: PartyRequest,
    case_id: str,
    *,
    claim_form: ClaimForm | None = None,
    given: Mapping[int, StartForm] = MappingProxyType({}),
    status: int = 200,
) -> HttpResponse:
    case = cases.case_for(request.viewer, case_id)
    cases.require_content(request.viewer, case)
    coordinates = request.viewer.has(Role.COORDINATOR)
    bundle, refusal = _bundle(case) if coordinates else (None, "")
    context = {
        "case": case,
        "title": cases.title_of(case),
        "claims": [_claim_row(request, claim, bundle, given) for claim in queries.claims_for(request.viewer, case)],
        "has_bundle": case.assessment.report.has_bundle,
        "may_take": queries.may_be_handed_bundle(request.viewer, case),
        "refusal": refusal,
        "code": bundle.code if bundle is not None else (),
        "seat": cases.seat_in(request.viewer, case),
        "claim_form": claim_form or ClaimForm(),
        "coordinates": coordinates,
        "behind": watches.regression_behind(request.viewer, case),
        "rounds": list(rounds.rounds_for(request.viewer, case)),
        "probes": list(rounds.probes_for(request.viewer, case)),
    }
    return render(request, "campaigns/fixes.html", context, status=status)


def _claim_row(
    request: PartyRequest, claim: FixClaim, bundle: Bundle | None, given: Mapping[int, StartForm]
) -> dict[str, Any]:
    campaigns = [
        {"row": one, "verdict": queries.verdict_of(one) if one.verdict else ""} for one in claim.campaigns.all()
    ]
    form, estimate = given.get(claim.pk), None
    if bundle is not None:
        targets = authorizations.usable(request.now)
        form = form or StartForm(claim_id=claim.pk, targets=targets, bundle=bundle)
        estimate = expected(bundle, *form.proposal()) if not form.errors else None
    return {
        "claim": claim,
        "note": queries.note_of(claim),
        "campaigns": campaigns,
        "start_form": form,
        "estimate": estimate,
    }


def _bundle(case: Case) -> tuple[Bundle | None, str]:
    """Return the case's bundle, or why there is none that can be run."""
    if not case.assessment.report.has_bundle:
        return None, ""
    try:
        return services.bundle_to_approve(case), ""
    except SafeconductError as error:
        # A bundle from a stranger may be of no use, which keeps nobody from reading the claims.
        return None, error.message


def _decided(request: PartyRequest, campaign_id: str) -> Campaign:
    found = queries.campaign_for(request.viewer, campaign_id)
    if found.state != CampaignState.DECIDED:
        raise NotFoundError("no such file")
    return found


def _file(content: str | bytes, *, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
