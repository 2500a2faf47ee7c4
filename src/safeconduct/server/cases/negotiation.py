# SPDX-License-Identifier: Apache-2.0
"""The acts on the embargo of a case: begin with the shortest terms, propose, answer, settle, lapse, end.

What the rules answer is in `policy.embargoes`; here it is written down: the letter of the case, the state of each set
of terms, and each participant's consent, which is always to terms and never to "the embargo". Who puts terms forward
has answered them.

An answer that never comes is no consent: when the window is over, an invitation counts as declined and a proposal as
rejected. Who was late may still accept the terms in force.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from safeconduct.domain.case import Consent, ConsentEvent, EmbargoEvent, EmbargoState, ProtocolMessage
from safeconduct.domain.embargo import Answer, EmbargoTerms, Resolution
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import DisclosureIntent, DisclosureWish
from safeconduct.domain.severity import Tier
from safeconduct.errors import ConflictError, NotPermittedError
from safeconduct.policy import embargo_course, embargo_rules, embargoes
from safeconduct.policy.lifecycle import refuse, require_consent, require_embargo
from safeconduct.policy.messages import receive
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, EmbargoAnswer, EmbargoTerm, Participant, TermState, new_embargo_id
from safeconduct.server.cases.notices import News, tell_all
from safeconduct.server.cases.places import term_place
from safeconduct.server.cases.queries import UNDER
from safeconduct.server.cases.steps import (
    Cause,
    apply,
    end_terms,
    keep_consent,
    lift_consents,
    locked,
    note_step,
    own_seat,
    present_seat,
    put_in_force,
    require_open,
    set_consent,
    wording,
)
from safeconduct.server.intake.models import Report
from safeconduct.server.parties.viewer import ANYONE, Viewer
from safeconduct.server.rulebook import queries as rulebook
from safeconduct.server.rulebook.models import PolicyKind

M = ProtocolMessage
LAST_MINUTE = time(23, 59, tzinfo=UTC)
BY_PROXY = (CaseRole.REPORTER, CaseRole.FINDER)


@atomic_write
def begin(
    *, case: Case, coordinator: Participant, reporter: Participant, wish: DisclosureWish, by: Viewer, now: datetime
) -> Case:
    """Put the default embargo in force, or the reporter's date if that is earlier.

    The default is that of the tier, and at most that of the published policy. A reporter who asks for no date has
    agreed to it by reporting. Where the public knows already, or attacks are observed, there is no embargo.
    """
    tier = _tier(case)
    promised = timedelta(days=rulebook.policy_in_force(PolicyKind.EMBARGO, now=now).embargo_days)
    length = min(embargo_rules.default_length(tier), promised)
    default = EmbargoTerms(id=new_embargo_id(), by=coordinator.pk, ends_at=now + length)
    wished = _wished(wish, reporter)
    found = embargoes.opening(
        proposals=wished,
        defaults=(default,),
        case=queries.vendor_state(case),
        cap=now + embargo_rules.longest(tier),
        now=now,
    )
    _store(case, found.outcome, known=(default, *wished), reason="; ".join(found.reasons), now=now)
    cause = Cause(message=M.EMBARGO_ACCEPTED, actor=by.actor, at=now, reason="; ".join(found.reasons))
    note_step(case, axis="EM", moved=(EmbargoState.NONE, case.embargo), cause=cause)
    if found.outcome.active is not None:
        for seat in (coordinator, reporter):
            _keep_answer(found.outcome.active.id, seat, accepts=True, now=now)
            keep_consent(seat, Consent.SIGNATORY)
        audit.record(EventTag.EMBARGO_ACTIVATED, subject=case.pk, actor=by.actor, at=now)
    return case


@atomic_write
def propose(*, case: Case, seat: Participant, ends_at: datetime, reason: str, by: Viewer, now: datetime) -> EmbargoTerm:
    """Put other terms on the table; those in force stay until all have answered.

    Raises:
        NotPermittedError: the seat is another's, or only looks on.
        NotFoundError: the content of the case is not open to the seat.
        ConflictError: the end is not ahead, is proposed already, or the case is closed.
        TransitionError: the facts of the case leave no room for an embargo.
        IncompleteError: there is no reason.
    """
    current = locked(case)
    require_open(current)
    own = _voice(seat, current, by)
    queries.require_content(by, current)
    said = wording(reason)
    terms = EmbargoTerms(id=new_embargo_id(), by=own.pk, ends_at=ends_at)
    position = queries.position_of(own, current)
    is_revision = current.embargo in UNDER
    asks = embargo_rules.may_revise if is_revision else embargo_rules.may_propose
    refuse(asks(position.case, position.report, terms=terms, now=now))
    cap = current.opened_at + embargo_rules.longest(_tier(current))
    _refuse_repeated(current, min(terms.ends_at, cap))
    found = embargoes.propose(queries.resolution_of(current), terms, cap=cap, now=now)
    message = M.EMBARGO_REVISION if is_revision else M.EMBARGO_PROPOSAL
    cause = Cause(message=message, actor=by.actor, at=now, reason=said)
    before = current.embargo
    grounds = f" ({'; '.join(found.reasons[:-1])})" if found.reasons[:-1] else ""
    _store(current, found.outcome, known=(terms,), reason=f"{said}{grounds}", now=now)
    note_step(current, axis="EM", moved=(before, current.embargo), cause=cause)
    _keep_answer(terms.id, own, accepts=True, now=now)
    _lapse(current, proposer=own)
    audit.record(EventTag.EMBARGO_PROPOSED, subject=current.pk, actor=by.actor, at=now)
    _settle(current, by=by, now=now)
    tell_all(current, News.TERMS, now=now, but=own)
    return EmbargoTerm.objects.get(pk=terms.id)


@atomic_write
def answer(*, term: EmbargoTerm, seat: Participant, accepts: bool, by: Viewer, now: datetime) -> Case:
    """Answer terms: those in force when invited, or others on the table. When all have answered, they are settled.

    Those who coordinate may note the answer of who has no account here: the reporter, and a guest who answered by mail.

    Raises:
        NotPermittedError: the seat is another's.
        ConflictError: the terms are not open any more, or the case is closed.
        TransitionError: who keeps the embargo cannot decline it; leaving is another act.
    """
    current = locked(term.case)
    require_open(current)
    return _answer(term, _answering(seat, current, by), current, accepts=accepts, by=by, now=now)


@atomic_write
def answer_for_reporter(*, row: Report, term: EmbargoTerm, accepts: bool, now: datetime) -> Case:
    """Keep the reporter's own answer to terms on the table; the caller has opened the mailbox, which is the proof.

    Raises:
        ConflictError: the terms are of another case or not open any more, or the case is closed.
    """
    current = locked(term.case)
    require_open(current)
    if current.assessment.report_id != row.pk:
        raise ConflictError("these terms are of another case", hint="look at the present terms")
    seat = current.participants.select_for_update().get(role=CaseRole.REPORTER, left_at__isnull=True)
    return _answer(term, seat, current, accepts=accepts, by=ANYONE, now=now)


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
    if term is None or term.ends_at > now:
        by.require(Role.COORDINATOR)
    cause = Cause(message=M.EMBARGO_TERMINATION, actor=by.actor, at=now, reason=wording(reason))
    before = EmbargoState(current.embargo)
    current.embargo = require_embargo(before, EmbargoEvent.TERMINATE)
    end_terms(current, now=now)
    current.save(update_fields=["embargo"])
    lift_consents(current)
    note_step(current, axis="EM", moved=(before, current.embargo), cause=cause)
    audit.record(EventTag.EMBARGO_ENDED, subject=current.pk, actor=by.actor, at=now)
    tell_all(current, News.EMBARGO_ENDED, now=now)
    return current


@atomic_write
def lapse(*, case: Case, now: datetime) -> Case:
    """Take note of silence: invitations whose window is over are declined, proposals rejected. Twice does no harm."""
    current = locked(case)
    if current.closed_at is not None:
        return current
    term = queries.active_term(current)
    for seat in current.participants.select_for_update().filter(consent=Consent.INVITED, left_at__isnull=True):
        if term is not None and seat.asked_at is not None and _window_end(seat.asked_at, term) <= now:
            cause = Cause(message=M.EMBARGO_REJECTED, actor="", at=now, reason="no answer came in time")
            set_consent(seat, Consent.DECLINED, current, cause=cause)
            audit.record(EventTag.EMBARGO_DECLINED, subject=current.pk, at=now, facts={"seat": seat.pk})
    if any(one.answer_by and one.answer_by <= now for one in queries.open_terms(current)):
        _settle(current, by=ANYONE, now=now)
    return current


def silent_until(seat: Participant, case: Case) -> datetime | None:
    """Return until when an invited participant may answer; nothing if nobody waits for it."""
    term = queries.active_term(case)
    if seat.consent != Consent.INVITED or seat.asked_at is None or term is None:
        return None
    return _window_end(seat.asked_at, term)


def hand_over(*, seat: Participant, case: Case, now: datetime) -> None:
    """Let a participant receive the report, now that the content is open to it."""
    effect = receive(queries.position_of(seat, case), M.REPORT_SUBMISSION)
    apply(effect, seat, case, cause=Cause(message=M.REPORT_SUBMISSION, actor=seat.party_id or "", at=now))


def _answer(term: EmbargoTerm, seat: Participant, case: Case, *, accepts: bool, by: Viewer, now: datetime) -> Case:
    present = EmbargoTerm.objects.select_for_update().get(pk=term.pk)
    if present.case_id != case.pk or present.state not in {TermState.PROPOSED, TermState.ACTIVE}:
        raise ConflictError("these terms are not open any more", hint="look at the present terms and answer again")
    if present.state == TermState.ACTIVE:
        _consent(present, seat, case, accepts=accepts, by=by, now=now)
    elif not queries.voters(case).filter(pk=seat.pk).exists():
        raise ConflictError("agree to the embargo in force first", hint="then answer what is proposed instead of it")
    else:
        _keep_answer(present.pk, seat, accepts=accepts, now=now)
        _settle(case, by=by, now=now)
    tag = EventTag.EMBARGO_AGREED if accepts else EventTag.EMBARGO_DECLINED
    audit.record(tag, subject=case.pk, actor=by.actor, at=now, facts={"seat": seat.pk})
    return case


def _consent(term: EmbargoTerm, seat: Participant, case: Case, *, accepts: bool, by: Viewer, now: datetime) -> None:
    """Move the consent to the terms in force, which may be given late and after having declined."""
    before = Consent(seat.consent)
    if before is Consent.DECLINED and accepts:
        # Who declined and thinks again is invited anew by that very wish.
        before = require_consent(before, ConsentEvent.INVITE)
    if term.ends_at <= now:
        raise ConflictError("this embargo is over", hint="nothing is left to agree to")
    if before is not Consent.SIGNATORY or not accepts:
        after = require_consent(before, ConsentEvent.ACCEPT if accepts else ConsentEvent.DECLINE)
        message = M.EMBARGO_ACCEPTED if accepts else M.EMBARGO_REJECTED
        set_consent(seat, after, case, cause=Cause(message=message, actor=by.actor, at=now))
    _keep_answer(term.pk, seat, accepts=accepts, now=now)
    if accepts and seat.joined_at is not None:
        hand_over(seat=seat, case=case, now=now)


def _voice(seat: Participant, case: Case, by: Viewer) -> Participant:
    """Return the seat from which the actor speaks: its own, or the desk's for those who coordinate."""
    is_desk = seat.role == CaseRole.COORDINATOR and by.has(Role.COORDINATOR)
    own = present_seat(seat, case) if is_desk else own_seat(seat, case, by)
    if own.role in queries.LOOKERS_ON:
        raise NotPermittedError("this seat only looks on", hint="ask the coordinator")
    return own


