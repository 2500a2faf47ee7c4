# SPDX-License-Identifier: Apache-2.0
"""The edge of the acts of the clock: text becomes kinds, days, reasons and instants."""

from django import forms

from safeconduct.domain.clock import DeadlineKind, ExtensionReason, PauseReason
from safeconduct.policy.deadline_policy import balanced
from safeconduct.policy.deadlines import ACT_WORDS
from safeconduct.server.cases.instant_form import InstantForm
from safeconduct.server.cases.steps import REASON_LIMIT
from safeconduct.server.clock.services import LONGEST_DAYS

REASON_TEXTS = {
    ExtensionReason.ACTIVE_PROGRESS: "The vendor makes visible progress",
    ExtensionReason.DOWNSTREAM_INTEGRATION: "Those downstream have to take the fix in",
    ExtensionReason.RETRAIN_REQUIRED: "The model has to be trained again",
    ExtensionReason.SAFETY_CRITICAL_ROLLOUT: "Rolling it out is critical for safety",
    ExtensionReason.MULTI_PARTY_SYNC: "Several parties have to move together",
}
PAUSE_TEXTS = {
    PauseReason.AWAITING_REPORTER: "The reporter was asked",
    PauseReason.DUPLICATE_MERGE: "Duplicates are being joined",
    PauseReason.LEGAL_ORDER: "A legal order forbids going on",
}


class ExtendForm(forms.Form):
    """More time for one deadline."""

    kind = forms.ChoiceField(label="More time to")
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS)
    reason = forms.ChoiceField(choices=[(reason.value, text) for reason, text in REASON_TEXTS.items()])
    evidence = forms.CharField(
        label="What progress was shown",
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The reporter and the vendors may ask for it.",
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Offer the kinds that the policy extends."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        kinds = [(kind.value, ACT_WORDS[kind]) for kind in DeadlineKind if kind in balanced().extension_kinds]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]  # a ChoiceField

    def clean_kind(self) -> DeadlineKind:
        """Return the kind."""
        return DeadlineKind(self.cleaned_data["kind"])

    def clean_reason(self) -> ExtensionReason:
        """Return the reason."""
        return ExtensionReason(self.cleaned_data["reason"])


class PauseForm(InstantForm):
    """Until when the clocks stand still, and why."""

    reason = forms.ChoiceField(choices=[(reason.value, text) for reason, text in PAUSE_TEXTS.items()])
    field_order = ("reason", "day", "hour", "zone")

    def clean_reason(self) -> PauseReason:
        """Return the reason."""
        return PauseReason(self.cleaned_data["reason"])
