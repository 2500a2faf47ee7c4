# SPDX-License-Identifier: Apache-2.0
"""The acts of a case: open it, seat participants, move their states, record facts, note, close.

Every step goes through the guarded tables of `policy.messages`; what they refuse is refused here. Embargo acts are in
`negotiation`, invitations in `invitations`, messages in `correspondence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.case import CaseFact, EmbargoState, ProtocolMessage, ReportState
from safeconduct.domain.embargo import AttackOverride
from safeconduct.domain.event import EventTag
from safeconduct.domain.instants import show_utc
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import DisclosureIntent, PublicStatus
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.severity import Exploitation
from safeconduct.errors import ConflictError, NotPermittedError
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.messages import MESSAGE_OF, may_send, record_everywhere, send
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import negotiation, queries
from safeconduct.server.cases.invitations import Guest, Invited, invite
from safeconduct.server.cases.models import Case, EmbargoTerm, Participant
from safeconduct.server.cases.notices import News, tell_all
from safeconduct.server.cases.places import override_place, title_place
from safeconduct.server.cases.steps import (
    Cause,
    apply,
    lift_consents,
    locked,
    note_step,
    own_seat,
    present_seat,
    require_open,
    wording,
)
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake import services as mailbox
from safeconduct.server.intake.models import MessageKind, ReportStatus
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import services as registry
from safeconduct.server.triage import services as triage
from safeconduct.server.triage.models import Assessment, AssessmentState

M = ProtocolMessage
SAYABLE = (
    M.REPORT_VALID,
    M.REPORT_ACCEPTED,
    M.REPORT_INVALID,
    M.REPORT_DEFERRED,
    M.CASE_FIX_READY,
    M.CASE_FIX_DEPLOYED,
    M.REPORT_CLOSED,
)
"""What a participant may say of its report and its fix, in the order in which it is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new case and the invitations that came with it."""

    case: Case
    invited: tuple[Invited, ...]


def known_at_opening(told: ToldReport, assessment: Assessment) -> frozenset[CaseFact]:
    """Return which public facts the report and its assessment tell of."""
    found = set()
    if told.public_status is PublicStatus.PUBLIC or told.disclosure.intent is DisclosureIntent.ALREADY_PUBLIC:
        found.add(CaseFact.PUBLIC_AWARE)
    if assessment.exploitation == Exploitation.ACTIVE:
        found.add(CaseFact.ATTACKS_OBSERVED)
    return frozenset(found)


@atomic_write
def open_case(
    *,
    assessment: Assessment,
    guests: Sequence[Guest],
    by: Viewer,
    now: datetime,
    facts: frozenset[CaseFact] | None = None,
) -> Opened:
    """Open the case of an accepted report: an embargoed entry, the first participants, the default embargo.

    `facts` are the public facts that hold already; without them, those that report and assessment tell of. With any of
    them there is no embargo.

    Raises:
        NotPermittedError: only those who coordinate open cases.
        ConflictError: the report was decided otherwise, or has a case.
    """
    by.require(Role.COORDINATOR)
    accepted = _accepted(assessment, by=by, now=now)
    told = intake.opened(accepted.report).told
    entry = registry.reserve(flaw_class=told.flaw_class, by=by, now=now)
    case = Case(assessment=accepted, entry=entry, opened_at=now)
    vault.make_key(subject=case.pk, now=now)
    case.title = vault.seal_text(told.title, subject=case.pk, place=title_place(case.pk))
    case.save(force_insert=True)
    coordinator = _first_seat(case, role=CaseRole.COORDINATOR, name="the coordinator", by=by, now=now)
    reporter = _first_seat(case, role=CaseRole.REPORTER, name="the reporter", by=None, now=now)
    audit.record(EventTag.CASE_OPENED, subject=case.pk, actor=by.actor, at=now)
    holding = known_at_opening(told, accepted) if facts is None else facts
    for fact in sorted(holding, key=list(CaseFact).index):
        if fact not in queries.public_facts(case):
            case = record_public(case=case, fact=fact, by=by, now=now)
    negotiation.begin(case=case, coordinator=coordinator, reporter=reporter, wish=told.disclosure, by=by, now=now)
    invited = tuple(invite(case=case, guest=guest, by=by, now=now) for guest in guests)
    _tell_reporter_of_opening(case, by=by, now=now)
    return Opened(case=locked(case), invited=invited)


@atomic_write
def take_seat(*, case: Case, seat: Participant, by: Viewer, now: datetime) -> Participant:
    """Come to a seat one was invited to, and receive the report where its content is open.

    Raises:
        NotPermittedError: the seat is another's.
        ConflictError: the seat is in another case, or was left.
    """
    current = locked(case)
    own = own_seat(seat, current, by)
    if own.joined_at is None:
        own.joined_at = now
        if own.party_id is None and own.organization_id is None:
            own.party_id = by.party_id
        own.save(update_fields=["joined_at", "party_id"])
        audit.record(EventTag.PARTICIPANT_JOINED, subject=current.pk, actor=by.actor, at=now, facts={"seat": own.pk})
    if queries.is_open_to(own, current):
        negotiation.hand_over(seat=own, case=current, now=now)
    return own


@atomic_write
def come(
    *, case: Case, seat: Participant, by: Viewer, now: datetime, term: EmbargoTerm | None = None, accepts: bool = False
) -> Participant:
    """Take a seat and answer the embargo in force in one act; without terms there is nothing to answer.

    Raises:
        NotPermittedError: the seat is another's.
        ConflictError: the terms are not open any more.
    """
    own = take_seat(case=case, seat=seat, by=by, now=now)
    if term is not None:
        negotiation.answer(term=term, seat=own, accepts=accepts, by=by, now=now)
    return own


@atomic_write
def leave(*, case: Case, seat: Participant, reason: str, by: Viewer, now: datetime) -> Participant:
    """Leave a case, which ends the embargo for nobody else. Those who coordinate may release a participant.

    Raises:
        NotPermittedError: the seat is another's.
        ConflictError: it is the seat of the coordinator or the reporter, or the case is closed.
        IncompleteError: there is no reason.
    """
    current = locked(case)
    require_open(current)
    own = _seat_for(seat, current, by)
    if own.role in queries.SHARED_ROLES:
        raise ConflictError("a case needs its coordinator and its reporter", hint="close the case instead")
    said = wording(reason)
    own.left_at = now
    own.save(update_fields=["left_at"])
    note_step(
        current,
        axis="PEC",
        moved=(own.consent, "left"),
        cause=Cause(message=M.EMBARGO_REJECTED, actor=by.actor, at=now, reason=said),
        participant=own,
    )
    audit.record(EventTag.PARTICIPANT_LEFT, subject=current.pk, actor=by.actor, at=now, facts={"seat": own.pk})
    return own


def may_say(seat: Participant, case: Case, message: ProtocolMessage) -> Decision[Outcome]:
    """Say whether a participant may say this of its report or its fix now."""
    return may_send(queries.position_of(seat, case), message)


@atomic_write
def move(
    *, case: Case, seat: Participant, message: ProtocolMessage, by: Viewer, now: datetime, reason: str = ""
) -> Participant:
    """Let a participant say something of its report or its fix: valid, accepted, put off, fix ready.

    Those who coordinate may note what a participant told them otherwise.

    Raises:
        NotPermittedError: the seat is another's and the actor does not coordinate.
        ConflictError: the message is none of these, or the case is closed.
        TransitionError: a guard or the table forbids it.
        IncompleteError: the protocol advises against it, and there is no reason.
    """
    current = locked(case)
    require_open(current)
    if message not in SAYABLE:
        raise ConflictError("this is not said here", hint="embargoes and public facts have their own acts")
    own = _seat_for(seat, current, by)
    if own.role in queries.LOOKERS_ON:
        raise NotPermittedError("this seat only looks on", hint="ask the coordinator")
    is_discouraged = may_say(own, current, message).outcome is Outcome.DISCOURAGED
    said = wording(reason) if is_discouraged or reason.strip() else ""
    effect = send(queries.position_of(own, current), message)
    apply(effect, own, current, cause=Cause(message=message, actor=by.actor, at=now, reason=said))
    facts = {"message": message.value, "seat": own.pk}
    audit.record(EventTag.PARTICIPANT_MOVED, subject=current.pk, actor=by.actor, at=now, facts=facts)
    return own


@atomic_write
def record_public(*, case: Case, fact: CaseFact, by: Viewer, now: datetime, keep_because: str = "") -> Case:
    """Record that the flaw, an exploit or attacks became public; the embargo ends by the rules.

    `keep_because` keeps an active embargo although attacks were observed; it is refused for the other facts.

    Raises:
        NotPermittedError: only those who coordinate record public facts.
        ConflictError: the fact is recorded already, belongs to a vendor, or leaves nothing to override.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    if fact in queries.public_facts(current):
        raise ConflictError("this is recorded already")
    kept = wording(keep_because) if keep_because.strip() else ""
    override = AttackOverride(by=by.actor, reason=kept, at=now) if kept else None
    seats = {seat.pk: seat for seat in current.participants.select_for_update()}
    positions = {name: queries.position_of(seat, current) for name, seat in seats.items()}
    effects = record_everywhere(positions, fact, override=override)
    cause = Cause(message=MESSAGE_OF[fact], actor=by.actor, at=now, reason=kept)
    was_under = current.embargo in queries.UNDER
    for name, effect in effects.items():
        apply(effect, seats[name], current, cause=cause)
    if kept:
        current.attack_override = vault.seal_text(kept, subject=current.pk, place=override_place(current.pk))
        current.save(update_fields=["attack_override"])
    lift_consents(current)
    audit.record(EventTag.CASE_STATE_MOVED, subject=current.pk, actor=by.actor, at=now, facts={"fact": fact})
    if was_under and current.embargo == EmbargoState.EXITED:
        audit.record(EventTag.EMBARGO_ENDED, subject=current.pk, actor=by.actor, at=now)
        tell_all(current, News.EMBARGO_ENDED, now=now)
    return current


