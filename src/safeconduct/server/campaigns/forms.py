# SPDX-License-Identifier: Apache-2.0
"""The forms of campaigns: what a vendor says of a fix, the terms of a test, of a round, of a check and of a watch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Criterion
from safeconduct.errors import MalformedError
from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns.services import NOTE_LIMIT
from safeconduct.server.campaigns.suites import FAMILY_LIMIT
from safeconduct.server.campaigns.watches import MOST_DAYS, MOST_DRAWS, REASON_LIMIT
from safeconduct.server.cases.models import Participant
from safeconduct.server.triage.plainly import visible
from safeconduct.verification.criterion import check_criterion


class ClaimForm(forms.Form):
    """A participant says that a fix is there."""

    note = forms.CharField(
        label="What was fixed, and how can the fixed system be reached?",
        help_text="Model or version, address, since when. Never a password or key: name it only.",
        max_length=NOTE_LIMIT,
        widget=forms.Textarea(attrs={"rows": 5}),
    )


class StartForm(forms.Form):
    """A coordinator sets the terms of a campaign; they are frozen before the first call."""

    unpatched = forms.ModelChoiceField(label="Target as reported", queryset=Target.objects.none(), empty_label=None)
    patched = forms.ModelChoiceField(
        label="Target with the claimed fix", queryset=Target.objects.none(), empty_label=None
    )
    tolerance = forms.FloatField(
        label="Tolerance",
        min_value=0.01,
        max_value=0.5,
        help_text="FIXED excludes a remaining success rate of this much or more. 0.05 is one in twenty.",
    )
    alpha = forms.FloatField(
        label="Chance of a wrong FIXED", min_value=0.001, max_value=0.2, help_text="At most this, whenever it stops."
    )
    max_calls = forms.IntegerField(label="Calls at most", min_value=20, max_value=20_000)

    def __init__(self, data: Any = None, *, claim_id: int, targets: QuerySet[Target], bundle: Bundle) -> None:
        """Offer the granted targets and start from the bundle's own terms; a page holds one form for each claim.

        Each code file of the bundle has a box to tick, by which it is approved.
        """
        terms = bundle.criterion
        initial = {"tolerance": terms.tolerance, "alpha": terms.alpha, "max_calls": terms.max_calls}
        super().__init__(data, initial=initial, auto_id=f"id_{claim_id}_%s")
        self.terms = terms
        self.code = {f"code_{file.sha256}": file for file in bundle.code}
        for name, file in self.code.items():
            label = f"I have read code/{visible(file.name)} and let it run in the box"
            digest = f"SHA-256 {file.sha256[:16]}…"
            self.fields[name] = forms.BooleanField(label=label, required=False, help_text=digest)
        self.offered = {
            "unpatched": targets.filter(role=TargetRole.UNPATCHED),
            "patched": targets.filter(role=TargetRole.PATCHED),
        }
        for name, offered in self.offered.items():
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = offered

    def clean(self) -> dict[str, Any]:
        """Refuse terms under which no verdict would mean what it says."""
        given: dict[str, Any] = self.cleaned_data
        if not self.errors:
            try:
                check_criterion(self.criterion())
            except MalformedError as error:
                raise ValidationError(f"{error.message}. {error.hint}") from error
        return given

    def proposal(self) -> tuple[Criterion, tuple[Target | None, Target | None]]:
        """Return the terms and targets that were sent, or those that the form proposes."""
        if self.is_bound:
            return self.criterion(), (self.cleaned_data["unpatched"], self.cleaned_data["patched"])
        return self.terms, (self.offered["unpatched"].first(), self.offered["patched"].first())

    def approved_code(self) -> frozenset[str]:
        """Return the SHA-256 of the code files whose box is ticked."""
        return frozenset(file.sha256 for name, file in self.code.items() if self.cleaned_data.get(name))

    def criterion(self) -> Criterion:
        """Return the terms: the bundle's own with what the coordinator set."""
        given = self.cleaned_data
        design = min(self.terms.design, given["tolerance"] / 5)
        return replace(
            self.terms,
            tolerance=given["tolerance"],
            design=design,
            reproduction=max(self.terms.reproduction, given["tolerance"]),
            alpha=given["alpha"],
            max_calls=given["max_calls"],
        )


class ReasonForm(forms.Form):
    """A person says why."""

    reason = forms.CharField(label="Why?", max_length=REASON_LIMIT, widget=forms.TextInput)


class WatchForm(forms.Form):
    """How often a verified fix is looked at, and with how many variants."""

    every_days = forms.IntegerField(label="Days between two looks", min_value=1, max_value=MOST_DAYS)
    draws = forms.IntegerField(label="Fresh variants a look", min_value=1, max_value=MOST_DRAWS)


class CheckForm(forms.Form):
    """On which new version the suite of a family is tried."""

    target = forms.ModelChoiceField(label="New version", queryset=Target.objects.none(), empty_label=None)
    family = forms.CharField(
        label="Model family",
        required=False,
        max_length=FAMILY_LIMIT,
        help_text="Empty: the family that the name of the target's model or product tells.",
    )

    def __init__(self, data: Any = None, *, targets: QuerySet[Target]) -> None:
        """Offer the granted targets."""
        super().__init__(data)
        field = self.fields["target"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = targets


class RoundForm(forms.Form):
    """Whose system each granted target is; one that belongs to no vendor of the case is not asked."""

    def __init__(self, data: Any = None, *, targets: QuerySet[Target], vendors: Sequence[Participant]) -> None:
        """Ask of every granted target whose it is; one of a vendor of the same name is proposed."""
        super().__init__(data)
        self.targets = {target.pk: target for target in targets}
        self.vendors = {seat.pk: seat for seat in vendors}
        choices = [("", "not asked"), *((seat.pk, seat.name) for seat in vendors)]
        for target in self.targets.values():
            self.fields[target.pk] = forms.ChoiceField(
                label=f"{target.label} ({target.model})",
                choices=choices,
                required=False,
                initial=next((pk for pk, seat in self.vendors.items() if _same(seat.name, target.vendor)), ""),
            )

    def clean(self) -> dict[str, Any]:
        """Refuse a round of nothing."""
        given: dict[str, Any] = self.cleaned_data
        if not self.errors and not any(given.values()):
            raise ValidationError("Say of at least one system whose it is.")
        return given

    def chosen(self) -> dict[Target, Participant]:
        """Return the targets that are to be asked, with the vendor of each."""
        given = self.cleaned_data
        return {target: self.vendors[given[pk]] for pk, target in self.targets.items() if given.get(pk)}


def _same(one: str, other: str) -> bool:
    return bool(other.strip()) and " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
