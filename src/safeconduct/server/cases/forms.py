# SPDX-License-Identifier: Apache-2.0
"""The edge of the acts of a case: text becomes guests, instants with a zone, facts, messages."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet

from safeconduct.domain.case import CaseFact, ProtocolMessage
from safeconduct.domain.parties import CaseRole
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.report import Tlp
from safeconduct.domain.systems import UNKNOWN, SystemRole
from safeconduct.policy.messages import messages
from safeconduct.server.cases.correspondence import MESSAGE_LIMIT, TLP_WORDS
from safeconduct.server.cases.instant_form import InstantForm
from safeconduct.server.cases.invitations import ACCOUNT_ROLES, Guest
from safeconduct.server.cases.models import NAME_LENGTH
from safeconduct.server.cases.services import SAYABLE
from safeconduct.server.cases.steps import REASON_LIMIT
from safeconduct.server.parties.models import Organization

EMPTY_ROWS = 2
ROLE_TEXTS = {
    CaseRole.VENDOR: "Vendor: makes the model or product",
    CaseRole.DEPLOYER: "Deployer: runs it for others",
    CaseRole.OBSERVER: "Observer: reads and does not act",
    CaseRole.OTHER: "Other: reads and does not act",
}
FACT_TEXTS = {
    CaseFact.PUBLIC_AWARE: "The public knows of the flaw",
    CaseFact.EXPLOIT_PUBLIC: "An exploit is public",
    CaseFact.ATTACKS_OBSERVED: "Attacks have been observed",
}


class GuestForm(forms.Form):
    """One participant to invite."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="The name people know, for example of the vendor.")
    role = forms.ChoiceField(choices=[(role.value, ROLE_TEXTS[role]) for role in ACCOUNT_ROLES])
    organization = forms.ModelChoiceField(
        queryset=Organization.objects.none(),
        required=False,
        label="Known here as",
        empty_label="new here: make a one-time link",
        help_text="An organization that has people here needs no link; they are told.",
    )
    contact = forms.EmailField(
        label="E-mail", required=False, help_text="Where to send the link. Without it, pass the link on yourself."
    )

    def __init__(self, *args: Any, organizations: QuerySet[Organization], **kwargs: Any) -> None:
        """Offer the organizations that are known."""
        super().__init__(*args, **kwargs)
        self.fields["organization"].queryset = organizations  # type: ignore[attr-defined]  # a ModelChoiceField

    def guest(self) -> Guest:
        """Return whom to invite."""
        given = self.cleaned_data
        return Guest(
            name=given["name"],
            role=CaseRole(given["role"]),
            contact=given["contact"],
            organization=given["organization"],
        )


class ChosenGuestForm(GuestForm):
    """A participant that the report suggests, to be invited or left out."""

    invite = forms.BooleanField(required=False, label="Invite")
    field_order = ("invite", "name", "role", "organization", "contact")

    def full_clean(self) -> None:
        """Ask for nothing in a row that is left out."""
        if self.is_bound and not self.data.get(self.add_prefix("invite")):
            for field in self.fields.values():
                field.required = False
        super().full_clean()


class OpenForm(forms.Form):
    """What is known already when a case is opened."""

    facts = forms.MultipleChoiceField(
        label="What has happened already",
        required=False,
        choices=[(fact.value, text) for fact, text in FACT_TEXTS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="With any of these there is no embargo: nothing is left to keep silent about.",
    )

    def clean_facts(self) -> frozenset[CaseFact]:
        """Return the chosen facts; a public exploit makes the flaw public."""
        chosen = {CaseFact(fact) for fact in self.cleaned_data["facts"]}
        return frozenset(chosen | ({CaseFact.PUBLIC_AWARE} if CaseFact.EXPLOIT_PUBLIC in chosen else set()))


def suggested(told: ToldReport, organizations: QuerySet[Organization]) -> list[dict[str, Any]]:
    """Return whom the report names as makers or operators of what is affected, once each, and some empty rows."""
    found: dict[str, dict[str, Any]] = {}
    known = {organization.name.casefold(): organization for organization in organizations}
    for system in told.affects:
        name = system.vendor.strip()
        if name and name != UNKNOWN and name.casefold() not in found:
            role = CaseRole.DEPLOYER if system.role is SystemRole.DEPLOYER else CaseRole.VENDOR
            found[name.casefold()] = {
                "invite": True,
                "name": name[:NAME_LENGTH],
                "role": role.value,
                "organization": known.get(name.casefold()),
            }
    return [*found.values(), *({"role": CaseRole.VENDOR.value} for _ in range(EMPTY_ROWS))]


class ReasonForm(forms.Form):
    """A reason that others will read."""

    reason = forms.CharField(max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 3}))


class ProposeForm(InstantForm):
    """Another end of the embargo, and why."""

    reason = forms.CharField(
        label="Why",
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="All participants read this. It is shown without your name.",
    )


class TermForm(forms.Form):
    """An answer to terms."""

    accepts = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])

    def clean_accepts(self) -> bool:
        """Return whether the terms are accepted."""
        return str(self.cleaned_data["accepts"]) == "yes"


class ConsentForm(TermForm):
    """An answer to the embargo in force when one comes; empty where there is none."""

    term = forms.CharField(max_length=40)


class FactForm(forms.Form):
    """Something that became public, or attacks; and why an embargo should be kept in spite of attacks."""

    fact = forms.ChoiceField(label="What has happened", widget=forms.RadioSelect)
    keep_because = forms.CharField(
        label="Keep the embargo in spite of attacks, because",
        required=False,
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Only for attacks. Left empty, they end the embargo. What is public ends it in any case.",
    )

    def __init__(self, *args: Any, known: frozenset[CaseFact], **kwargs: Any) -> None:
        """Offer what is not recorded yet."""
        super().__init__(*args, **kwargs)
        offered = [(fact.value, text) for fact, text in FACT_TEXTS.items() if fact not in known]
        self.fields["fact"].choices = offered  # type: ignore[attr-defined]  # a ChoiceField

    def clean_fact(self) -> CaseFact:
        """Return the fact."""
        return CaseFact(self.cleaned_data["fact"])


class MessageForm(forms.Form):
    """A message with its mark."""

    text = forms.CharField(
        label="Message", max_length=MESSAGE_LIMIT, widget=forms.Textarea(attrs={"rows": 5}), strip=True
    )
    tlp = forms.ChoiceField(
        label="Who may pass it on to whom",
        choices=[(mark.value, text) for mark, text in TLP_WORDS.items()],
        initial=Tlp.AMBER_STRICT,
    )

    def clean_tlp(self) -> Tlp:
        """Return the mark."""
        return Tlp(self.cleaned_data["tlp"])


class TellForm(forms.Form):
    """What the reporter is told."""

    text = forms.CharField(
        label="Message", max_length=MESSAGE_LIMIT, widget=forms.Textarea(attrs={"rows": 5}), strip=True
    )


class MoveForm(forms.Form):
    """What a participant says of its report or its fix."""

    message = forms.ChoiceField(choices=[(message.value, messages().words[message]) for message in SAYABLE])
    reason = forms.CharField(required=False, max_length=REASON_LIMIT)

    def clean_message(self) -> ProtocolMessage:
        """Return the message."""
        return ProtocolMessage(self.cleaned_data["message"])


def guests_of(rows: Iterable[ChosenGuestForm]) -> list[Guest]:
    """Return whom the coordinator chose; the rows are valid."""
    return [row.guest() for row in rows if row.cleaned_data.get("invite")]