@atomic_write
def note_mitigated(*, case: Case, seat: Participant, by: Viewer, now: datetime) -> Participant:
    """Note that a vendor's users are protected for now, although the cause may remain.

    Raises:
        NotPermittedError: the seat is another's and the actor does not coordinate.
        ConflictError: the seat is no vendor's, or the case is closed.
    """
    current = locked(case)
    require_open(current)
    own = _seat_for(seat, current, by)
    if own.role not in queries.VENDORS:
        raise ConflictError("only a vendor or a deployer can protect its users", hint="choose its seat")
    if own.mitigated_at is None:
        own.mitigated_at = now
        own.save(update_fields=["mitigated_at"])
        facts = {"what": "mitigated_at", "seat": own.pk}
        audit.record(EventTag.CASE_NOTED, subject=current.pk, actor=by.actor, at=now, facts=facts)
    return own


@atomic_write
def note_verified(*, case: Case, by: Viewer, now: datetime) -> Case:
    """Note that a campaign found the fix to hold; the later stage that ran it says so."""
    return _note(case, "verified_at", by=by, now=now)


@atomic_write
def note_published(*, case: Case, by: Viewer, now: datetime) -> Case:
    """Note that the advisory is out, which makes the public aware."""
    by.require(Role.COORDINATOR)
    current = _note(case, "published_at", by=by, now=now)
    if current.public_at is None:
        return record_public(case=current, fact=CaseFact.PUBLIC_AWARE, by=by, now=now)
    return current


