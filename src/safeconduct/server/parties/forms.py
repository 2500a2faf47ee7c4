# SPDX-License-Identifier: Apache-2.0
"""The edge of the account pages: text of a form becomes roles, scopes and passwords that hold."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from safeconduct.domain.instants import is_zone
from safeconduct.domain.parties import Role, Scope
from safeconduct.server.parties import queries
from safeconduct.server.parties.models import HANDLE_LENGTH, NAME_LENGTH, Party

HANDLE = RegexValidator(r"^[\w.@+-]+$", "Letters, digits and . @ + - _ only.")
LONGEST_TOKEN_DAYS = 365

ROLE_TEXTS = {
    Role.COORDINATOR: "Coordinator: receives reports, triages, runs cases",
    Role.VENDOR: "Vendor: makes the model or product and fixes it",
    Role.DEPLOYER: "Deployer: runs the model for others",
    Role.OBSERVER: "Observer: reads the cases it was added to",
    Role.REGULATOR: "Regulator: reads notices and measures",
    Role.ADMINISTRATOR: "Administrator: manages people and settings",
}
SCOPE_TEXTS = {
    Scope.REPORT_SUBMIT: "Submit reports",
    Scope.CASE_READ: "Read cases",
    Scope.CASE_WRITE: "Write in cases",
    Scope.TRIAGE: "Triage reports",
    Scope.TARGET_GRANT: "Grant targets",
    Scope.CAMPAIGN_RUN: "Run verification",
    Scope.ADVISORY_PUBLISH: "Publish advisories",
    Scope.REGISTRY_READ: "Read the register",
}


class RolesForm(forms.Form):
    """Which roles an account has."""

    roles = forms.MultipleChoiceField(
        choices=[(role.value, text) for role, text in ROLE_TEXTS.items()], widget=forms.CheckboxSelectMultiple
    )

    def clean_roles(self) -> frozenset[Role]:
        """Return the chosen roles."""
        return frozenset(Role(role) for role in self.cleaned_data["roles"])


class InviteForm(RolesForm):
    """For whom a one-time link is."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="Only to tell open invitations apart; deleted when used.")
    organization = forms.CharField(
        max_length=NAME_LENGTH, required=False, help_text="The vendor, deployer or institution this person speaks for."
    )
    field_order = ("name", "organization", "roles")


class PasswordForm(forms.Form):
    """A new password, twice."""

    password = forms.CharField(
        strip=False,
        help_text=" ".join(password_validators_help_texts()),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Password once more", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        """Check that both are equal and good enough."""
        values = super().clean() or self.cleaned_data
        password = values.get("password")
        if password and password != values.get("again"):
            self.add_error("again", "The two passwords differ.")
        elif password:
            try:
                validate_password(password, Party(handle=values.get("handle", ""), email=values.get("email", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return values


class JoinForm(PasswordForm):
    """What an invited person tells about themselves."""

    handle = forms.CharField(
        label="Sign-in name",
        max_length=HANDLE_LENGTH,
        validators=[HANDLE],
        help_text="A name of your choice, or an address of yours.",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    name = forms.CharField(
        label="Name shown to others", max_length=NAME_LENGTH, required=False, help_text="A pseudonym is fine."
    )
    email = forms.EmailField(
        label="E-mail for notices", required=False, help_text="Notices say that something waits, never what."
    )
    field_order = ("handle", "name", "email", "password", "again")

    def clean_handle(self) -> str:
        """Return the handle if it is free."""
        handle: str = self.cleaned_data["handle"].lower()
        if not queries.is_handle_free(handle):
            raise ValidationError("This sign-in name is taken.")
        return handle


class TokenForm(forms.Form):
    """What a program may do, and for how long."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="Where the token will be used.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, text) for scope, text in SCOPE_TEXTS.items()], widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(label="Valid for days", min_value=1, max_value=LONGEST_TOKEN_DAYS, initial=90)

    def clean_scopes(self) -> frozenset[Scope]:
        """Return the chosen scopes."""
        return frozenset(Scope(scope) for scope in self.cleaned_data["scopes"])


class ZoneForm(forms.Form):
    """In which zone a person reads times."""

    zone = forms.CharField(
        label="Time zone",
        max_length=64,
        help_text="A name such as Europe/Berlin, America/New_York, Asia/Tokyo, or UTC. UTC is always shown beside it.",
        widget=forms.TextInput(attrs={"list": "zones", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def clean_zone(self) -> str:
        """Return the name if this machine knows the zone."""
        zone: str = self.cleaned_data["zone"].strip()
        if not is_zone(zone):
            raise ValidationError("No such time zone is known here.")
        return zone