def _answering(seat: Participant, case: Case, by: Viewer) -> Participant:
    present = present_seat(seat, case)
    is_absent = present.role in BY_PROXY or present.joined_at is None
    if by.has(Role.COORDINATOR) and (is_absent or present.role == CaseRole.COORDINATOR):
        return present
    return own_seat(present, case, by)


def _tier(case: Case) -> Tier | None:
    return Tier(case.assessment.tier) if case.assessment.tier else None


def _wished(wish: DisclosureWish, reporter: Participant) -> tuple[EmbargoTerms, ...]:
    if wish.intent is not DisclosureIntent.FIXED_DATE or wish.on is None:
        return ()
    return (EmbargoTerms(id=new_embargo_id(), by=reporter.pk, ends_at=datetime.combine(wish.on, LAST_MINUTE)),)


def _refuse_repeated(case: Case, ends_at: datetime) -> None:
    taken = {term.ends_at for term in case.terms.filter(state__in=(TermState.ACTIVE, TermState.PROPOSED))}
    if ends_at in taken:
        raise ConflictError(
            "this end is in force or on the table already", hint="answer those terms, or choose another"
        )


def _store(case: Case, found: Resolution, *, known: Iterable[EmbargoTerms], reason: str, now: datetime) -> None:
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
            answer_by=min(terms.ends_at, now + embargo_rules.embargo_rules().answer_default),
            reason=vault.seal_text(reason, subject=case.pk, place=term_place(terms.id)),
            proposed_at=now,
        )
        _keep_answer(term.pk, term.proposed_by, accepts=True, now=now)
        if found.active is not None and terms.id == found.active.id:
            put_in_force(term, now=now)
    case.embargo = found.state
    case.save(update_fields=["embargo"])


