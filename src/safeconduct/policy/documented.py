# SPDX-License-Identifier: Apache-2.0
"""Does a vendor document what is reported as intended? A pure comparison with the list that coordinators keep.

Programs lose much time on reports of behavior that a vendor describes as intended; the same list is unfair as soon as
it decides. So a match names its reference and lowers the place in the queue, and that is all: it never rejects, and it
says nothing about whether the vendor is right. A statement fits only where the vendor is named, the product too if the
statement names one, and the class or one of the phrases agrees; a vendor alone fits nothing.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from safeconduct.domain.report import Report
from safeconduct.domain.systems import UNKNOWN, AffectedSystem
from safeconduct.policy.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a vendor documents, and where. Without a product it holds for all of them; without a class for any."""

    id: str
    vendor: str
    says: str
    reference: str
    product: str = ""
    flaw_class: str = ""
    phrases: tuple[str, ...] = ()


def documented(told: Report, statements: Iterable[Statement]) -> Decision[bool]:
    """Return whether a statement fits the report, with the statement and its reference as the reason."""
    words = _folded(f"{told.title} {told.summary} {told.description} {told.steps}")
    found = [one for one in statements if _fits(one, told, words)]
    if not found:
        return Decision(
            outcome=False, reasons=("no vendor's documentation that we keep speaks of it",), rules=("documented.none",)
        )
    reasons = tuple(f"{one.vendor} documents: “{one.says}” ({one.reference})" for one in found)
    return Decision(
        outcome=True,
        reasons=(*reasons, "this lowers its place in the queue and decides nothing"),
        rules=("documented.match",),
        inputs={"statements": [one.id for one in found]},
    )


def _fits(statement: Statement, told: Report, words: str) -> bool:
    if not any(_is_of(system, statement) for system in told.affects):
        return False
    if statement.flaw_class and statement.flaw_class != told.flaw_class:
        return False
    phrases = [phrase for phrase in map(_folded, statement.phrases) if phrase]
    return any(f" {phrase} " in f" {words} " for phrase in phrases) if phrases else bool(statement.flaw_class)


def _is_of(system: AffectedSystem, statement: Statement) -> bool:
    vendor, product = _folded(statement.vendor), _folded(statement.product)
    is_vendor = bool(vendor) and vendor != UNKNOWN and vendor == _folded(system.vendor)
    return is_vendor and (not product or product == _folded(system.product))


def _folded(text: str) -> str:
    """Return the words of a text in one spelling, without the signs between them."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(letter if letter.isalnum() else " " for letter in plain).split())
