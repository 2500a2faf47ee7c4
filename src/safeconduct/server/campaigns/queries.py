# SPDX-License-Identifier: Apache-2.0
"""Reads of campaigns: those of a case, their progress, what waits to be run, and the latest verdict."""

import math
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from safeconduct.domain.evidence import Criterion, Verdict
from safeconduct.domain.parties import Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import NotFoundError
from safeconduct.server.audit import vault
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim, Watch, WatchState
from safeconduct.server.campaigns.places import note_place, secret_place
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.bundle.reading import read_criterion
from safeconduct.verification.fields import Fields
from safeconduct.verification.variants import SALT_LENGTH, HeldOut


def bundle_open_to(viewer: Viewer, case: Case) -> Case:
    """Return the case if the viewer may be given the disclosed part of its bundle.

    Those who coordinate may, and who takes part, while the content is open to it and holds no restricted material.

    Raises:
        NotFoundError: the viewer may not, or there is no bundle.
    """
    found = cases.case_for(viewer, case.pk)
    cases.require_content(viewer, found)
    if not found.assessment.report.has_bundle or not (viewer.has(Role.COORDINATOR) or _may_be_handed(viewer, found)):
        raise NotFoundError("no such bundle")
    return found


def may_be_handed_bundle(viewer: Viewer, case: Case) -> bool:
    """Tell whether the viewer may be given the disclosed part of the case's bundle."""
    try:
        bundle_open_to(viewer, case)
    except NotFoundError:
        return False
    return True


def _may_be_handed(viewer: Viewer, case: Case) -> bool:
    seat = cases.require_seat(viewer, case)
    told = cases.told_in(viewer, case)
    return seat.joined_at is not None and told.restricted_material is RestrictedMaterial.NONE


def claims_for(viewer: Viewer, case: Case) -> QuerySet[FixClaim]:
    """Return the claims of a case the viewer may see: a vendor sees its own."""
    if not cases.may_read(viewer, case):
        return FixClaim.objects.none()
    claims = FixClaim.objects.filter(case=case).select_related("participant").prefetch_related("campaigns")
    if viewer.has(Role.COORDINATOR):
        return claims
    return claims.filter(participant__in=cases.seats_of(viewer))


def claim_for(viewer: Viewer, claim_id: int) -> FixClaim:
    """Return one claim.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    claim = FixClaim.objects.filter(pk=claim_id).select_related("case", "participant").first()
    if claim is None or not claims_for(viewer, claim.case).filter(pk=claim.pk).exists():
        raise NotFoundError("no such claim")
    return claim


def campaigns_for(viewer: Viewer, case: Case) -> QuerySet[Campaign]:
    """Return the campaigns of a case the viewer may see, the newest first."""
    return Campaign.objects.filter(claim__in=claims_for(viewer, case)).select_related("claim__participant")


def campaign_for(viewer: Viewer, campaign_id: str) -> Campaign:
    """Return one campaign.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    campaign = Campaign.objects.filter(pk=campaign_id).select_related("claim__case", "claim__participant").first()
    if campaign is None or not campaigns_for(viewer, campaign.claim.case).filter(pk=campaign.pk).exists():
        raise NotFoundError("no such campaign")
    return campaign


def decided(case: Case) -> QuerySet[Campaign]:
    """Return the campaigns of the case that came to a verdict, the newest first."""
    found = Campaign.objects.filter(claim__case=case, state=CampaignState.DECIDED)
    return found.select_related("claim__case", "claim__participant")


def latest_decided(case: Case) -> Campaign | None:
    """Return the newest campaign of the case that came to a verdict, or nothing."""
    return decided(case).first()


def latest_verdict(case: Case) -> Verdict | None:
    """Return the newest verdict on a fix of the case, or nothing."""
    campaign = latest_decided(case)
    return verdict_of(campaign) if campaign else None


def verdict_of(campaign: Campaign) -> Verdict:
    """Return the verdict as it stands now: a watch may have found that a fix does not hold any more."""
    regressed = Watch.objects.filter(campaign=campaign, state=WatchState.REGRESSED).exists()
    return Verdict.REGRESSED if regressed else Verdict(campaign.verdict)


def verdict_for(viewer: Viewer, case: Case) -> Verdict | None:
    """Return the newest verdict of the case that the viewer may see, as it stands now: a vendor's on its own fix."""
    campaign = campaigns_for(viewer, case).filter(state=CampaignState.DECIDED).first()
    return verdict_of(campaign) if campaign else None


def latest_standing(case: Case) -> Campaign | None:
    """Return the newest campaign with a verdict that still stands, or nothing."""
    return decided(case).exclude(watch__state=WatchState.REGRESSED).first()


def tries_at(campaign: Campaign) -> list[Campaign]:
    """Return the campaigns that asked the same system with the fix, up to this one, the oldest first.

    One that broke off or was stopped counts: whoever can end a run has another try. One whose harness did not reproduce
    the flaw never asked the fix. A new claim does not begin a new count, because nobody checks that the system changed.
    """
    patched = campaign.patched
    begun = Campaign.objects.filter(
        claim__case_id=campaign.claim.case_id,
        patched__adapter=patched.adapter,
        patched__url=patched.url,
        patched__entry=patched.entry,
        patched__model=patched.model,
        started_at__isnull=False,
        queued_at__lte=campaign.queued_at,
    )
    return list(begun.exclude(verdict=Verdict.HARNESS_INVALID).order_by("queued_at", "pk"))


def chance_of_error(tries: Iterable[Campaign]) -> float:
    """Return a bound of the chance that any of these campaigns calls a broken fix FIXED: the sum of their own."""
    return min(1.0, math.fsum(float(one.criterion.get("alpha", 1.0)) for one in tries))


def to_run(now: datetime) -> list[Campaign]:
    """Return the campaigns that wait, and those that a crash left behind."""
    waiting = Campaign.objects.filter(
        Q(state=CampaignState.QUEUED) | Q(state=CampaignState.RUNNING, lease_until__lte=now)
    )
    return list(waiting.order_by("queued_at"))


def is_cancel_asked(campaign_id: str) -> bool:
    """Tell whether somebody wants the campaign to stop."""
    return Campaign.objects.filter(pk=campaign_id, cancel_asked=True).exists()


def is_pause_asked(campaign_id: str) -> bool:
    """Tell whether somebody wants the campaign to rest."""
    return Campaign.objects.filter(pk=campaign_id, pause_asked=True).exists()


def criterion_of(campaign: Campaign) -> Criterion:
    """Return the terms as they were frozen.

    Raises:
        MalformedError: what is stored is no criterion.
    """
    return read_criterion(Fields.of(campaign.criterion, at="criterion"))


def note_of(claim: FixClaim) -> str:
    """Return what the participant wrote. The caller has checked that the asker may see the claim."""
    return vault.open_text(bytes(claim.note), subject=claim.case_id, place=note_place(claim.case_id))


def approved_code_of(campaign: Campaign) -> frozenset[str]:
    """Return the SHA-256 of the code files that whoever started the campaign lets run in the box."""
    return frozenset(campaign.approval.get("sha256", ()))


def held_out_of(campaign: Campaign) -> HeldOut:
    """Return the salt and the seed of the draws; only the runner and the certificate use them."""
    secret = vault.open_sealed(bytes(campaign.secret), subject=campaign.claim.case_id, place=secret_place(campaign.pk))
    return HeldOut(salt=secret[:SALT_LENGTH], seed=secret[SALT_LENGTH:])
