# SPDX-License-Identifier: Apache-2.0
"""The acts on parties: invite, join, change role, deactivate, reset, issue and revoke tokens, end sessions."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role, Scope
from safeconduct.errors import ConflictError, IncompleteError, NotPermittedError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write, only_one
from safeconduct.server.parties import queries
from safeconduct.server.parties.models import (
    ApiToken,
    Appointment,
    Invitation,
    Membership,
    Organization,
    Party,
    WebSession,
)
from safeconduct.server.parties.viewer import Viewer

SECRET_BYTES = 32
PREFIX_LENGTH = 8
FIRST = "first administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """An invitation together with the secret of its link, which is shown once and not stored."""

    invitation: Invitation
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token together with its secret text, which is shown once and not stored."""

    token: ApiToken
    text: str = field(repr=False)


@atomic_write
def create_party(
    *,
    handle: str,
    password: str,
    roles: Iterable[Role],
    now: datetime,
    name: str = "",
    email: str = "",
    organization: Organization | None = None,
) -> Party:
    """Make an account. People get one through `join`; this is also the way of commands and tests.

    Raises:
        ConflictError: the handle is taken.
    """
    if Party.objects.filter(handle=handle).exists():
        raise ConflictError("this sign-in name is taken", hint="choose another one")
    party = Party(handle=handle, name=name, email=email, joined_at=now)
    party.set_password(password)
    party.save(force_insert=True)
    granted = sorted(set(roles))
    Appointment.objects.bulk_create(Appointment(party=party, role=role) for role in granted)
    if organization is not None:
        Membership.objects.create(party=party, organization=organization)
    audit.record(EventTag.PARTY_CREATED, subject=party.pk, actor=party.pk, at=now, facts={"roles": list(granted)})
    return party


@atomic_write
def create_organization(*, name: str, by: Viewer, now: datetime, contact: str = "") -> Organization:
    """Make an organization, or return the one that has this name."""
    by.require(Role.ADMINISTRATOR, Role.COORDINATOR)
    organization, is_new = Organization.objects.get_or_create(name=name, defaults={"contact": contact})
    if is_new:
        audit.record(EventTag.ORGANIZATION_CREATED, subject=organization.pk, actor=by.actor, at=now)
    return organization


@atomic_write
def invite(
    *,
    roles: Iterable[Role],
    by: Viewer,
    now: datetime,
    name: str = "",
    email: str = "",
    organization: Organization | None = None,
) -> OneTimeLink:
    """Make a one-time link with which somebody joins with these roles.

    A coordinator may invite vendors, deployers and observers; an administrator anyone.

    Raises:
        NotPermittedError: the inviter may not give these roles.
        IncompleteError: no role was chosen.
    """
    wanted = sorted(set(roles))
    if not wanted:
        raise IncompleteError("an invitation needs a role", hint="choose at least one", missing=["roles"])
    by.require(Role.ADMINISTRATOR, Role.COORDINATOR)
    if not by.has(Role.ADMINISTRATOR) and set(wanted) - {Role.VENDOR, Role.DEPLOYER, Role.OBSERVER}:
        raise NotPermittedError("only an administrator gives these roles")
    link = _make_link(roles=wanted, name=name, email=email, organization=organization, now=now)
    facts: dict[str, audit.Fact] = {"roles": list(wanted)}
    audit.record(EventTag.PARTY_INVITED, subject=link.invitation.pk, actor=by.actor, at=now, facts=facts)
    return link


@atomic_write
def invite_to(*, roles: Iterable[Role], organization_name: str, name: str, by: Viewer, now: datetime) -> OneTimeLink:
    """Invite somebody who speaks for the organization of that name, which is made if it is new."""
    organization = create_organization(name=organization_name, by=by, now=now) if organization_name else None
    return invite(roles=roles, by=by, now=now, name=name, organization=organization)