def _keep_answer(term_id: str, seat: Participant | None, *, accepts: bool, now: datetime) -> None:
    EmbargoAnswer.objects.update_or_create(
        term_id=term_id, participant=seat, defaults={"accepts": accepts, "answered_at": now}
    )


def _window_end(asked_at: datetime, term: EmbargoTerm) -> datetime:
    return embargo_course.answer_window(asked_at, asked=None, embargo_ends_at=term.ends_at).outcome.closes_at


def _lapse(case: Case, *, proposer: Participant) -> None:
    """A revision makes every other consent lapse, until it is given to the new terms or they are rejected."""
    if case.embargo != EmbargoState.REVISE:
        return
    for seat in case.participants.filter(consent=Consent.SIGNATORY).exclude(pk=proposer.pk):
        keep_consent(seat, require_consent(Consent.SIGNATORY, ConsentEvent.REVISE))


def _settle(case: Case, *, by: Viewer, now: datetime) -> None:
    """Count the answers; terms nobody has to answer any more are put in force or rejected."""
    parties = frozenset(queries.voters(case).values_list("pk", flat=True))
    waiting = queries.open_terms(case)
    votes = {term.pk: _votes(term, parties, now=now) for term in waiting}
    before, in_force = case.embargo, queries.active_term(case)
    found = embargoes.settle(queries.resolution_of(case), votes, parties=parties, now=now)
    result = found.outcome
    if len(result.pending) == len(waiting):
        return
    rejected = {terms.id for terms in result.rejected}
    pending = {terms.id for terms in result.pending}
    for term in waiting:
        if term.pk not in pending:
            # What was accepted on the way to a later end is replaced by that; the last one is put in force below.
            term.state = TermState.REJECTED if term.pk in rejected else TermState.REPLACED
            term.settled_at = now
            term.save(update_fields=["state", "settled_at"])
    is_new = result.active is not None and (in_force is None or result.active.id != in_force.pk)
    if result.active is not None and is_new:
        put_in_force(EmbargoTerm.objects.get(pk=result.active.id), now=now)
    case.embargo = result.state
    case.save(update_fields=["embargo"])
    message = _result_message(was_under=before in UNDER, is_new=is_new)
    cause = Cause(message=message, actor=by.actor, at=now, reason="; ".join(found.reasons))
    note_step(case, axis="EM", moved=(before, case.embargo), cause=cause)
    _follow_consents(case, parties, is_new=is_new, now=now)
    if is_new:
        audit.record(EventTag.EMBARGO_REVISED, subject=case.pk, actor=by.actor, at=now)
    tell_all(case, News.TERMS, now=now)


