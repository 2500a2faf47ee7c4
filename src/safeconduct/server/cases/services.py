# SPDX-License-Identifier: Apache-2.0
"""The acts of a case: open it, invite, move a participant's states, record facts, write, note, close.

Every step goes through the guarded tables of `policy.messages`; what they refuse is refused here. Embargo acts are in
`negotiation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from safeconduct.domain.case import CaseFact, Consent, EmbargoState, ProtocolMessage, ReportState
from safeconduct.domain.embargo import AttackOverride
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import Tlp
from safeconduct.errors import ConflictError, IncompleteError, NotPermittedError, TooLargeError
from safeconduct.policy.messages import record_everywhere, send
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import negotiation, queries
from safeconduct.server.cases.models import Case, CaseMessage, Participant
from safeconduct.server.cases.places import message_place, title_place
from safeconduct.server.cases.steps import apply, locked, require_open
from safeconduct.server.intake import queries as intake
from safeconduct.server.outbox import services as outbox
from safeconduct.server.parties import services as parties
from safeconduct.server.parties.links import join_url
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import services as registry
from safeconduct.server.triage import services as triage
from safeconduct.server.triage.models import Assessment, AssessmentState

MESSAGE_LIMIT = 50_000
REPORT_MESSAGES = frozenset(
    {
        ProtocolMessage.REPORT_VALID,
        ProtocolMessage.REPORT_INVALID,
        ProtocolMessage.REPORT_ACCEPTED,
        ProtocolMessage.REPORT_DEFERRED,
        ProtocolMessage.REPORT_CLOSED,
        ProtocolMessage.CASE_FIX_READY,
        ProtocolMessage.CASE_FIX_DEPLOYED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody to invite: a vendor or deployer with the name people know, and an address if there is one."""

    name: str
    role: CaseRole = CaseRole.VENDOR
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A participant with the one-time link to pass on; the link is shown once and not stored."""

    participant: Participant
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new case and the invitations that came with it."""

    case: Case
    invited: tuple[Invited, ...]


@atomic_write
def open_case(*, assessment: Assessment, guests: Sequence[Guest], by: Viewer, now: datetime) -> Opened:
    """Open the case of an accepted report: an embargoed entry, the first participants, the default embargo.

    Raises:
        NotPermittedError: only those who coordinate open cases.
        ConflictError: the report was decided otherwise, or has a case.
    """
    by.require(Role.COORDINATOR)
    if assessment.state != AssessmentState.ACCEPTED:
        assessment = triage.accept(assessment=assessment, by=by, now=now)
    if Case.objects.filter(assessment=assessment).exists():
        raise ConflictError("this report has a case already", hint="go to the case")
    told = intake.opened(assessment.report).told
    entry = registry.reserve(flaw_class=told.flaw_class, by=by, now=now)
    case = Case(assessment=assessment, entry=entry, opened_at=now)
    vault.make_key(subject=case.pk, now=now)
    case.title = vault.seal_text(told.title, subject=case.pk, place=title_place(case.pk))
    case.save(force_insert=True)
    coordinator = _seat(case, role=CaseRole.COORDINATOR, name="the coordinator", by=by, now=now)
    reporter = _seat(case, role=CaseRole.REPORTER, name="the reporter", by=None, now=now)
    audit.record(EventTag.CASE_OPENED, subject=case.pk, actor=by.actor, at=now)
    negotiation.begin(case=case, coordinator=coordinator, reporter=reporter, wish=told.disclosure, by=by, now=now)
    invited = tuple(invite(case=case, guest=guest, by=by, now=now) for guest in guests)
    return Opened(case=case, invited=invited)