@atomic_write
def close(*, case: Case, reason: str, by: Viewer, now: datetime) -> Case:
    """Close a case, and tell the reporter why; not while its embargo is active.

    Raises:
        NotPermittedError: only those who coordinate close.
        ConflictError: the embargo is active, or the case is closed.
        IncompleteError: there is no reason.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    require_open(current)
    said = wording(reason)
    if current.embargo in queries.UNDER:
        raise ConflictError("the embargo is active", hint="end it first, or wait until it ends")
    current.closed_at = now
    current.save(update_fields=["closed_at"])
    row = current.assessment.report
    mailbox.tell_reporter(row=row, text=f"The case is closed: {said}", kind=MessageKind.DECISION, by=by, now=now)
    if row.status not in mailbox.OVER:
        mailbox.set_status(row=row, status=ReportStatus.CLOSED, by=by, now=now)
    audit.record(EventTag.CASE_CLOSED, subject=current.pk, actor=by.actor, at=now)
    return current


def _accepted(assessment: Assessment, *, by: Viewer, now: datetime) -> Assessment:
    # The lock lets only one of two who open the same case at once go on.
    current = Assessment.objects.select_for_update().select_related("report").get(pk=assessment.pk)
    if Case.objects.filter(assessment=current).exists():
        raise ConflictError("this report has a case already", hint="go to the case")
    if current.state == AssessmentState.ACCEPTED:
        return current
    return triage.accept(assessment=current, by=by, now=now)


def _first_seat(case: Case, *, role: CaseRole, name: str, by: Viewer | None, now: datetime) -> Participant:
    # Whoever coordinates or reported has accepted the report already: those steps happened before the case.
    return Participant.objects.create(
        case=case,
        role=role,
        name=name,
        party_id=by.party_id if by else None,
        report_state=ReportState.ACCEPTED,
        invited_at=now,
        joined_at=now,
    )


def _tell_reporter_of_opening(case: Case, *, by: Viewer, now: datetime) -> None:
    term = queries.active_term(locked(case))
    silence = f"The embargo ends on {show_utc(term.ends_at)}." if term else "There is no embargo."
    text = f"Your report is accepted, and its case is open. {silence}"
    mailbox.tell_reporter(row=case.assessment.report, text=text, kind=MessageKind.DECISION, by=by, now=now)


def _seat_for(seat: Participant, case: Case, by: Viewer) -> Participant:
    """Return the seat, locked: one's own, or any for those who coordinate."""
    return present_seat(seat, case) if by.has(Role.COORDINATOR) else own_seat(seat, case, by)


def _note(case: Case, name: str, *, by: Viewer, now: datetime) -> Case:
    current = locked(case)
    if getattr(current, name) is None:
        setattr(current, name, now)
        current.save(update_fields=[name])
        audit.record(EventTag.CASE_NOTED, subject=current.pk, actor=by.actor, at=now, facts={"what": name})
    return current
