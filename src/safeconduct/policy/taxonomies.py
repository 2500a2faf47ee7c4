# SPDX-License-Identifier: Apache-2.0
"""Taxonomies: what an identifier means in its edition, and what became of it in later ones.

`LLM03` meant three things in three years, so a reference always carries its edition (`domain.weakness`). The table
`data/taxonomies.json` restates identifiers and titles of OWASP LLM 2023, 2025 and 2026, OWASP Agentic 2026, ATLAS 5.6.0
with the renumbered ones of later editions, AVID 0.2, NIST AI 100-2 E2025 and the CWE view for machine learning. Only
some of these editions are complete; elsewhere an identifier that is not listed is not thereby wrong.

A reference is never rewritten: what it became is told beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from safeconduct.domain.weakness import TaxonomyRef
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.tables import Table, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A reference as given, its title if the table knows it, and where it went and came from."""

    ref: TaxonomyRef
    title: str
    later: tuple[TaxonomyRef, ...]
    earlier: tuple[TaxonomyRef, ...]
    is_usable: Decision[Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomies:
    """The table: titles by reference, complete editions, what may not be mapped, and the steps between editions."""

    titles: Mapping[TaxonomyRef, str]
    complete: frozenset[str]
    forbidden: Mapping[TaxonomyRef, str]
    cautions: Mapping[TaxonomyRef, str]
    successors: tuple[tuple[TaxonomyRef, TaxonomyRef], ...]


@cache
def taxonomies() -> Taxonomies:
    """Return the shipped table."""
    return load("taxonomies.json", _build)


def resolve(ref: TaxonomyRef) -> Resolved:
    """Return what the table knows of a reference; the reference itself is kept as it is."""
    table = taxonomies()
    forward = {old: tuple(new for start, new in table.successors if start == old) for old, _ in table.successors}
    back = {new: tuple(old for old, end in table.successors if end == new) for _, new in table.successors}
    return Resolved(
        ref=ref,
        title=table.titles.get(ref, ""),
        later=_follow(ref, forward),
        earlier=_follow(ref, back),
        is_usable=usable(ref),
    )


def usable(ref: TaxonomyRef) -> Decision[Outcome]:
    """Return whether a flaw may be mapped to the reference."""
    table = taxonomies()
    outcome, reason, rule = Outcome.ALLOWED, f"{ref} is {table.titles.get(ref, '')}", "known"
    if ref in table.forbidden:
        outcome, rule = Outcome.BLOCKED, "forbidden"
        reason = f"{ref} is {table.forbidden[ref]}; map to one of its entries instead"
    elif ref in table.cautions:
        outcome, rule = Outcome.DISCOURAGED, "caution"
        reason = f"{ref} ({table.titles[ref]}): its keeper says mapping is {table.cautions[ref].lower()}"
    elif ref not in table.titles and f"{ref.framework}/{ref.edition}" in table.complete:
        outcome, rule = Outcome.BLOCKED, "absent"
        reason = f"the edition {ref.edition} of {ref.framework} has no entry {ref.id}"
    elif ref not in table.titles:
        outcome, rule = Outcome.UNKNOWN, "unlisted"
        reason = f"{ref} is not in the table, which is not complete for that edition"
    return Decision(outcome=outcome, reasons=(reason,), rules=(f"taxonomy.{rule}",), inputs={"ref": str(ref)})


def _follow(ref: TaxonomyRef, steps: Mapping[TaxonomyRef, tuple[TaxonomyRef, ...]]) -> tuple[TaxonomyRef, ...]:
    """Return everything reached from a reference, nearest first."""
    reached: list[TaxonomyRef] = []
    waiting = list(steps.get(ref, ()))
    while waiting:
        found = waiting.pop(0)
        if found not in reached:
            reached.append(found)
            waiting += steps.get(found, ())
    return tuple(reached)


def _build(table: Table) -> Taxonomies:
    """Build the table, every reference a triple."""
    content = table.content
    titles = {
        TaxonomyRef.parse(f"{edition}/{identifier}"): title
        for edition, entries in content["editions"].items()
        for identifier, title in entries.items()
    }
    return Taxonomies(
        titles=titles,
        complete=frozenset(content["complete"]),
        forbidden={TaxonomyRef.parse(ref): reason for ref, reason in content["not_for_mapping"].items()},
        cautions={TaxonomyRef.parse(ref): caution for ref, caution in content["cautions"].items()},
        successors=tuple((TaxonomyRef.parse(old), TaxonomyRef.parse(new)) for old, new in content["successors"]),
    )
