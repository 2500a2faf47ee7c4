# SPDX-License-Identifier: Apache-2.0
"""The acts on the embargo of a case: begin with the shortest terms, propose, answer, settle, end.

What the rules answer is in `policy.embargoes`; here it is written down: the letter of the case, the state of each set
of terms, and each participant's consent, which is always to terms and never to "the embargo".
"""

from datetime import UTC, datetime, time

from safeconduct.domain.case import (
    CaseState,
    Consent,
    ConsentEvent,
    EmbargoEvent,
    EmbargoState,
    ProtocolMessage,
)
from safeconduct.domain.embargo import Answer, EmbargoTerms, Resolution
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.report import DisclosureIntent, DisclosureWish
from safeconduct.domain.severity import Tier
from safeconduct.errors import ConflictError, IncompleteError
from safeconduct.policy import embargo_rules, embargoes
from safeconduct.policy.lifecycle import may_move_consent, refuse, require_consent, require_embargo
from safeconduct.policy.messages import receive
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, EmbargoAnswer, EmbargoTerm, Participant, TermState, new_embargo_id
from safeconduct.server.cases.steps import apply, end_terms, locked, note_step, put_in_force, require_open
from safeconduct.server.parties.viewer import Viewer

UNDER = frozenset({EmbargoState.ACTIVE, EmbargoState.REVISE})
LAST_MINUTE = time(23, 59, tzinfo=UTC)


@atomic_write
def begin(
    *, case: Case, coordinator: Participant, reporter: Participant, wish: DisclosureWish, by: Viewer, now: datetime
) -> Case:
    """Put the default embargo of the tier in force, or the reporter's date if that is earlier."""
    tier = Tier(case.assessment.tier) if case.assessment.tier else None
    default = EmbargoTerms(id=new_embargo_id(), by=coordinator.pk, ends_at=now + embargo_rules.default_length(tier))
    wished = _wished(wish, reporter)
    found = embargoes.opening(
        proposals=wished, defaults=(default,), case=CaseState(), cap=now + embargo_rules.longest(tier), now=now
    )
    _store(case, found.outcome, known=(default, *wished), reasons=found.reasons, now=now)
    for seat in (coordinator, reporter):
        if seat.pk in found.outcome.signatories:
            seat.consent = Consent.SIGNATORY
            seat.save(update_fields=["consent"])
    note_step(
        case,
        axis="EM",
        before=EmbargoState.NONE,
        after=case.embargo,
        message=ProtocolMessage.EMBARGO_ACCEPTED,
        actor=by.actor,
        now=now,
        participant=coordinator,
        reason="; ".join(found.reasons),
    )
    audit.record(EventTag.EMBARGO_ACTIVATED, subject=case.pk, actor=by.actor, at=now)
    return case


@atomic_write
def propose(*, case: Case, seat: Participant, ends_at: datetime, reason: str, by: Viewer, now: datetime) -> EmbargoTerm:
    """Put other terms on the table; those in force stay until all have answered.

    Raises:
        ConflictError: the end is not ahead, or the case is closed.
        TransitionError: the facts of the case leave no room for an embargo.
        IncompleteError: there is no reason.
    """
    current = locked(case)
    require_open(current)
    if not reason.strip():
        raise IncompleteError("say why", hint="the other participants will read it", missing=["reason"])
    position = queries.position_of(seat, current)
    terms = EmbargoTerms(id=new_embargo_id(), by=seat.pk, ends_at=ends_at)
    asks = embargo_rules.may_revise if current.embargo in UNDER else embargo_rules.may_propose
    refuse(asks(position.case, position.report, terms=terms, now=now))
    tier = Tier(current.assessment.tier) if current.assessment.tier else None
    found = embargoes.propose(
        queries.resolution_of(current), terms, cap=current.opened_at + embargo_rules.longest(tier), now=now
    )
    before = current.embargo
    _store(current, found.outcome, known=(terms,), reasons=(reason.strip(), *found.reasons), now=now)
    _lapse(current, proposer=seat)
    is_revision = before in UNDER
    message = ProtocolMessage.EMBARGO_REVISION if is_revision else ProtocolMessage.EMBARGO_PROPOSAL
    note_step(
        current,
        axis="EM",
        before=before,
        after=current.embargo,
        message=message,
        actor=by.actor,
        now=now,
        participant=seat,
        reason=reason.strip(),
    )
    audit.record(EventTag.EMBARGO_PROPOSED, subject=current.pk, actor=by.actor, at=now)
    return EmbargoTerm.objects.get(pk=terms.id)


@atomic_write
def answer(*, term: EmbargoTerm, seat: Participant, accepts: bool, by: Viewer, now: datetime) -> Case:
    """Answer terms: those in force when invited, or others on the table. When all have answered, they are settled.

    Raises:
        ConflictError: the terms are not open any more.
    """
    current = locked(term.case)
    require_open(current)
    open_term = EmbargoTerm.objects.select_for_update().get(pk=term.pk)
    if open_term.state not in {TermState.PROPOSED, TermState.ACTIVE}:
        raise ConflictError("these terms are not open any more", hint="look at the present terms and answer again")
    EmbargoAnswer.objects.update_or_create(
        term=open_term, participant=seat, defaults={"accepts": accepts, "answered_at": now}
    )
    if open_term.state == TermState.ACTIVE:
        _consent(seat, accepts=accepts)
        if accepts:
            hand_over(seat=seat, case=current, now=now)
    else:
        _settle(current, by=by, now=now)
    tag = EventTag.EMBARGO_AGREED if accepts else EventTag.EMBARGO_DECLINED
    audit.record(tag, subject=current.pk, actor=by.actor, at=now, facts={"seat": seat.pk})
    return current


