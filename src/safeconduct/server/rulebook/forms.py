# SPDX-License-Identifier: Apache-2.0
"""The edge of the policy pages."""

from django import forms

LONGEST_EMBARGO_DAYS = 365


class PolicyForm(forms.Form):
    """A new version of a policy."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 24}),
        help_text="Markdown. $service, $report_url and $embargo_days are filled in.",
    )
    embargo_days = forms.IntegerField(label="Embargo in days", min_value=1, max_value=LONGEST_EMBARGO_DAYS)
