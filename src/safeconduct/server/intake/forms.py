# SPDX-License-Identifier: Apache-2.0
"""The edge of intake: fields that the pages of the report form are made of, and the forms of the mailbox."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField

from safeconduct.server.intake.services import MESSAGE_LIMIT

LINE = 300
FIRST_DAY = date(2010, 1, 1)


class Words(forms.CharField):
    """A text of several lines; line ends become those of the rest of the world."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        """Return the text with plain line ends."""
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


class Day(forms.DateField):
    """A day since machine-learning systems are worth reporting."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def clean(self, value: Any) -> date | None:
        """Return the day.

        Raises:
            ValidationError: it is no day, or one too long ago.
        """
        day: date | None = super().clean(value)
        if day is not None and day < FIRST_DAY:
            raise forms.ValidationError("That is too long ago. Look for a typing error in the year.", code="past")
        return day


def one_of(
    choices: list[tuple[Any, str]], *, label: str, kind: Callable[[Any], Any], **options: Any
) -> forms.TypedChoiceField:
    """Return a question with one answer out of a few, as radio buttons."""
    return forms.TypedChoiceField(
        choices=[(value.value, text) for value, text in choices],
        coerce=kind,
        label=label,
        widget=forms.RadioSelect,
        **options,
    )


def picked(
    choices: list[tuple[Any, str]], *, label: str, kind: Callable[[Any], Any], **options: Any
) -> forms.TypedChoiceField:
    """Return an optional question with one answer out of many, as a list to pick from."""
    return forms.TypedChoiceField(
        choices=[("", "Not told"), *((value.value, text) for value, text in choices)],
        coerce=kind,
        empty_value=None,
        required=False,
        label=label,
        **options,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A folded group of optional questions; it is open if something in it was answered or is wrong."""

    title: str
    fields: tuple[BoundField, ...]
    is_open: bool


class Page(forms.Form):
    """One page of the form. `folded` names the groups of optional questions."""

    use_required_attribute = False
    title: ClassVar[str]
    folded: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask kindly for what is missing."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages["required"] = "Please answer this."

    def asked(self) -> list[BoundField]:
        """Return the questions that stand open on the page."""
        hidden = {name for names in self.folded.values() for name in names}
        return [field for field in self if field.name not in hidden]

    def groups(self) -> Iterator[Group]:
        """Yield the folded groups."""
        for title, names in self.folded.items():
            fields = tuple(self[name] for name in names)
            yield Group(title=title, fields=fields, is_open=any(field.errors or field.value() for field in fields))


class Forgetful(forms.TextInput):
    """A text field that never shows again what was typed."""

    def format_value(self, value: Any) -> None:
        """Return nothing."""


class WordsForm(forms.Form):
    """The eight words that open a mailbox."""

    use_required_attribute = False
    words = forms.CharField(
        label="Your eight words",
        max_length=LINE,
        help_text="In their order. Capital letters, spaces and dashes do not matter.",
        widget=Forgetful(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )


class AnswerForm(forms.Form):
    """What the reporter writes into the mailbox."""

    use_required_attribute = False
    text = Words(max_length=MESSAGE_LIMIT, label="Your message")


class WithdrawForm(forms.Form):
    """The wish to take a report back, said twice."""

    use_required_attribute = False
    reason = Words(max_length=5_000, required=False, label="Why?")
    sure = forms.BooleanField(label="Yes, take my report back")