def _votes(term: EmbargoTerm, parties: frozenset[str], *, now: datetime) -> dict[str, Answer]:
    """Return what the parties said; silence beyond the window is a rejection."""
    said = {
        one.participant_id: Answer.ACCEPT if one.accepts else Answer.REJECT
        for one in term.answers.filter(participant_id__in=parties)
    }
    if term.answer_by is not None and term.answer_by <= now:
        silent = parties - set(said) - {term.proposed_by_id}
        return said | dict.fromkeys(silent, Answer.REJECT)
    return said


def _follow_consents(case: Case, parties: frozenset[str], *, is_new: bool, now: datetime) -> None:
    """Give every consent the letter that goes with the settled terms.

    The parties keep what they agreed to, the new terms or again the old ones. Who only looks on, and who was invited
    and has not answered, is asked anew when the terms are new.
    """
    lift_consents(case)
    if case.embargo == EmbargoState.ACTIVE:
        for seat in case.participants.filter(pk__in=parties).exclude(consent=Consent.SIGNATORY):
            keep_consent(seat, Consent.SIGNATORY)
    if not is_new:
        case.participants.filter(consent=Consent.LAPSED, role__in=queries.LOOKERS_ON).update(consent=Consent.SIGNATORY)
        return
    for seat in case.participants.filter(left_at__isnull=True).exclude(pk__in=parties):
        if seat.consent != Consent.DECLINED:
            seat.consent, seat.asked_at = Consent.INVITED, now
            seat.save(update_fields=["consent", "asked_at"])


def _result_message(*, was_under: bool, is_new: bool) -> ProtocolMessage:
    if was_under:
        return M.EMBARGO_REVISION_ACCEPTED if is_new else M.EMBARGO_REVISION_REJECTED
    return M.EMBARGO_ACCEPTED if is_new else M.EMBARGO_REJECTED