@atomic_write
def invite(*, case: Case, guest: Guest, by: Viewer, now: datetime) -> Invited:
    """Invite a participant by a one-time link; the content opens when it has agreed to the embargo.

    Raises:
        NotPermittedError: only those who coordinate invite.
        IncompleteError: the participant has no name.
        ConflictError: the case is closed, or somebody of this name takes part.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    require_open(current)
    if not guest.name.strip():
        raise IncompleteError("a participant needs a name", hint="the vendor's name", missing=["name"])
    if current.participants.filter(name__iexact=guest.name.strip(), left_at__isnull=True).exists():
        raise ConflictError("a participant of this name takes part already", hint="look at the participants")
    role = Role.VENDOR if guest.role is CaseRole.VENDOR else Role.DEPLOYER
    if guest.role not in queries.VENDORS:
        role = Role.OBSERVER
    link = parties.invite(roles=[role], by=by, now=now, name=guest.name.strip(), email=guest.contact)
    url = join_url(settings.SAFECONDUCT.base_url, link)
    under_embargo = current.embargo in {EmbargoState.ACTIVE, EmbargoState.REVISE}
    seat = Participant.objects.create(
        case=current,
        role=guest.role,
        name=guest.name.strip(),
        contact=guest.contact,
        invitation=link.invitation,
        consent=Consent.INVITED if under_embargo else Consent.NO_EMBARGO,
        invited_at=now,
    )
    audit.record(EventTag.PARTICIPANT_INVITED, subject=current.pk, actor=by.actor, at=now, facts={"seat": seat.pk})
    if guest.contact:
        # The link goes into the mail, because who has it may take the seat; the mail tells nothing of the flaw.
        outbox.queue(
            subject="You are invited to a coordinated disclosure",
            text=f"Somebody reported a flaw that may concern you. This link works once:\n\n{url}\n",
            now=now,
            address=guest.contact,
            about=current.pk,
        )
    return Invited(participant=seat, url=url)


@atomic_write
def take_seat(*, case: Case, seat: Participant, now: datetime) -> Participant:
    """Note that a participant has come, and receive the report where its content is open to it."""
    current = locked(case)
    if seat.joined_at is None:
        seat.joined_at = now
        seat.save(update_fields=["joined_at"])
        audit.record(EventTag.PARTICIPANT_JOINED, subject=current.pk, at=now, facts={"seat": seat.pk})
    if seat.report_state == ReportState.START and seat.consent in {Consent.SIGNATORY, Consent.NO_EMBARGO}:
        negotiation.hand_over(seat=seat, case=current, now=now)
    return seat


@atomic_write
def move(
    *, case: Case, seat: Participant, message: ProtocolMessage, by: Viewer, now: datetime, reason: str = ""
) -> Participant:
    """Let a participant say something of its report or its fix: valid, accepted, deferred, fix ready.

    Raises:
        NotPermittedError: the seat is another's and the actor does not coordinate.
        ConflictError: the message is none of these, or the case is closed.
        TransitionError: a guard or the table forbids it.
    """
    current = locked(case)
    require_open(current)
    _require_own(seat, current, by)
    if message not in REPORT_MESSAGES:
        raise ConflictError("this is not said here", hint="embargoes and public facts have their own acts")
    own = Participant.objects.select_for_update().get(pk=seat.pk)
    effect = send(queries.position_of(own, current), message)
    apply(effect, own, current, message=message, actor=by.actor, now=now, reason=reason)
    audit.record(EventTag.PARTICIPANT_MOVED, subject=current.pk, actor=by.actor, at=now, facts={"message": message})
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
    override = AttackOverride(by=by.actor, reason=keep_because, at=now) if keep_because.strip() else None
    seats = {seat.pk: seat for seat in current.participants.select_for_update()}
    positions = {name: queries.position_of(seat, current) for name, seat in seats.items()}
    effects = record_everywhere(positions, fact, override=override)
    message = {
        CaseFact.PUBLIC_AWARE: ProtocolMessage.CASE_PUBLIC_AWARE,
        CaseFact.EXPLOIT_PUBLIC: ProtocolMessage.CASE_EXPLOIT_PUBLIC,
    }.get(fact, ProtocolMessage.CASE_ATTACKS_OBSERVED)
    for name, effect in effects.items():
        apply(effect, seats[name], current, message=message, actor=by.actor, now=now, reason=keep_because)
    current.attack_override = keep_because.strip() or current.attack_override
    current.save()
    negotiation.reset_consents(current)
    audit.record(EventTag.CASE_STATE_MOVED, subject=current.pk, actor=by.actor, at=now, facts={"fact": fact})
    return current


@atomic_write
def post(
    *,
    case: Case,
    author: Participant,
    text: str,
    by: Viewer,
    now: datetime,
    room: Participant | None = None,
    tlp: Tlp = Tlp.AMBER_STRICT,
) -> CaseMessage:
    """Write to all participants, or into the private room of one of them and the coordinators.

    Raises:
        NotPermittedError: the author's seat is another's, or the room is not the author's own.
        NotFoundError: the content of the case is not open to the author.
        IncompleteError: there is no text.
    """
    current = locked(case)
    _require_own(author, current, by)
    queries.require_content(by, current)
    if room is not None and room.pk != author.pk and not by.has(Role.COORDINATOR):
        raise NotPermittedError("this room is not yours")
    if not text.strip():
        raise IncompleteError("there is no text", hint="write a sentence", missing=["text"])
    if len(text) > MESSAGE_LIMIT:
        raise TooLargeError(f"a message may have {MESSAGE_LIMIT} characters", hint="send it in parts")
    message = CaseMessage(case=current, author=author, room=room, tlp=tlp, sent_at=now)
    message.body = vault.seal_text(text.strip(), subject=current.pk, place=message_place(message.pk))
    message.save(force_insert=True)
    if author.role in queries.VENDORS:
        current.status_at = now
        current.save(update_fields=["status_at"])
    audit.record(EventTag.CASE_MESSAGE_POSTED, subject=current.pk, actor=by.actor, at=now)
    return message


@atomic_write
def note_mitigated(*, case: Case, by: Viewer, now: datetime) -> Case:
    """Note that users are protected for now, although the cause may remain."""
    by.require(Role.COORDINATOR, Role.VENDOR, Role.DEPLOYER)
    return _note(case, "mitigated_at", by=by, now=now)


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
    """Close a case; not while its embargo is active.

    Raises:
        NotPermittedError: only those who coordinate close.
        ConflictError: the embargo is active, or the case is closed.
        IncompleteError: there is no reason.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    require_open(current)
    if not reason.strip():
        raise IncompleteError("say why", hint="one sentence is enough", missing=["reason"])
    if current.embargo in {EmbargoState.ACTIVE, EmbargoState.REVISE}:
        raise ConflictError("the embargo is active", hint="end it first, or wait until it ends")
    current.closed_at = now
    current.save(update_fields=["closed_at"])
    audit.record(EventTag.CASE_CLOSED, subject=current.pk, actor=by.actor, at=now)
    return current


def _seat(case: Case, *, role: CaseRole, name: str, by: Viewer | None, now: datetime) -> Participant:
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


def _note(case: Case, name: str, *, by: Viewer, now: datetime) -> Case:
    current = locked(case)
    if getattr(current, name) is None:
        setattr(current, name, now)
        current.save(update_fields=[name])
        audit.record(EventTag.CASE_NOTED, subject=current.pk, actor=by.actor, at=now, facts={"what": name})
    return current


def _require_own(seat: Participant, case: Case, by: Viewer) -> None:
    if seat.case_id != case.pk:
        raise ConflictError("the seat is in another case")
    if by.has(Role.COORDINATOR):
        return
    if not queries.seats_of(by).filter(pk=seat.pk).exists():
        raise NotPermittedError("this is another participant's seat")
