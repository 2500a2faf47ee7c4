# SPDX-License-Identifier: Apache-2.0
"""Is the report ours to handle: what the rulebook accepts, and where to send what it does not.

By default every machine-learning system is in scope. A rulebook may narrow that to vendors, kinds of component or
classes of flaw. Material that may not be stored goes a lane of its own. Behavior on the not-a-vulnerability list is
shown to a person as a question; a phrase never closes a report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from safeconduct.domain.report import Report, RestrictedMaterial
from safeconduct.domain.systems import UNKNOWN, AffectedSystem, ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.decision import Decision
from safeconduct.policy.tables import Table, load

ELSEWHERE = "the vendor itself, or a national coordinator such as a CERT"


class ScopeAnswer(StrEnum):
    """Where a report goes."""

    IN_SCOPE = "in_scope"
    RESTRICTED = "restricted"
    """Ours, in the lane where nothing of the material is kept."""
    ASK = "ask"
    """A person looks first: it resembles behavior that is listed as no vulnerability, or too little is known."""
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBehavior:
    """One line of the not-a-vulnerability list."""

    id: str
    title: str
    classes: frozenset[FlawClass]
    phrases: tuple[str, ...]
    reason: str
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRules:
    """What an installation handles. An empty set accepts everything of its kind; names are compared without case."""

    edition: str
    vendors: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    component_types: frozenset[ComponentType] = frozenset()
    classes: frozenset[FlawClass] = frozenset()
    elsewhere: str = ELSEWHERE
    restricted: Mapping[RestrictedMaterial, str]
    listed: tuple[ListedBehavior, ...] = ()


@cache
def shipped() -> ScopeRules:
    """Return the scope that an installation starts with."""
    return load("scope.toml", build)


def in_scope(report: Report, *, rules: ScopeRules | None = None) -> Decision[ScopeAnswer]:
    """Return where the report goes, with the route in the reasons where it is not simply ours."""
    book = rules or shipped()
    inputs = {"rules": book.edition, "class": report.flaw_class, "restricted": report.restricted_material}
    answer, reasons, rule = _answer(report, book)
    return Decision(outcome=answer, reasons=reasons, rules=(f"scope.{rule}",), inputs=inputs)


def _answer(report: Report, book: ScopeRules) -> tuple[ScopeAnswer, tuple[str, ...], str]:
    """Return the answer, its reasons and its rule: the lane first, then the bounds, then the list."""
    if report.restricted_material is not RestrictedMaterial.NONE:
        return ScopeAnswer.RESTRICTED, (book.restricted[report.restricted_material],), "restricted"
    if book.classes and report.flaw_class not in book.classes:
        return ScopeAnswer.OUT_OF_SCOPE, (_kindly(f"flaws of the class {report.flaw_class}", book),), "class"
    fits = {_fits(system, book) for system in report.affects}
    if fits == {False}:
        return ScopeAnswer.OUT_OF_SCOPE, (_kindly("the named systems", book),), "system"
    if True not in fits:
        return (
            ScopeAnswer.ASK,
            ("the affected system is not named well enough to say whether it is in scope",),
            "unnamed",
        )
    hits = [line for line in book.listed if _resembles(report, line)]
    if hits:
        told = tuple(f"it resembles {line.title}: {line.reason}. If so, the place is {line.route}" for line in hits)
        return ScopeAnswer.ASK, (*told, "a person decides; the list never closes a report"), f"listed.{hits[0].id}"
    return ScopeAnswer.IN_SCOPE, ("the rulebook accepts it",), "accepted"


def _kindly(what: str, book: ScopeRules) -> str:
    """Say that something is not handled here, and who does."""
    return f"thank you for the report; {what} are not handled here, but would be by {book.elsewhere}"


def _fits(system: AffectedSystem, book: ScopeRules) -> bool | None:
    """Say whether the system is within the bounds; None where the report does not tell enough."""
    bounds = (
        (book.vendors, system.vendor.casefold(), UNKNOWN),
        (book.products, system.product.casefold(), UNKNOWN),
        (book.component_types, system.component_type, ComponentType.UNKNOWN),
    )
    answers = {None if value == not_told else value in accepted for accepted, value, not_told in bounds if accepted}
    return False if False in answers else None if None in answers else True


def _resembles(report: Report, line: ListedBehavior) -> bool:
    """Say whether the class fits and one of the phrases stands in the title or the description."""
    text = f"{report.title}\n{report.description}".casefold()
    return report.flaw_class in line.classes and any(phrase in text for phrase in line.phrases)


def build(table: Table) -> ScopeRules:
    """Return the scope written in a table.

    Raises:
        ValueError: a class or a kind of component is not in the vocabulary.
        LookupError: a part of the table is missing.
    """
    content = table.content
    return ScopeRules(
        edition=table.edition,
        vendors=frozenset(name.casefold() for name in content.get("vendors", ())),
        products=frozenset(name.casefold() for name in content.get("products", ())),
        component_types=frozenset(ComponentType(name) for name in content.get("component_types", ())),
        classes=frozenset(FlawClass(name) for name in content.get("classes", ())),
        elsewhere=content.get("elsewhere", ELSEWHERE),
        restricted={
            kind: content["restricted"][kind.value]
            for kind in RestrictedMaterial
            if kind is not RestrictedMaterial.NONE
        },
        listed=tuple(_line(row) for row in content.get("listed", ())),
    )


def _line(row: Mapping[str, Any]) -> ListedBehavior:
    """Build one line of the list."""
    return ListedBehavior(
        id=row["id"],
        title=row["title"],
        classes=frozenset(FlawClass(name) for name in row["classes"]),
        phrases=tuple(phrase.casefold() for phrase in row["phrases"]),
        reason=row["reason"],
        route=row["route"],
    )