@atomic_write
def withdraw_invitation(*, invitation: Invitation, by: Viewer, now: datetime) -> None:
    """End an invitation that nobody used."""
    by.require(Role.ADMINISTRATOR, Role.COORDINATOR)
    Invitation.objects.filter(pk=invitation.pk, used_at__isnull=True).update(withdrawn_at=now, name="", email="")
    audit.record(EventTag.PARTY_UNINVITED, subject=invitation.pk, actor=by.actor, at=now)


@atomic_write
def first_administrator_link(*, now: datetime) -> OneTimeLink | None:
    """Make the link of the first administrator; nothing if there is one already. Earlier such links end."""
    only_one("parties.administrators")
    if queries.is_any_administrator():
        return None
    Invitation.objects.filter(name=FIRST, used_at__isnull=True).update(withdrawn_at=now)
    link = _make_link(roles=[Role.ADMINISTRATOR, Role.COORDINATOR], name=FIRST, email="", organization=None, now=now)
    audit.record(EventTag.PARTY_INVITED, subject=link.invitation.pk, at=now, facts={"first": True})
    return link


@atomic_write
def join(*, secret: str, handle: str, password: str, name: str, email: str, now: datetime) -> Party:
    """Make an account from a one-time link, which is used up.

    Raises:
        NotFoundError: the link does not hold any more.
        ConflictError: the handle is taken.
    """
    only_one(f"parties.invitation.{queries.digest(secret)}")
    invitation = queries.open_invitation(secret, now=now)
    if invitation.for_party is not None:
        raise ConflictError("this link is for a new password, not for joining")
    roles = [Role(role) for role in invitation.roles]
    party = create_party(
        handle=handle,
        password=password,
        roles=roles,
        now=now,
        name=name,
        email=email,
        organization=invitation.organization,
    )
    Invitation.objects.filter(pk=invitation.pk).update(used_at=now, joined=party, email="", name="")
    audit.record(EventTag.PARTY_JOINED, subject=party.pk, actor=party.pk, at=now, facts={"invitation": invitation.pk})
    return party


@atomic_write
def change_roles(*, party: Party, roles: Iterable[Role], by: Viewer, now: datetime) -> None:
    """Give the account exactly these roles.

    Raises:
        NotPermittedError: only administrators may.
        ConflictError: the last administrator would be gone.
    """
    by.require(Role.ADMINISTRATOR)
    wanted = set(roles)
    if Role.ADMINISTRATOR not in wanted:
        _keep_an_administrator(party)
    Appointment.objects.filter(party=party).exclude(role__in=wanted).delete()
    for role in wanted:
        Appointment.objects.get_or_create(party=party, role=role)
    facts: dict[str, audit.Fact] = {"roles": sorted(wanted)}
    audit.record(EventTag.PARTY_ROLE_CHANGED, subject=party.pk, actor=by.actor, at=now, facts=facts)


@atomic_write
def deactivate(*, party: Party, by: Viewer, now: datetime) -> None:
    """Close the account: no sign-in, no token, no session works any more. The record keeps its identifier.

    Raises:
        NotPermittedError: only administrators may.
        ConflictError: the last administrator would be gone.
    """
    by.require(Role.ADMINISTRATOR)
    _keep_an_administrator(party)
    Party.objects.filter(pk=party.pk).update(is_active=False)
    ApiToken.objects.filter(party=party, revoked_at__isnull=True).update(revoked_at=now)
    WebSession.objects.filter(party_id=party.pk).delete()
    audit.record(EventTag.PARTY_DEACTIVATED, subject=party.pk, actor=by.actor, at=now)


@atomic_write
def reset_second_factor(*, party: Party, by: Viewer, now: datetime) -> None:
    """Remove a lost second factor and end all sessions; the next sign-in asks for a new one.

    Raises:
        NotPermittedError: only administrators may.
    """
    by.require(Role.ADMINISTRATOR)
    Authenticator.objects.filter(user=party).delete()
    WebSession.objects.filter(party_id=party.pk).delete()
    audit.record(EventTag.PARTY_FACTOR_RESET, subject=party.pk, actor=by.actor, at=now)


