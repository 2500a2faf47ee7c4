# SPDX-License-Identifier: Apache-2.0
"""The way through the report form: what was answered so far travels in the page itself, and nothing is stored.

A page that is shown for the first time is filled with what is known and not yet judged; a page that is left is judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict

from safeconduct.domain.report import RestrictedMaterial
from safeconduct.server.intake.forms import Page
from safeconduct.server.intake.pages import FilesPage, HappenedPage, NextPage, SystemPage

QUESTIONS: tuple[type[Page], ...] = (HappenedPage, SystemPage, NextPage)
LAST = len(QUESTIONS) + 1
TITLES = (*(page.title for page in QUESTIONS), FilesPage.title)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One page of the summary: its number, its title, and each question with the answer in words."""

    number: int
    title: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The form as far as it is filled in."""

    data: QueryDict
    now: datetime

    def said(self, name: str) -> str:
        """Return one answer as it came; empty if there is none."""
        return str(self.data.get(name, ""))

    @property
    def restricted(self) -> RestrictedMaterial:
        """Return what the first page said of material that may not be kept."""
        said = self.said("restricted_material")
        known = {kind.value for kind in RestrictedMaterial}
        return RestrictedMaterial(said) if said in known else RestrictedMaterial.NONE

    def judged(self, number: int) -> Page:
        """Return the page with its answers checked."""
        return self._page(number, data=self.data)

    def shown(self, number: int) -> Page:
        """Return the page with its answers filled in and not checked."""
        return self._page(number, initial={name: self.said(name) for name in _names(number) if name in self.data})

    def carried(self, number: int) -> Iterator[tuple[str, str]]:
        """Yield the answers of all other pages, as they travel along."""
        for other in range(1, LAST):
            if other != number:
                yield from ((name, said) for name in _names(other) if (said := self.said(name)))

    def first_wrong(self) -> int | None:
        """Return the first page that is not filled in as it must be."""
        return next((number for number in range(1, LAST) if not self.judged(number).is_valid()), None)

    def answers(self) -> dict[str, Any]:
        """Return the checked answers of all pages; call it when none is wrong."""
        answers: dict[str, Any] = {}
        for number in range(1, LAST):
            page = self.judged(number)
            page.is_valid()
            answers |= page.cleaned_data
        return answers

    def summary(self) -> list[Answered]:
        """Return what was answered, in words, page by page."""
        return [
            Answered(
                number=number,
                title=TITLES[number - 1],
                answers=tuple(
                    (str(field.label), _in_words(field.field, said))
                    for field in self.shown(number)
                    if (said := self.said(field.name))
                ),
            )
            for number in range(1, LAST)
        ]

    def _page(self, number: int, **given: Any) -> Page:
        if number == SYSTEM:
            return SystemPage(restricted=self.restricted, now=self.now, **given)
        return QUESTIONS[number - 1](**given)


SYSTEM = QUESTIONS.index(SystemPage) + 1


def _names(number: int) -> list[str]:
    return list(QUESTIONS[number - 1].base_fields)


def _in_words(field: forms.Field, value: str) -> str:
    match field:
        case forms.ChoiceField():
            return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]  # ours are flat lists
        case forms.BooleanField():
            return "Yes"
        case _:
            return value
