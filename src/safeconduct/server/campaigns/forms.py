# SPDX-License-Identifier: Apache-2.0
"""The forms of campaigns: what a vendor says of a fix, and the terms of a test."""

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from safeconduct.domain.evidence import Criterion
from safeconduct.errors import MalformedError
from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns.services import NOTE_LIMIT
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

    def __init__(self, data: Any = None, *, claim_id: int, targets: QuerySet[Target], terms: Criterion) -> None:
        """Offer the granted targets and start from the bundle's own terms; a page holds one form for each claim."""
        initial = {"tolerance": terms.tolerance, "alpha": terms.alpha, "max_calls": terms.max_calls}
        super().__init__(data, initial=initial, auto_id=f"id_{claim_id}_%s")
        self.terms = terms
        for name, role in (("unpatched", TargetRole.UNPATCHED), ("patched", TargetRole.PATCHED)):
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = targets.filter(role=role)

    def clean(self) -> dict[str, Any]:
        """Refuse terms under which no verdict would mean what it says."""
        given: dict[str, Any] = self.cleaned_data
        if not self.errors:
            try:
                check_criterion(self.criterion())
            except MalformedError as error:
                raise ValidationError(f"{error.message}. {error.hint}") from error
        return given

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
