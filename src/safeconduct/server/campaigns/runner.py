# SPDX-License-Identifier: Apache-2.0
"""Running a campaign: claimed by a lease, run outside of any transaction, written down with its certificate.

Every call is in the journal before it is made. A run that a crash or a restart left is picked up when its lease ends,
or at once where there is only one worker, and goes on with the same terms and draws: what was answered counts, and a
call whose answer was lost counts against both claims and is not made again. So nobody has a second try at one verdict
by breaking a run off. What a run that lost its lease still brings is not used.

Calls are written down at the targets while it goes on, also of a run that fails. Both targets must be granted when it
begins; when one is suspended, revoked or spent, the campaign stops with a verdict on what it has. The trials hold
digests, never what was asked or answered. Before it says FIXED, the suite of the model family is tried (`history`).
"""

import contextlib
import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from safeconduct.domain.bundle import Speaker
from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Trial, Verdict
from safeconduct.domain.safe_json import Json
from safeconduct.errors import NotPermittedError, SafeconductError, VerificationError
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
from safeconduct.server.campaigns import adjudications, queries, services, transcripts, watches
from safeconduct.server.campaigns.costs import JUDGE, PATCHED, UNPATCHED, Ledger, prices_of
from safeconduct.server.campaigns.history import try_suite
from safeconduct.server.campaigns.journal import SealedJournal
from safeconduct.server.campaigns.models import Campaign, CampaignState
from safeconduct.server.campaigns.replies import Remembering, Replies
from safeconduct.server.cases import services as cases
from safeconduct.server.parties.viewer import ANYONE
from safeconduct.verification.campaign import CampaignResult, Terms, Watcher, run_campaign
from safeconduct.verification.certification import certify
from safeconduct.verification.criterion import criterion_sha256
from safeconduct.verification.judging import JudgedTarget
from safeconduct.verification.suite import HistoricSuite, blocked
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.trials import write_trials
from safeconduct.verification.verdict import Deliberation

LEASE = timedelta(minutes=5)
EVERY = timedelta(seconds=1)
SPARE = 1.25
"""How many calls are set aside for each that the criterion allows, because a busy target is asked again."""
TRIES = 3
"""How often a busy target is asked for one answer, so how many times its patience a single trial may take."""
MOST_SITTINGS = 50
UNEXPECTED = "an error of our own ended the campaign; the operator finds it in the log"
BROKE_OFF = "the run broke off again and again"


def run(campaign: Campaign, *, now: datetime, clock: Callable[[], datetime] = timezone.now) -> Campaign:
    """Run a campaign to its verdict, or until somebody pauses it, or write down why it could not be run."""
    claimed = _claim(campaign, now=now)
    if claimed is None:
        return Campaign.objects.get(pk=campaign.pk)
    with _Ending(claimed, clock=clock):
        return _run(claimed, now=now, clock=clock)


