# SPDX-License-Identifier: Apache-2.0
"""People and organizations: accounts, their roles, tokens of programs, one-time links, and web sessions.

A session row holds whose it is and when it began, and nothing about the browser or the network. Tokens and one-time
links are stored as digests only.
"""

import secrets
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.functional import cached_property

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.parties import Role, Scope

ID_LENGTH = 40
DIGEST_LENGTH = 64
NAME_LENGTH = 200
HANDLE_LENGTH = 150


def new_party_id() -> str:
    """Return a fresh identifier of a party."""
    return new_id(IdKind.PARTY, secrets.token_bytes)


def new_organization_id() -> str:
    """Return a fresh identifier of an organization."""
    return new_id(IdKind.ORGANIZATION, secrets.token_bytes)


def new_token_id() -> str:
    """Return a fresh identifier of a token."""
    return new_id(IdKind.TOKEN, secrets.token_bytes)


def new_invitation_id() -> str:
    """Return a fresh identifier of an invitation."""
    return new_id(IdKind.INVITATION, secrets.token_bytes)


class PartyManager(BaseUserManager["Party"]):
    """Finds a party by its handle; parties are made by the services."""


class Party(AbstractBaseUser):
    """An account: one person, or a desk that several people share."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_party_id, editable=False)
    handle = models.CharField("sign-in name", max_length=HANDLE_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField()

    # Django would note every sign-in; the record of acts keeps what is needed.
    last_login = None

    objects = PartyManager()
    USERNAME_FIELD = "handle"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("handle",)
        verbose_name_plural = "parties"

    def __str__(self) -> str:
        """Return the name that other people see."""
        return self.name or self.handle

    @cached_property
    def roles(self) -> frozenset[Role]:
        """Return the roles of the account."""
        return frozenset(Role(entry.role) for entry in self.appointments.all())


class Appointment(models.Model):
    """A role that an account holds."""

    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="appointments")
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])

    class Meta:
        constraints = (models.UniqueConstraint(fields=("party", "role"), name="one_appointment_per_role"),)

    def __str__(self) -> str:
        """Return the role."""
        return self.role


class Organization(models.Model):
    """A vendor, a deployer, a coordinator's institution."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_organization_id, editable=False)
    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    contact = models.EmailField(blank=True)
    members = models.ManyToManyField(Party, through="Membership", related_name="organizations")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Membership(models.Model):
    """A party that speaks for an organization."""

    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("party", "organization"), name="one_membership_per_organization"),
        )

    def __str__(self) -> str:
        """Return both sides."""
        return f"{self.party} of {self.organization}"


class ApiToken(models.Model):
    """A secret with which a program acts for a party, within scopes. Only its digest is stored."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_token_id, editable=False)
    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=NAME_LENGTH)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    scopes = models.JSONField(default=list)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-issued_at",)

    def __str__(self) -> str:
        """Return the name and the shown prefix."""
        return f"{self.name} ({self.prefix}…)"

    @property
    def granted(self) -> frozenset[Scope]:
        """Return what the token may be used for."""
        return frozenset(Scope(scope) for scope in self.scopes)


class Invitation(models.Model):
    """A one-time link: to join, or for a known party to choose a new password. Only its digest is stored."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_invitation_id, editable=False)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    roles = models.JSONField(default=list)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    email = models.EmailField(blank=True)
    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.CASCADE)
    for_party = models.ForeignKey(Party, null=True, blank=True, on_delete=models.CASCADE, related_name="resets")
    joined = models.ForeignKey(Party, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at",)

    def __str__(self) -> str:
        """Return for whom it is."""
        return self.name or self.id


class WebSession(AbstractBaseSession):
    """A web session: whose it is and when it began; nothing about browser or network."""

    party_id = models.CharField(max_length=ID_LENGTH, blank=True, db_index=True)
    began_at = models.DateTimeField(null=True)