@atomic_write
def password_link(*, party: Party, by: Viewer, now: datetime) -> OneTimeLink:
    """Make a one-time link with which the party chooses a new password.

    Raises:
        NotPermittedError: only administrators may.
    """
    by.require(Role.ADMINISTRATOR)
    link = _make_link(roles=[], name="", email="", organization=None, now=now, for_party=party)
    audit.record(EventTag.PARTY_PASSWORD_LINKED, subject=party.pk, actor=by.actor, at=now)
    return link


@atomic_write
def set_password(*, secret: str, password: str, now: datetime) -> Party:
    """Choose a new password with a one-time link, which is used up; all sessions end.

    Raises:
        NotFoundError: the link does not hold any more.
        ConflictError: the link is for joining.
    """
    only_one(f"parties.invitation.{queries.digest(secret)}")
    invitation = queries.open_invitation(secret, now=now)
    party = invitation.for_party
    if party is None:
        raise ConflictError("this link is for joining, not for a new password")
    party.set_password(password)
    party.save(update_fields=["password"])
    Invitation.objects.filter(pk=invitation.pk).update(used_at=now)
    WebSession.objects.filter(party_id=party.pk).delete()
    audit.record(EventTag.PARTY_PASSWORD_CHANGED, subject=party.pk, actor=party.pk, at=now)
    return party


@atomic_write
def issue_token(*, by: Viewer, name: str, scopes: Iterable[Scope], days: int, now: datetime) -> IssuedToken:
    """Issue a token for the viewer's own programs; its text is shown once.

    Raises:
        NotPermittedError: nobody is signed in, or a program asks for a token of its own.
        IncompleteError: no scope was chosen.
    """
    granted = sorted(set(scopes))
    if by.is_anonymous or by.scopes is not None:
        raise NotPermittedError("tokens are issued to signed-in people")
    if not granted:
        raise IncompleteError("a token needs a scope", hint="choose at least one", missing=["scopes"])
    prefix = secrets.token_hex(PREFIX_LENGTH // 2)
    text = f"sct_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    token = ApiToken.objects.create(
        party_id=by.actor,
        name=name,
        prefix=prefix,
        digest=queries.digest(text),
        scopes=granted,
        issued_at=now,
        expires_at=now + timedelta(days=days),
    )
    facts: dict[str, audit.Fact] = {"scopes": list(granted), "days": days}
    audit.record(EventTag.TOKEN_ISSUED, subject=token.pk, actor=by.actor, at=now, facts=facts)
    return IssuedToken(token=token, text=text)


@atomic_write
def revoke_token(*, token: ApiToken, by: Viewer, now: datetime) -> None:
    """End a token of the viewer's own."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)
    audit.record(EventTag.TOKEN_REVOKED, subject=token.pk, actor=by.actor, at=now)


@atomic_write
def end_session(*, session: WebSession, by: Viewer, now: datetime) -> None:
    """End one web session of the viewer's own."""
    session.delete()
    audit.record(EventTag.SESSION_ENDED, subject=by.actor, actor=by.actor, at=now)


def _make_link(
    *,
    roles: list[Role],
    name: str,
    email: str,
    organization: Organization | None,
    now: datetime,
    for_party: Party | None = None,
) -> OneTimeLink:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    invitation = Invitation.objects.create(
        digest=queries.digest(secret),
        roles=roles,
        name=name,
        email=email,
        organization=organization,
        for_party=for_party,
        made_at=now,
        expires_at=now + timedelta(days=settings.SAFECONDUCT.invitation_days),
    )
    return OneTimeLink(invitation=invitation, secret=secret)


def _keep_an_administrator(party: Party) -> None:
    only_one("parties.administrators")
    if not queries.active_with(Role.ADMINISTRATOR).exclude(pk=party.pk).exists():
        raise ConflictError("the last administrator cannot be removed", hint="appoint another one first")
