# SPDX-License-Identifier: Apache-2.0
"""The search form of the register: text to filters."""

from django import forms

from safeconduct.domain.severity import Tier
from safeconduct.domain.weakness import FlawClass
from safeconduct.server.registry.queries import Filters
from safeconduct.server.registry.words import MAX_QUERY


class SearchForm(forms.Form):
    """What a reader of the register may filter by; wrong values are ignored, because a search is never an error."""

    q = forms.CharField(label="Words", required=False, max_length=MAX_QUERY, strip=True)
    kind = forms.ChoiceField(
        label="Kind of flaw",
        required=False,
        choices=[("", "any"), *((item.value, item.value.replace("-", " ")) for item in FlawClass)],
    )
    tier = forms.ChoiceField(
        label="Tier", required=False, choices=[("", "any"), *((item.value, item.value) for item in reversed(Tier))]
    )
    vendor = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    technique = forms.CharField(required=False, max_length=120, widget=forms.HiddenInput)

    def filters(self) -> Filters:
        """Return what was asked for."""
        self.is_valid()
        given = self.cleaned_data
        return Filters(
            text=given.get("q", ""),
            flaw_class=given.get("kind", ""),
            tier=given.get("tier", ""),
            vendor=given.get("vendor", ""),
            technique=given.get("technique", ""),
        )