class _Ending:
    """Fails a campaign at once when an error of our own ends it; the error itself goes on to whoever logs it."""

    def __init__(self, claimed: Campaign, *, clock: Callable[[], datetime]) -> None:
        self._claimed, self._clock = claimed, clock

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Note the kind of the error and nothing of its message, which may repeat what nobody may see."""
        if isinstance(error, Exception) and not isinstance(error, SafeconductError):
            with contextlib.suppress(SafeconductError):
                why = f"{UNEXPECTED} [{type(error).__name__}]"
                _end(self._claimed, CampaignState.FAILED, why=why, now=self._clock())


def _run(claimed: Campaign, *, now: datetime, clock: Callable[[], datetime]) -> Campaign:
    progress = Progress(claimed, clock=clock)
    try:
        terms = _terms(claimed)
        # Only what a judge takes for a success is looked at by a person, so only then replies are remembered at all.
        replies = Replies(terms.bundle) if terms.criterion.judge else None
        opened = [_open(claimed, terms, target, clock) for target in _granted(claimed, now=now)]
        progress.watch(*opened)
        asked = [target if replies is None else Remembering(target, replies) for target in opened]
        watcher = Watcher(
            listen=progress.listen,
            should_stop=progress.should_stop,
            should_pause=progress.should_pause,
            journal=SealedJournal(claimed, replies=replies),
        )
        result = run_campaign(terms, unpatched=asked[0], patched=asked[1], clock=clock, watcher=watcher)
        progress.finish()
        authorizing.release(holder=claimed.pk)
        if (ended := _ended_early(claimed, result, now=clock())) is not None:
            return ended
        suite = _suite(claimed, result, clock=clock)
        certificate = _certificate(claimed, terms, result, suite)
    except SafeconductError as error:
        progress.finish()
        return _end(claimed, CampaignState.FAILED, why=f"{error.message} [{error.code}]", now=clock())
    return _decide(claimed, replace(result, report=blocked(result.report, suite)), certificate, now=clock())


def _suite(claimed: Campaign, result: CampaignResult, *, clock: Callable[[], datetime]) -> HistoricSuite | None:
    """Return what came of the historic suite, which is tried before a campaign says FIXED."""
    if result.report.verdict is not Verdict.FIXED:
        return None

    def renew(seconds: float) -> None:
        until = _lease(claimed, now=clock()) + timedelta(seconds=seconds)
        with atomic_write():
            _ours(claimed).update(lease_until=until)

    return try_suite(claimed, clock=clock, renew=renew)


def _ended_early(claimed: Campaign, result: CampaignResult, *, now: datetime) -> Campaign | None:
    """Note that it was canceled or paused, or that a person must look first; nothing where it came to a verdict."""
    if queries.is_cancel_asked(claimed.pk):
        return _end(claimed, CampaignState.CANCELED, now=now)
    rests = result.paused or adjudications.is_waiting(claimed)
    return _end(claimed, CampaignState.PAUSED, now=now) if rests else None


@atomic_write
def take_over(now: datetime) -> int:
    """End the leases of running campaigns, because the one worker there is has just begun; return how many."""
    return Campaign.objects.filter(state=CampaignState.RUNNING, lease_until__gt=now).update(lease_until=now)


class Progress:
    """Writes how far a running campaign is, at most once a second, counts its calls, and renews its lease."""

    def __init__(self, campaign: Campaign, *, clock: Callable[[], datetime]) -> None:
        """Begin at nothing."""
        self._campaign, self._clock = campaign, clock
        self._told_at = clock() - EVERY
        self._stop = self._pause = False
        self._watched: dict[str, Target] = {}
        self._costs: Ledger | None = None

    def watch(self, unpatched: Target, patched: Target) -> None:
        """Count what these targets spend from now on, beside what earlier sittings spent.

        Raises:
            MalformedError: the journal of the earlier sittings cannot be read.
        """
        self._costs = Ledger.of(self._campaign)
        self._watched = {UNPATCHED: unpatched, PATCHED: patched}

    def listen(self, trial: Trial, deliberation: Deliberation) -> None:
        """Take note of a trial."""
        now = self._clock()
        if now - self._told_at < EVERY and not deliberation.is_over:
            return
        self._told_at = now
        self.spend()
        self._stop, self._pause = _tell(self._campaign, trial, deliberation, now=now)

    def should_stop(self) -> bool:
        """Tell whether the campaign is to stop before the next call."""
        return self._stop

    def should_pause(self) -> bool:
        """Tell whether the campaign is to rest before the next call."""
        return self._pause

    def finish(self) -> None:
        """Write down the rest, and keep the transcripts of this sitting."""
        self.spend()
        transcripts.keep(self._campaign, {role: target.spent for role, target in self._watched.items()})

    def spend(self) -> None:
        """Write down at the targets what was spent since the last time."""
        for role, used in self._watched.items():
            if self._costs is None:
                return
            # The meter counts on in one and the same object, so what was written down is kept as a copy.
            self._costs.note(role, replace(used.spent))
            if isinstance(used, JudgedTarget):
                self._costs.note(JUDGE, replace(used.judge_spent), source=role)


@atomic_write
def _claim(campaign: Campaign, *, now: datetime) -> Campaign | None:
    """Take a campaign that waits, or one that a crash left; nothing where there is nothing to run."""
    current = _locked(campaign)
    is_left = current.state == CampaignState.RUNNING and current.lease_until is not None and current.lease_until <= now
    if is_left:
        authorizing.release(holder=current.pk)
    if is_left and (current.cancel_asked or current.attempts >= MOST_SITTINGS):
        _close(
            current, CampaignState.CANCELED if current.cancel_asked else CampaignState.FAILED, why=BROKE_OFF, now=now
        )
        return None
    if current.state != CampaignState.QUEUED and not is_left:
        return None
    if is_left:
        facts: dict[str, audit.Fact] = {"sitting": current.attempts + 1}
        audit.record(EventTag.CAMPAIGN_PICKED_UP, subject=current.pk, at=now, facts=facts)
    current.state, current.lease_until = CampaignState.RUNNING, _lease(current, now=now)
    current.started_at = current.started_at or now
    current.attempts += 1
    current.save()
    return current


@atomic_write
def _tell(campaign: Campaign, trial: Trial, deliberation: Deliberation, *, now: datetime) -> tuple[bool, bool]:
    """Show how far it is, and return whether it must stop, and whether it is to rest.

    It must stop when it is asked to, when a grant does not hold any more, or when its lease is lost.
    """
    progress: dict[str, Json] = {
        "phase": deliberation.phase.value,
        "calls": deliberation.calls,
        "of": deliberation.criterion.max_calls,
        "arm": trial.arm.value,
        "family": trial.family,
    }
    sealed = campaign.sealed("progress", progress)
    is_ours = _ours(campaign).update(sealed_progress=sealed, lease_until=_lease(campaign, now=now))
    must_stop = not is_ours or queries.is_cancel_asked(campaign.pk) or not _may_go_on(campaign, now=now)
    return must_stop, queries.is_pause_asked(campaign.pk)


@atomic_write
def _decide(campaign: Campaign, result: CampaignResult, certificate: bytes, *, now: datetime) -> Campaign:
    current = _locked(campaign)
    if not _ours(campaign).exists():
        return current
    authorizing.release(holder=current.pk)
    current.state, current.ended_at, current.lease_until = CampaignState.DECIDED, now, None
    current.verdict = result.report.verdict
    current.sealed_reasons = current.sealed("reasons", list(result.report.reasons))
    current.sealed_certificate = current.sealed("certificate", certificate.decode())
    current.sealed_trials = current.sealed("trials", write_trials(result.trials).decode())
    current.save()
    adjudications.forget(current)
    ledger.commit(kind=EntryKind.ATTESTATION, value=public_commitment(certificate), now=now)
    if result.report.verdict is Verdict.FIXED:
        cases.note_verified(case=current.claim.case, by=ANYONE, now=now)
        watches.begin_by_itself(current, now=now)
    audit.record(
        EventTag.CAMPAIGN_DECIDED,
        subject=current.pk,
        at=now,
        facts={"verdict": current.verdict, "certificate": hashlib.sha256(certificate).hexdigest()},
    )
    return current


@atomic_write
def _end(campaign: Campaign, state: CampaignState, *, why: str = "", now: datetime) -> Campaign:
    current = _locked(campaign)
    if _ours(campaign).exists():
        _close(current, state, why=why, now=now)
    return current


def _close(current: Campaign, state: CampaignState, *, why: str, now: datetime) -> None:
    """Leave a campaign without a verdict. Who asked for its pause or cancellation is in the record already."""
    authorizing.release(holder=current.pk)
    current.state, current.lease_until, current.pause_asked = state, None, False
    current.ended_at = None if state == CampaignState.PAUSED else now
    if state == CampaignState.FAILED:
        current.sealed_failure = current.sealed("failure", why)
        audit.record(EventTag.CAMPAIGN_FAILED, subject=current.pk, at=now)
    current.save()


def _locked(campaign: Campaign) -> Campaign:
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    return Campaign.objects.select_related("claim__case__assessment__report", "unpatched", "patched", "judge").get(
        pk=campaign.pk
    )


def _ours(claimed: Campaign) -> QuerySet[Campaign]:
    """Return the campaign as long as it runs under this claim."""
    return Campaign.objects.filter(pk=claimed.pk, state=CampaignState.RUNNING, attempts=claimed.attempts)


def _lease(campaign: Campaign, *, now: datetime) -> datetime:
    """Return until when nobody else may take it: longer than one trial may take at the slower target."""
    patience = max(campaign.unpatched.call_seconds, campaign.patched.call_seconds)
    return now + LEASE + timedelta(seconds=TRIES * patience)


def _terms(claimed: Campaign) -> Terms:
    """Return the terms as they were frozen.

    Raises:
        VerificationError: what is stored is not what was committed to.
    """
    approved = queries.approved_code_of(claimed)
    terms = Terms(
        bundle=services.bundle_of(claimed.claim.case, approved_code=approved),
        criterion=queries.criterion_of(claimed),
        held_out=queries.held_out_of(claimed),
        campaign=claimed.pk,
        approved_code=approved,
        prices=prices_of(claimed.unpatched, claimed.patched),
    )
    frozen = (criterion_sha256(terms.criterion), terms.commitment)
    if frozen != (claimed.criterion_sha256, claimed.commitment):
        raise VerificationError("the terms are not those that were frozen", hint="start another campaign")
    return terms


def _granted(claimed: Campaign, *, now: datetime) -> tuple[GrantedTarget, GrantedTarget]:
    """Return both targets as they are granted now.

    Raises:
        NotPermittedError: one was suspended, revoked or spent since, or its window is closed.
    """
    if not _are_usable(claimed, now=now):
        raise NotPermittedError("a target may not be tested now", hint="look at its state, window and caps")
    return claimed.unpatched, claimed.patched


def _are_usable(claimed: Campaign, *, now: datetime) -> bool:
    asked = _asked(claimed)
    return authorizations.usable(now).filter(pk__in=asked).count() == len(asked)


def _may_go_on(claimed: Campaign, *, now: datetime) -> bool:
    """Tell whether the grants still hold; that calls are left is sure, because they are set aside."""
    return all(authorizations.is_usable(target, now=now) for target in _asked(claimed))


def _asked(claimed: Campaign) -> set[str]:
    return {one for one in (claimed.unpatched_id, claimed.patched_id, claimed.judge_id) if one is not None}


def _open(claimed: Campaign, terms: Terms, granted: GrantedTarget, clock: Callable[[], datetime]) -> Target:
    """Return a target with the calls set aside that the campaign may ask of it, so that no other run spends them."""
    judge = claimed.judge
    turns = max(1, sum(step.role is Speaker.USER for step in terms.bundle.attack.steps))
    most = math.ceil(SPARE * turns * terms.criterion.max_calls)
    held = authorizing.hold(target_id=granted.pk, holder=claimed.pk, most=most, now=clock())
    names = [one.secret_name for one in (granted, judge) if one is not None]
    return target_for(
        terms.bundle,
        held,
        clock=clock,
        secrets={name: secret for one in names for name, secret in secrets_named(one).items()},
        judge=authorizations.grant_of(judge) if judge else None,
    )


def _certificate(claimed: Campaign, terms: Terms, result: CampaignResult, suite: HistoricSuite | None) -> bytes:
    return certify(
        terms,
        result,
        key_ring().attestation,
        unpatched=claimed.unpatched.label,
        patched=claimed.patched.label,
        suite=suite,
    )
