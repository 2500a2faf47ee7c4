# SPDX-License-Identifier: Apache-2.0
"""Running a campaign: claimed by a lease, run outside of any transaction, written down with its certificate.

A crash leaves a lease that ends; the campaign then begins again from its frozen terms and the same draws, which changes
nothing: outcomes of a run that left no verdict are not used. The trials hold digests, never what was asked or answered.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Criterion, Trial, Verdict
from safeconduct.errors import SafeconductError
from safeconduct.ledger.commitment import public_commitment
from safeconduct.ledger.entry import EntryKind
from safeconduct.server.audit import ledger
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target as GrantedTarget
from safeconduct.server.authorizations.secret_files import secrets_named
from safeconduct.server.campaigns import queries, services
from safeconduct.server.campaigns.models import Campaign, CampaignState
from safeconduct.server.cases import services as cases
from safeconduct.server.parties.viewer import ANYONE
from safeconduct.verification.campaign import CampaignResult, Terms, run_campaign
from safeconduct.verification.certification import certify
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.trials import write_trials
from safeconduct.verification.verdict import Deliberation

LEASE = timedelta(minutes=10)
EVERY = timedelta(seconds=1)
FAILURE_LENGTH = 400


def run(campaign: Campaign, *, now: datetime, clock: Callable[[], datetime] = timezone.now) -> Campaign:
    """Run a campaign to its verdict, or write down why it could not be run."""
    claimed = _claim(campaign, now=now)
    if claimed is None:
        return campaign
    terms = Terms(
        bundle=services.bundle_of(claimed.claim.case),
        criterion=Criterion(**claimed.criterion),
        held_out=queries.held_out_of(claimed),
    )
    progress = Progress(claimed, clock=clock)
    try:
        unpatched, patched = (_open(terms, target, clock) for target in (claimed.unpatched, claimed.patched))
        result = run_campaign(
            terms,
            unpatched=unpatched,
            patched=patched,
            clock=clock,
            listen=progress.listen,
            should_stop=progress.should_stop,
        )
    except SafeconductError as error:
        return _fail(claimed, f"{error.message} [{error.code}]", now=clock())
    _spend(claimed.unpatched, unpatched)
    _spend(claimed.patched, patched)
    if queries.is_cancel_asked(claimed.pk):
        return _cancel(claimed, now=clock())
    return _decide(claimed, terms, result, now=clock())


class Progress:
    """Writes how far a running campaign is, at most once a second, and renews its lease."""

    def __init__(self, campaign: Campaign, *, clock: Callable[[], datetime]) -> None:
        """Begin at nothing."""
        self._campaign, self._clock = campaign, clock
        self._told_at = clock() - EVERY
        self._stop = False

    def listen(self, trial: Trial, deliberation: Deliberation) -> None:
        """Take note of a trial."""
        now = self._clock()
        if now - self._told_at < EVERY and not deliberation.is_over:
            return
        self._told_at = now
        self._stop = _tell(self._campaign, trial, deliberation, now=now)

    def should_stop(self) -> bool:
        """Tell whether the campaign is to stop before the next call."""
        return self._stop


@atomic_write
def _claim(campaign: Campaign, *, now: datetime) -> Campaign | None:
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    is_left = current.state == CampaignState.RUNNING and current.lease_until is not None and current.lease_until <= now
    if current.state != CampaignState.QUEUED and not is_left:
        return None
    current.state, current.lease_until = CampaignState.RUNNING, now + LEASE
    current.started_at = current.started_at or now
    current.attempts += 1
    current.progress = {}
    current.save()
    return Campaign.objects.select_related("claim__case__assessment__report", "unpatched", "patched").get(pk=current.pk)


@atomic_write
def _tell(campaign: Campaign, trial: Trial, deliberation: Deliberation, *, now: datetime) -> bool:
    progress = {
        "phase": deliberation.phase.value,
        "calls": deliberation.calls,
        "of": deliberation.criterion.max_calls,
        "arm": trial.arm.value,
        "family": trial.family,
    }
    Campaign.objects.filter(pk=campaign.pk).update(progress=progress, lease_until=now + LEASE)
    return queries.is_cancel_asked(campaign.pk)


@atomic_write
def _decide(campaign: Campaign, terms: Terms, result: CampaignResult, *, now: datetime) -> Campaign:
    ring = key_ring()
    certificate = certify(
        terms,
        result,
        ring.attestation,
        unpatched=campaign.unpatched.label,
        patched=campaign.patched.label,
    )
    current = Campaign.objects.select_for_update().select_related("claim__case").get(pk=campaign.pk)
    current.state, current.ended_at, current.lease_until = CampaignState.DECIDED, now, None
    current.verdict = result.report.verdict
    current.reasons = list(result.report.reasons)
    current.certificate = certificate.decode()
    current.trials = write_trials(result.trials).decode()
    current.save()
    ledger.commit(kind=EntryKind.ATTESTATION, value=public_commitment(certificate), now=now)
    if result.report.verdict is Verdict.FIXED:
        cases.note_verified(case=current.claim.case, by=ANYONE, now=now)
    audit.record(
        EventTag.CAMPAIGN_DECIDED,
        subject=current.pk,
        at=now,
        facts={"verdict": current.verdict, "certificate": hashlib.sha256(certificate).hexdigest()},
    )
    return current


@atomic_write
def _fail(campaign: Campaign, why: str, *, now: datetime) -> Campaign:
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    current.state, current.ended_at, current.lease_until = CampaignState.FAILED, now, None
    current.failure = why[:FAILURE_LENGTH]
    current.save()
    audit.record(EventTag.CAMPAIGN_FAILED, subject=current.pk, at=now)
    return current


@atomic_write
def _cancel(campaign: Campaign, *, now: datetime) -> Campaign:
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    current.state, current.ended_at, current.lease_until = CampaignState.CANCELED, now, None
    current.save()
    return current


def _open(terms: Terms, granted: GrantedTarget, clock: Callable[[], datetime]) -> Target:
    return target_for(
        terms.bundle, authorizations.grant_of(granted), clock=clock, secrets=secrets_named(granted.secret_name)
    )


def _spend(granted: GrantedTarget, used: Target) -> None:
    authorizing.spend(target_id=granted.pk, calls=used.spent.calls, tokens=used.spent.tokens)