@atomic_write
def end(*, case: Case, reason: str, by: Viewer, now: datetime) -> Case:
    """End the embargo, because its time has come or because a coordinator says why.

    Raises:
        NotPermittedError: only those who coordinate end an embargo before its time.
        TransitionError: there is none to end.
        IncompleteError: there is no reason.
    """
    current = locked(case)
    term = queries.active_term(current)
    is_over = term is not None and term.ends_at <= now
    if not is_over:
        by.require(Role.COORDINATOR)
    if not reason.strip():
        raise IncompleteError("say why", hint="all participants will read it", missing=["reason"])
    before = EmbargoState(current.embargo)
    current.embargo = require_embargo(before, EmbargoEvent.TERMINATE)
    end_terms(current, now=now)
    current.save(update_fields=["embargo"])
    reset_consents(current)
    note_step(
        current,
        axis="EM",
        before=before,
        after=current.embargo,
        message=ProtocolMessage.EMBARGO_TERMINATION,
        actor=by.actor,
        now=now,
        reason=reason.strip(),
    )
    audit.record(EventTag.EMBARGO_ENDED, subject=current.pk, actor=by.actor, at=now)
    return current


def hand_over(*, seat: Participant, case: Case, now: datetime) -> None:
    """Let a participant receive the report, now that the content is open to it."""
    effect = receive(queries.position_of(seat, case), ProtocolMessage.REPORT_SUBMISSION)
    apply(effect, seat, case, message=ProtocolMessage.REPORT_SUBMISSION, actor=seat.pk, now=now)


def reset_consents(case: Case) -> None:
    """Take every consent back to "none in scope" where no embargo is left."""
    if case.embargo not in {EmbargoState.EXITED, EmbargoState.NONE}:
        return
    for seat in case.participants.exclude(consent=Consent.NO_EMBARGO):
        seat.consent = require_consent(Consent(seat.consent), ConsentEvent.RESET)
        seat.save(update_fields=["consent"])


def _wished(wish: DisclosureWish, reporter: Participant) -> tuple[EmbargoTerms, ...]:
    if wish.intent is not DisclosureIntent.FIXED_DATE or wish.on is None:
        return ()
    return (EmbargoTerms(id=new_embargo_id(), by=reporter.pk, ends_at=datetime.combine(wish.on, LAST_MINUTE)),)


def _store(
    case: Case, found: Resolution, *, known: tuple[EmbargoTerms, ...], reasons: tuple[str, ...], now: datetime
) -> None:
    """Write new terms with the ends the rules gave them, and the letter of the case."""
    new = {terms.id for terms in known}
    for terms in (*((found.active,) if found.active else ()), *found.pending):
        if terms.id not in new:
            continue
        term = EmbargoTerm.objects.create(
            id=terms.id,
            case=case,
            proposed_by_id=terms.by,
            ends_at=terms.ends_at,
            answer_by=_answer_by(terms, now=now),
            reason="; ".join(reasons),
            proposed_at=now,
        )
        if found.active is not None and terms.id == found.active.id:
            put_in_force(term, now=now)
    case.embargo = found.state
    case.save(update_fields=["embargo"])


def _answer_by(terms: EmbargoTerms, *, now: datetime) -> datetime:
    """Return until when participants may answer: the default window, never past the end of the terms."""
    return min(terms.ends_at, now + embargo_rules.embargo_rules().answer_default)


def _lapse(case: Case, *, proposer: Participant) -> None:
    """A revision makes every other consent lapse, until it is given to the new terms."""
    if case.embargo != EmbargoState.REVISE:
        return
    for seat in case.participants.filter(consent=Consent.SIGNATORY).exclude(pk=proposer.pk):
        seat.consent = require_consent(Consent.SIGNATORY, ConsentEvent.REVISE)
        seat.save(update_fields=["consent"])


def _settle(case: Case, *, by: Viewer, now: datetime) -> None:
    parties = frozenset(
        case.participants.filter(left_at__isnull=True, joined_at__isnull=False)
        .exclude(consent=Consent.DECLINED)
        .values_list("pk", flat=True)
    )
    votes = {
        term.pk: {
            said.participant_id: Answer.ACCEPT if said.accepts else Answer.REJECT
            for said in term.answers.filter(participant_id__in=parties)
        }
        for term in queries.open_terms(case)
    }
    found = embargoes.settle(queries.resolution_of(case), votes, parties=parties, now=now).outcome
    before = case.embargo
    for terms in found.rejected:
        case.terms.filter(pk=terms.id, state=TermState.PROPOSED).update(state=TermState.REJECTED, settled_at=now)
    if found.active is not None:
        term = EmbargoTerm.objects.get(pk=found.active.id)
        if term.state != TermState.ACTIVE:
            put_in_force(term, now=now)
    case.embargo = found.state
    case.save(update_fields=["embargo"])
    if found.state == EmbargoState.ACTIVE:
        case.participants.filter(pk__in=parties).update(consent=Consent.SIGNATORY)
    note_step(
        case,
        axis="EM",
        before=before,
        after=case.embargo,
        message=ProtocolMessage.EMBARGO_REVISION_ACCEPTED,
        actor=by.actor,
        now=now,
    )


def _consent(seat: Participant, *, accepts: bool) -> None:
    event = ConsentEvent.ACCEPT if accepts else ConsentEvent.DECLINE
    if accepts and seat.consent == Consent.SIGNATORY:
        return
    if seat.consent == Consent.DECLINED:
        # Who declined and thinks again is invited anew by that very wish.
        seat.consent = require_consent(Consent.DECLINED, ConsentEvent.INVITE)
    refuse(may_move_consent(Consent(seat.consent), event))
    seat.consent = require_consent(Consent(seat.consent), event)
    seat.save(update_fields=["consent"])
