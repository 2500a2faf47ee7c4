# SPDX-License-Identifier: Apache-2.0
"""The edge of the pages of triage: text becomes vectors, profiles, questions, reasons and decisions."""

from typing import Any

from django import forms

from safeconduct.domain.flaw import Track
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import IncompleteError, MalformedError, TooLargeError
from safeconduct.policy.cvss4 import read_vector
from safeconduct.policy.documented import Statement
from safeconduct.policy.ml_profile import UNKNOWN, MlProfile, metrics
from safeconduct.server.intake.services import MESSAGE_LIMIT
from safeconduct.server.triage.documenting import TEXT_LENGTH, require_whole
from safeconduct.server.triage.judgment import difference
from safeconduct.server.triage.kindness import gaps_left
from safeconduct.server.triage.models import NAME_LENGTH
from safeconduct.server.triage.services import REASON_LIMIT, VALUE_LIMIT

TRACK_TEXTS = {
    Track.RESTRICTED: "Restricted material",
    Track.SOFTWARE_VULNERABILITY: "Software vulnerability",
    Track.SUPPLY_CHAIN: "Supply chain: tampered weights or data",
    Track.MODEL_VULNERABILITY: "Model vulnerability: learned behavior",
    Track.SAFEGUARD_BYPASS: "Safeguard bypass",
    Track.CONTENT_ISSUE: "Content issue: the vendor's content channel",
    Track.FAIRNESS_FLAW: "Fairness flaw",
    Track.SAFETY_HAZARD: "Safety hazard",
    Track.LIMITATION: "Limitation or quality",
    Track.EXPECTATION_GAP: "Gap between promise and expectation",
    Track.NEEDS_EVIDENCE: "Needs evidence",
}
EXPLOITATION_TEXTS = {
    Exploitation.NONE: "None: no public proof, no use is known",
    Exploitation.POC: "Proof of concept: public, or well known how",
    Exploitation.ACTIVE: "Active: it is used in the wild",
}


class SetForm(forms.Form):
    """Something that a person sets, with the reason."""

    use_required_attribute = False
    reason = forms.CharField(
        max_length=REASON_LIMIT, help_text="Why; it is kept with your name.", widget=forms.TextInput()
    )

    def value(self) -> str:
        """Return what is set, as the act takes it; empty takes back what was set."""
        raise NotImplementedError


class VectorForm(SetForm):
    """A CVSS 4.0 vector."""

    vector = forms.CharField(
        label="CVSS 4.0 vector",
        max_length=VALUE_LIMIT,
        required=False,
        help_text="Such as CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N. It is kept as it is and"
        " never changed by a factor. Empty: no vector.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("vector", "reason")

    def clean_vector(self) -> str:
        """Return a vector that can be read."""
        vector: str = self.cleaned_data["vector"].strip()
        try:
            if vector:
                read_vector(vector)
        except MalformedError as error:
            raise forms.ValidationError(f"{error.message}. {error.hint}") from error
        return vector

    def value(self) -> str:
        """Return the vector."""
        return str(self.cleaned_data["vector"])


class ProfileForm(SetForm):
    """The ten questions of the ML profile, each with its values in words."""

    def __init__(self, *args: Any, proposed: MlProfile, **kwargs: Any) -> None:
        """Ask the questions of the table, and tell what the report itself answers."""
        super().__init__(*args, **kwargs)
        self.proposed = proposed
        for key, metric in metrics().items():
            self.fields[key] = forms.ChoiceField(
                label=f"{metric.name.capitalize()} ({key})",
                choices=[
                    (UNKNOWN, "not known (X)"),
                    *((value, f"{text} ({value})") for value, text in metric.values.items()),
                ],
                help_text=f"{metric.asks} The report itself: {proposed.answers()[key]}.",
            )
        self.order_fields([*metrics(), "reason"])

    def value(self) -> str:
        """Return the metrics that differ from what the report itself answers."""
        answers = {key.lower(): self.cleaned_data[key] for key in metrics()}
        return difference(MlProfile(**answers), proposed=self.proposed)


class ExploitationForm(SetForm):
    """What is known of use in the wild."""

    exploitation = forms.ChoiceField(
        label="Use in the wild",
        required=False,
        choices=[("", "as the report says"), *((item.value, text) for item, text in EXPLOITATION_TEXTS.items())],
    )
    field_order = ("exploitation", "reason")

    def value(self) -> str:
        """Return the exploitation."""
        return str(self.cleaned_data["exploitation"])


class TracksForm(SetForm):
    """On which tracks the report goes."""

    tracks = forms.MultipleChoiceField(
        required=False,
        choices=[(track.value, text) for track, text in TRACK_TEXTS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="None: as the decision tree says.",
    )
    field_order = ("tracks", "reason")

    def value(self) -> str:
        """Return the tracks."""
        return ",".join(self.cleaned_data["tracks"])


class QuestionForm(forms.Form):
    """A question to the reporter."""

    use_required_attribute = False
    question = forms.CharField(
        label="Your question",
        max_length=MESSAGE_LIMIT,
        help_text="It goes into the reporter's mailbox, and the assessment waits for the answer.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class RejectForm(forms.Form):
    """Why a report is not taken, in words for the reporter."""

    use_required_attribute = False
    reason = forms.CharField(
        label="What the reporter reads",
        max_length=REASON_LIMIT,
        help_text="Fill in what stands in brackets. The reporter may appeal; another coordinator decides then.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )

    def clean_reason(self) -> str:
        """Refuse a text whose gaps were not filled in."""
        text: str = self.cleaned_data["reason"]
        if left := gaps_left(text):
            raise forms.ValidationError(f"Fill this in, or take it out: {', '.join(left)}")
        return text


class BehaviorForm(forms.Form):
    """What a vendor documents as intended."""

    use_required_attribute = False
    vendor = forms.CharField(max_length=NAME_LENGTH, help_text="As reports name it.")
    product = forms.CharField(max_length=NAME_LENGTH, required=False, help_text="Empty: all products of the vendor.")
    flaw_class = forms.ChoiceField(
        label="Kind of flaw",
        required=False,
        choices=[("", "any"), *((item.value, item.value.replace("-", " ")) for item in FlawClass)],
    )
    phrases = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Words by which such a report is known, one phrase a line; one of them is enough. A kind or a phrase"
        " is needed.",
    )
    says = forms.CharField(
        label="What the vendor says", max_length=TEXT_LENGTH, help_text="In one sentence; it is shown as the reason."
    )
    reference = forms.CharField(label="Where it says so", max_length=TEXT_LENGTH, help_text="https://…")

    def clean(self) -> dict[str, Any]:
        """Hold the entry against the rules of the list."""
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                require_whole(self.statement())
            except (IncompleteError, MalformedError, TooLargeError) as error:
                self.add_error(None, f"{error.message}: {error.hint}")
        return values

    def statement(self) -> Statement:
        """Return the entry that was asked for."""
        values = self.cleaned_data
        given = {name: values[name] for name in ("vendor", "product", "flaw_class", "says", "reference")}
        return Statement(id="", phrases=tuple(values["phrases"].splitlines()), **given)


class AppealForm(forms.Form):
    """The decision on an appeal."""

    use_required_attribute = False
    upheld = forms.TypedChoiceField(
        label="Decision",
        coerce=lambda value: value == "yes",
        choices=[("yes", "Upheld: the report is looked at again"), ("no", "Not upheld: the decision stands")],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="What the reporter reads", max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 8})
    )
