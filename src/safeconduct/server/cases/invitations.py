# SPDX-License-Identifier: Apache-2.0
"""Inviting: a one-time link for who is new here, a notice for an organization that has people here.

The embargo in force is proposed with the invitation, and the content opens after consent. The link is shown once to
those who coordinate and is not stored; with an address and a mail server it leaves as mail too.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from safeconduct.domain.case import CaseFact, Consent, EmbargoState, ProtocolMessage
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.errors import ConflictError, IncompleteError, TooLargeError
from safeconduct.policy.messages import receive
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import NAME_LENGTH, Case, Participant
from safeconduct.server.cases.notices import News, people_of, tell
from safeconduct.server.cases.steps import Cause, apply, locked, present_seat, require_open
from safeconduct.server.outbox import services as outbox
from safeconduct.server.parties import queries as party_queries
from safeconduct.server.parties import services as parties
from safeconduct.server.parties.links import join_url
from safeconduct.server.parties.models import Invitation, Organization
from safeconduct.server.parties.viewer import Viewer

UNDER_TERMS = queries.UNDER | {EmbargoState.PROPOSED}
ACCOUNT_ROLES = {
    CaseRole.VENDOR: Role.VENDOR,
    CaseRole.DEPLOYER: Role.DEPLOYER,
    CaseRole.OBSERVER: Role.OBSERVER,
    CaseRole.OTHER: Role.OBSERVER,
}
"""What an account is that comes by an invitation to this seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody to invite, with the name people know, and an address if there is one.

    `organization` is one that is known here; its people take the seat without a link.
    """

    name: str
    role: CaseRole = CaseRole.VENDOR
    contact: str = ""
    organization: Organization | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A participant with the one-time link to pass on, which is shown once and not stored; empty if none is needed."""

    participant: Participant
    url: str = field(default="", repr=False)


@atomic_write
def invite(*, case: Case, guest: Guest, by: Viewer, now: datetime) -> Invited:
    """Invite a participant; the content opens when it has agreed to the embargo.

    Raises:
        NotPermittedError: only those who coordinate invite.
        IncompleteError: the participant has no name.
        ConflictError: the case is closed, somebody of this name takes part, or nobody is invited to such a seat.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    require_open(current)
    name = _name(guest, current)
    under = current.embargo in UNDER_TERMS
    seat = Participant.objects.create(
        case=current,
        role=guest.role,
        name=name,
        contact=guest.contact,
        organization=guest.organization or _organization(name, by=by, now=now),
        consent=Consent.INVITED if under else Consent.NO_EMBARGO,
        invited_at=now,
        asked_at=now if under else None,
    )
    _catch_up(seat, current, by=by, now=now)
    audit.record(EventTag.PARTICIPANT_INVITED, subject=current.pk, actor=by.actor, at=now, facts={"seat": seat.pk})
    return _call(seat, current, by=by, now=now)


@atomic_write
def invite_again(*, case: Case, seat: Participant, by: Viewer, now: datetime) -> Invited:
    """Make a fresh link for a guest who has not come; the one before it ends. Silence is forgotten: it is asked anew.

    Raises:
        NotPermittedError: only those who coordinate invite.
        ConflictError: somebody sits there, or the case is closed.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    require_open(current)
    own = present_seat(seat, current)
    if own.joined_at is not None or own.role in queries.SHARED_ROLES:
        raise ConflictError("this participant has come already", hint="write a message instead")
    if own.invitation is not None:
        parties.withdraw_invitation(invitation=own.invitation, by=by, now=now)
    if current.embargo in UNDER_TERMS and own.consent in {Consent.INVITED, Consent.DECLINED}:
        own.consent, own.asked_at = Consent.INVITED, now
        own.save(update_fields=["consent", "asked_at"])
    audit.record(EventTag.PARTICIPANT_INVITED, subject=current.pk, actor=by.actor, at=now, facts={"seat": own.pk})
    return _call(own, current, by=by, now=now)


def _name(guest: Guest, case: Case) -> str:
    name = guest.name.strip()
    if not name:
        raise IncompleteError("a participant needs a name", hint="the vendor's name", missing=["name"])
    if len(name) > NAME_LENGTH:
        raise TooLargeError(f"a name may have {NAME_LENGTH} characters", hint="shorten it")
    if guest.role not in ACCOUNT_ROLES:
        raise ConflictError("a case has one coordinator and one reporter", hint="invite a vendor, deployer or observer")
    if case.participants.filter(name__iexact=name, left_at__isnull=True).exists():
        raise ConflictError("a participant of this name takes part already", hint="look at the participants")
    return name


def _organization(name: str, *, by: Viewer, now: datetime) -> Organization | None:
    """Make the organization of a new guest. A known one of the same name is not taken: a name alone opens no case."""
    if party_queries.organizations_for(by).filter(name__iexact=name).exists():
        return None
    return parties.create_organization(name=name, by=by, now=now)


def _catch_up(seat: Participant, case: Case, *, by: Viewer, now: datetime) -> None:
    """Let a vendor that comes late know what the public knows."""
    if CaseFact.PUBLIC_AWARE not in queries.public_facts(case):
        return
    effect = receive(queries.position_of(seat, case), ProtocolMessage.CASE_PUBLIC_AWARE)
    apply(effect, seat, case, cause=Cause(message=ProtocolMessage.CASE_PUBLIC_AWARE, actor=by.actor, at=now))


def _call(seat: Participant, case: Case, *, by: Viewer, now: datetime) -> Invited:
    if people_of(seat):
        tell([seat], case, News.INVITED, now=now)
        return Invited(participant=seat)
    link = parties.invite(
        roles=[ACCOUNT_ROLES[CaseRole(seat.role)]],
        by=by,
        now=now,
        name=seat.name,
        email=seat.contact,
        organization=seat.organization,
    )
    seat.invitation = link.invitation
    seat.save(update_fields=["invitation"])
    url = join_url(settings.SAFECONDUCT.base_url, link)
    if seat.contact:
        _mail(seat, case, link.invitation, url=url, now=now)
    return Invited(participant=seat, url=url)


def _mail(seat: Participant, case: Case, invitation: Invitation, *, url: str, now: datetime) -> None:
    # The link goes into the mail, because who has it may take the seat; the mail tells nothing of the flaw.
    outbox.queue(
        subject="You are invited to a coordinated disclosure",
        text=(
            "Somebody reported a flaw that may concern you. This link works once, until "
            f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC:\n\n{url}\n"
        ),
        now=now,
        address=seat.contact,
        about=case.pk,
    )
