# SPDX-License-Identifier: Apache-2.0
"""The acts on fixes: claim one, start a campaign against it, pause it, stop it. Running it is in `runner`."""

import secrets
from datetime import datetime

from safeconduct.domain.bundle import Adapter, Bundle
from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.observed import Judge
from safeconduct.domain.parties import Role
from safeconduct.domain.safe_json import Json
from safeconduct.errors import ConflictError, IncompleteError, TooLargeError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns import queries
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim
from safeconduct.server.campaigns.places import note_place, secret_place
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases import services as case_services
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.intake import queries as intake
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.bundle.checks import require_runnable
from safeconduct.verification.campaign import Terms
from safeconduct.verification.criterion import check_criterion, criterion_sha256, criterion_terms
from safeconduct.verification.variants import new_held_out

NOTE_LIMIT = 20_000
ACTIVE = (CampaignState.QUEUED, CampaignState.RUNNING, CampaignState.PAUSED)
WORKING = (CampaignState.QUEUED, CampaignState.RUNNING)


@atomic_write
def claim_fix(*, case: Case, seat: Participant, note: str, by: Viewer, now: datetime) -> FixClaim:
    """Say that a fix is there and how it can be reached for a test.

    Raises:
        NotFoundError: the seat is another's, or the content of the case is not open to it.
        IncompleteError: there is no note.
        ConflictError: the case is closed.
        TransitionError: the vendor has not accepted the report yet.
    """
    if not by.has(Role.COORDINATOR) and cases.require_seat(by, case).pk != seat.pk:
        raise ConflictError("this is another participant's seat")
    cases.require_content(by, case)
    if case.closed_at is not None:
        raise ConflictError("the case is closed")
    if not note.strip():
        raise IncompleteError("say what was fixed and how it can be reached", missing=["note"])
    if len(note) > NOTE_LIMIT:
        raise TooLargeError(f"a note may have {NOTE_LIMIT} characters")
    if seat.role in cases.VENDORS and seat.fix_ready_at is None:
        case_services.move(case=case, seat=seat, message=ProtocolMessage.CASE_FIX_READY, by=by, now=now)
    claim = FixClaim.objects.create(
        case=case,
        participant=seat,
        note=vault.seal_text(note.strip(), subject=case.pk, place=note_place(case.pk)),
        claimed_at=now,
    )
    audit.record(EventTag.FIX_CLAIMED, subject=case.pk, actor=by.actor, at=now, facts={"seat": seat.pk})
    return claim


def start(
    *,
    claim: FixClaim,
    unpatched: Target,
    patched: Target,
    by: Viewer,
    now: datetime,
    criterion: Criterion | None = None,
    approved_code: frozenset[str] = frozenset(),
) -> Campaign:
    """Freeze the terms, commit to the draws, and put the campaign into the queue; a vendor cannot judge its own fix.

    `criterion` sets other terms than the bundle's own. `approved_code` are the SHA-256 of the code files that `by` has
    read and lets run in the box; who approved what, and when, is kept with the campaign.

    Raises:
        NotPermittedError: only those who coordinate start campaigns; or a code file of the bundle is not approved.
        ConflictError: the report has no bundle, a campaign of this vendor is running, the targets are the same, or the
            judge that the oracle asks is not granted.
        MalformedError: the bundle cannot be run, or the criterion contradicts itself.
    """
    by.require(Role.COORDINATOR)
    # A bundle may be large, so it is read before the transaction begins.
    bundle = bundle_of(claim.case, approved_code=approved_code)
    terms = criterion or bundle.criterion
    check_criterion(terms)
    held_out = new_held_out(secrets.token_bytes)
    campaign = Campaign(
        claim=claim,
        unpatched=unpatched,
        patched=patched,
        judge=judge_for(bundle, now=now),
        approval=_approval(bundle, by=by, now=now),
        criterion=criterion_terms(terms),
        criterion_sha256=criterion_sha256(terms),
        queued_at=now,
    )
    campaign.commitment = Terms(bundle=bundle, criterion=terms, held_out=held_out, campaign=campaign.pk).commitment
    campaign.secret = vault.seal(held_out.salt + held_out.seed, subject=claim.case_id, place=secret_place(campaign.pk))
    return _put_in(campaign, by=by, now=now)


@atomic_write
def _put_in(campaign: Campaign, *, by: Viewer, now: datetime) -> Campaign:
    claim = campaign.claim
    # The lock lets only one of two who start a campaign of the same case at once go on.
    Case.objects.select_for_update().get(pk=claim.case_id)
    _require_startable(claim, campaign.unpatched, campaign.patched)
    campaign.save(force_insert=True)
    facts: dict[str, audit.Fact] = {
        "case": claim.case_id,
        "criterion": campaign.criterion_sha256,
        "commitment": campaign.commitment,
    }
    facts |= {"approved_code": sorted(queries.approved_code_of(campaign))} if campaign.approval else {}
    audit.record(EventTag.CAMPAIGN_STARTED, subject=campaign.pk, actor=by.actor, at=now, facts=facts)
    return campaign


