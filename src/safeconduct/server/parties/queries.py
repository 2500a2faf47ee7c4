# SPDX-License-Identifier: Apache-2.0
"""Reads of parties: accounts, organizations, tokens, links and sessions."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.adapter import get_adapter as factor_adapter
from django.db.models import QuerySet

from safeconduct.domain.parties import Role, Scope
from safeconduct.errors import NotFoundError, NotPermittedError
from safeconduct.server.parties.models import ApiToken, Invitation, Organization, Party, WebSession
from safeconduct.server.parties.viewer import Viewer

REFERENCE_LENGTH = 24


def digest(secret: str) -> str:
    """Return the digest under which a token or a one-time link is stored.

    The secrets are 256 random bits, so a plain hash is enough: there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def parties_for(viewer: Viewer) -> QuerySet[Party]:
    """Return the accounts the viewer may see: all for an administrator or coordinator, else only their own."""
    everyone = Party.objects.prefetch_related("appointments", "organizations")
    if viewer.has(Role.ADMINISTRATOR, Role.COORDINATOR):
        return everyone
    return everyone.filter(pk=viewer.party_id)


def party_for(viewer: Viewer, party_id: str) -> Party:
    """Return one account.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    party = parties_for(viewer).filter(pk=party_id).first()
    if party is None:
        raise NotFoundError("no such account")
    return party


def active_with(role: Role) -> QuerySet[Party]:
    """Return the active accounts that hold the role."""
    return Party.objects.filter(is_active=True, appointments__role=role)


def is_any_administrator() -> bool:
    """Tell whether an active administrator exists."""
    return active_with(Role.ADMINISTRATOR).exists()


def organizations_for(viewer: Viewer) -> QuerySet[Organization]:
    """Return the organizations the viewer may see: all for those who coordinate, else their own."""
    if viewer.has(Role.ADMINISTRATOR, Role.COORDINATOR):
        return Organization.objects.all()
    return Organization.objects.filter(pk__in=viewer.organizations)


def organization_for(viewer: Viewer, organization_id: str) -> Organization:
    """Return one organization.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    organization = organizations_for(viewer).filter(pk=organization_id).first()
    if organization is None:
        raise NotFoundError("no such organization")
    return organization


def open_invitation(secret: str, *, now: datetime) -> Invitation:
    """Return the invitation of a one-time link that still holds.

    Raises:
        NotFoundError: the link is wrong, used, withdrawn or too old; all look the same.
    """
    invitation = (
        Invitation.objects.filter(
            digest=digest(secret), used_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=now
        )
        .select_related("organization", "for_party")
        .first()
    )
    if invitation is None:
        raise NotFoundError("the link was used, withdrawn or is too old")
    return invitation


def invitations_open(viewer: Viewer, *, now: datetime) -> QuerySet[Invitation]:
    """Return the invitations that nobody has used yet, for those who may invite."""
    if not viewer.has(Role.ADMINISTRATOR, Role.COORDINATOR):
        return Invitation.objects.none()
    return Invitation.objects.filter(
        used_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=now, for_party__isnull=True
    ).select_related("organization")


def invitation_for(viewer: Viewer, invitation_id: str, *, now: datetime) -> Invitation:
    """Return one open invitation.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    invitation = invitations_open(viewer, now=now).filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFoundError("no such invitation")
    return invitation


def is_handle_free(handle: str) -> bool:
    """Tell whether nobody signs in with this name."""
    return not Party.objects.filter(handle=handle).exists()


def has_second_factor(party: Party) -> bool:
    """Tell whether the account has a second factor."""
    return bool(factor_adapter().is_mfa_enabled(party))


def party_of_token(text: str, *, now: datetime) -> tuple[Party, frozenset[Scope]]:
    """Return whose program this is and what it may do.

    Raises:
        NotPermittedError: the token is unknown, revoked or too old, or the account is closed.
    """
    token = (
        ApiToken.objects.filter(digest=digest(text), revoked_at__isnull=True, expires_at__gt=now, party__is_active=True)
        .select_related("party")
        .first()
    )
    if token is None:
        raise NotPermittedError("the token does not hold", hint="issue a new one on your account page")
    return token.party, token.granted


def tokens_of(viewer: Viewer) -> QuerySet[ApiToken]:
    """Return the viewer's own tokens."""
    return ApiToken.objects.filter(party_id=viewer.party_id or "")


def token_of(viewer: Viewer, token_id: str) -> ApiToken:
    """Return one of the viewer's own tokens.

    Raises:
        NotFoundError: there is none.
    """
    token = tokens_of(viewer).filter(pk=token_id).first()
    if token is None:
        raise NotFoundError("no such token")
    return token


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A web session as its owner sees it; the reference names it without opening it."""

    reference: str
    began_at: datetime | None
    ends_at: datetime
    is_current: bool


def sessions_of(viewer: Viewer, *, current: str | None, now: datetime) -> list[OpenSession]:
    """Return the viewer's own web sessions, newest first."""
    return [
        OpenSession(
            reference=reference_of(row),
            began_at=row.began_at,
            ends_at=row.expire_date,
            is_current=row.session_key == current,
        )
        for row in _sessions(viewer, now=now)
    ]


def session_of(viewer: Viewer, reference: str, *, now: datetime) -> WebSession:
    """Return one of the viewer's own web sessions.

    Raises:
        NotFoundError: there is none.
    """
    for row in _sessions(viewer, now=now):
        if reference_of(row) == reference:
            return row
    raise NotFoundError("no such session")


def reference_of(row: WebSession) -> str:
    """Return the name of a session for pages: its key opens it and is therefore never shown."""
    return digest(row.session_key)[:REFERENCE_LENGTH]


def _sessions(viewer: Viewer, *, now: datetime) -> QuerySet[WebSession]:
    return WebSession.objects.filter(party_id=viewer.party_id or "-", expire_date__gt=now).order_by("-began_at")
