# SPDX-License-Identifier: Apache-2.0
"""The forms of advisories: the words a person writes for readers, and what has to be said to publish."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from packageurl import PackageURL

from safeconduct.domain.advisory import Advisory, Remediation, RemediationKind
from safeconduct.domain.systems import AffectedSystem
from safeconduct.formats.soundness import is_web_address
from safeconduct.server.advisories.drafting import with_remediation
from safeconduct.server.advisories.queries import Said

NO_CONTROLS = RegexValidator(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]",
    inverse_match=True,
    message="There is a control character in it that no document can hold: type it anew.",
)


class PublicForm(forms.Form):
    """A form whose texts go into public documents."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Refuse control characters in every text."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.CharField):
                field.validators.append(NO_CONTROLS)


class DraftForm(PublicForm):
    """What a person writes into the draft."""

    title = forms.CharField(label="Title", max_length=200)
    summary = forms.CharField(
        label="In two sentences, for everyone",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    description = forms.CharField(
        label="What happens",
        help_text="Name the class of the attack, not the words of it.",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 7}),
    )
    detection = forms.CharField(
        label="How to notice it", required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )
    remedy = forms.ChoiceField(
        label="What counters it", choices=[(kind.value, kind.value.replace("_", " ")) for kind in RemediationKind]
    )
    advice = forms.CharField(
        label="What readers should do",
        help_text="One action for each kind of reader: those who run it, those who build on it, those who use it.",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    remedy_url = forms.URLField(label="Where the remedy is described", required=False, assume_scheme="https")
    vendor = forms.CharField(label="Vendor", max_length=200)
    product = forms.CharField(label="Product or model", max_length=200)
    version = forms.CharField(label="Affected version or snapshot", required=False, max_length=120)
    fixed_version = forms.CharField(label="Fixed version", required=False, max_length=120)
    purl = forms.CharField(
        label="Package URL",
        required=False,
        max_length=300,
        help_text="For example pkg:huggingface/namespace/name@commit, so that machines can match it.",
    )
    model_string = forms.CharField(label="Model string of a hosted model", required=False, max_length=200)

    @classmethod
    def of(cls, draft: Advisory) -> "DraftForm":
        """Return the form filled from a draft."""
        remedy = draft.remediations[0] if draft.remediations else None
        system = draft.affected[0]
        return cls(
            initial={
                "title": draft.title,
                "summary": draft.summary,
                "description": draft.description,
                "detection": draft.detection,
                "remedy": remedy.kind.value if remedy else RemediationKind.VENDOR_FIX.value,
                "advice": remedy.details if remedy else "",
                "remedy_url": remedy.url if remedy else "",
                "vendor": system.vendor,
                "product": system.product,
                "version": system.version,
                "fixed_version": system.fixed_version,
                "purl": system.identity.purl,
                "model_string": system.identity.model_string,
            }
        )

    def clean_purl(self) -> str:
        """Refuse what is no package URL, because no document could hold it."""
        text: str = self.cleaned_data["purl"]
        try:
            return PackageURL.from_string(text).to_string() if text else ""
        except ValueError as error:
            raise ValidationError("This is no package URL.") from error

    def clean_remedy_url(self) -> str:
        """Refuse an address that is not of the web."""
        text: str = self.cleaned_data["remedy_url"]
        if text and not is_web_address(text):
            raise ValidationError("An address of http or https is expected, in its ASCII form.")
        return text

    def change(self, *, now: datetime) -> Callable[[Advisory], Advisory]:
        """Return what the form does to a draft."""
        given = self.cleaned_data
        remedy = Remediation(
            kind=RemediationKind(given["remedy"]),
            details=given["advice"],
            url=given["remedy_url"],
            available_at=now,
        )

        def changed(draft: Advisory) -> Advisory:
            words = replace(
                draft,
                title=given["title"],
                summary=given["summary"],
                description=given["description"],
                detection=given["detection"],
                affected=(self._system(draft.affected[0]), *draft.affected[1:]),
                remediations=(),
            )
            return with_remediation(words, remedy)

        return changed

    def _system(self, system: AffectedSystem) -> AffectedSystem:
        given = self.cleaned_data
        return replace(
            system,
            vendor=given["vendor"],
            product=given["product"],
            version=given["version"],
            fixed_version=given["fixed_version"],
            identity=replace(system.identity, purl=given["purl"], model_string=given["model_string"]),
        )


class PublishForm(PublicForm):
    """What is said when an advisory goes out. Readers see all of it but the accepted warnings."""

    what = forms.CharField(
        label="What is new in this version; readers will see it", max_length=300, initial="First version"
    )
    without_verdict = forms.CharField(
        label="Why it goes out without a verdict that the fix holds",
        required=False,
        max_length=1000,
        help_text="Readers will see it. Leave empty when the verdict is FIXED.",
    )
    without_vendor = forms.CharField(
        label="Why it goes out although a vendor was not told",
        required=False,
        max_length=1000,
        help_text="Readers will see it. Leave empty when all were told.",
    )
    without_answers = forms.CharField(
        label="Why it goes out although answers are missing",
        required=False,
        max_length=1000,
        help_text="Readers will see it. For example: the reporter cannot be reached any more.",
    )
    acknowledged = forms.CharField(
        label="Warnings that you have read and accept",
        required=False,
        max_length=400,
        help_text="Their rule ids with commas, for example L020.",
    )

    def said(self) -> Said:
        """Return what was said."""
        given = self.cleaned_data
        return Said(
            what=given["what"],
            without_verdict=given["without_verdict"],
            without_vendor=given["without_vendor"],
            without_answers=given["without_answers"],
            acknowledged=frozenset(word.strip() for word in given["acknowledged"].split(",") if word.strip()),
        )


class WithdrawForm(PublicForm):
    """Why an advisory is withdrawn."""

    reason = forms.CharField(label="Why it is withdrawn; readers will see it", max_length=1000)