def _approval(bundle: Bundle, *, by: Viewer, now: datetime) -> dict[str, Json]:
    """Return who approved which code, and when; nothing for a bundle without code."""
    digests: list[Json] = [*sorted({file.sha256 for file in bundle.code})]
    return {"by": by.actor, "at": now.isoformat(), "sha256": digests} if digests else {}


def _require_startable(claim: FixClaim, unpatched: Target, patched: Target) -> None:
    if unpatched.pk == patched.pk or patched.role != TargetRole.PATCHED or unpatched.role != TargetRole.UNPATCHED:
        raise ConflictError("a campaign needs the target as reported and the one with the fix", hint="grant both")
    # The fixes of several vendors of one case are tested side by side, the fixes of one vendor one after the other.
    if Campaign.objects.filter(claim__participant=claim.participant_id, state__in=ACTIVE).exists():
        raise ConflictError("a campaign of this vendor is running", hint="wait for its verdict, or cancel it")


@atomic_write
def pause(*, campaign: Campaign, by: Viewer, now: datetime) -> Campaign:
    """Let a campaign rest; a running one ends the calls that are under way, and keeps all it has.

    Raises:
        NotPermittedError: only those who coordinate do.
        ConflictError: it is over, or rests already.
    """
    by.require(Role.COORDINATOR)
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if current.state not in WORKING or current.pause_asked:
        raise ConflictError("the campaign is over, or rests already")
    current.pause_asked = current.state == CampaignState.RUNNING
    if current.state == CampaignState.QUEUED:
        current.state = CampaignState.PAUSED
    current.save(update_fields=["state", "pause_asked"])
    audit.record(EventTag.CAMPAIGN_PAUSED, subject=current.pk, actor=by.actor, at=now)
    return current


@atomic_write
def resume(*, campaign: Campaign, by: Viewer, now: datetime) -> Campaign:
    """Let a campaign that rests go on where it was; no call is made twice.

    Raises:
        NotPermittedError: only those who coordinate do.
        ConflictError: it does not rest.
    """
    by.require(Role.COORDINATOR)
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if current.state != CampaignState.PAUSED and not current.pause_asked:
        raise ConflictError("the campaign does not rest")
    if current.state == CampaignState.PAUSED:
        current.state = CampaignState.QUEUED
    current.pause_asked = False
    current.save(update_fields=["state", "pause_asked"])
    audit.record(EventTag.CAMPAIGN_RESUMED, subject=current.pk, actor=by.actor, at=now)
    return current


@atomic_write
def cancel(*, campaign: Campaign, by: Viewer, now: datetime) -> Campaign:
    """Ask a campaign to stop; a running one stops before its next call and comes to no verdict.

    Raises:
        NotPermittedError: only those who coordinate do.
        ConflictError: it is over.
    """
    by.require(Role.COORDINATOR)
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if current.state not in ACTIVE:
        raise ConflictError("the campaign is over")
    current.cancel_asked = True
    if current.state != CampaignState.RUNNING:
        current.state, current.ended_at = CampaignState.CANCELED, now
    current.save(update_fields=["state", "ended_at", "cancel_asked"])
    audit.record(EventTag.CAMPAIGN_CANCELED, subject=current.pk, actor=by.actor, at=now)
    return current


def judge_for(bundle: Bundle, *, now: datetime) -> Target | None:
    """Return the granted model that the oracle asks for its opinion; nothing where it asks none.

    Raises:
        ConflictError: it asks one, and none of this name may be asked now.
    """
    check = next((check for check in bundle.oracle.checks if isinstance(check, Judge)), None)
    if check is None:
        return None
    found = authorizations.usable(now).filter(adapter=Adapter.OPENAI_CHAT, model=check.model).first()
    if found is None:
        raise ConflictError("the judge that the oracle asks is not granted", hint=f"grant {check.model!a} as a target")
    return found


def bundle_of(case: Case, *, approved_code: frozenset[str] = frozenset()) -> Bundle:
    """Return the reproduction bundle of the case's report.

    Raises:
        ConflictError: the report has none.
        MalformedError: it cannot be run.
        NotPermittedError: it holds code whose SHA-256 is not among the approved.
    """
    bundle = _sent(case)
    require_runnable(bundle, approved_code=approved_code)
    return bundle


def bundle_to_approve(case: Case) -> Bundle:
    """Return the bundle as a coordinator looks at it before the start, when nobody has approved its code yet.

    Raises:
        ConflictError: the report has none.
        MalformedError: it cannot be run.
    """
    bundle = _sent(case)
    require_runnable(bundle, approved_code=frozenset(file.sha256 for file in bundle.code))
    return bundle


def _sent(case: Case) -> Bundle:
    content = intake.bundle_of(case.assessment.report)
    if content is None:
        raise ConflictError("the report has no reproduction bundle", hint="ask the reporter for one")
    return read_bundle(content)
