# SPDX-License-Identifier: Apache-2.0
"""The order in which the facts of a case happened, and how well it was coordinated.

Of the 720 orders of V, F, D, P, X and A, 70 are possible: a vendor knows before it has a fix, and has it before it is
deployed; what the public knows the vendor learns at once; who publishes an exploit tells the public of the flaw.

Skill (Householder and Spring, "Are We Skillful or Just Lucky?", DTRAP 3(4), 2022): twelve desiderata a < b, "a before
b". With f the share of cases that meet it and f0 the share if every legal next fact were equally likely, skill is
(f - f0) / (1 - f0): above 0 is better than luck, 1 is perfect, and near 0 says little while n is small. A case in which
neither fact has happened decides nothing and is left out; it is never counted as met.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from safeconduct.domain.case import CaseFact, CaseState
from safeconduct.errors import UnknownValueError
from safeconduct.policy import tables
from safeconduct.policy.decision import Decision, Outcome

Pair = tuple[CaseFact, CaseFact]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRules:
    """Words, order and baselines of the facts; `at_once[a]` is what must be or follow at once when a has happened."""

    words: Mapping[CaseFact, str]
    order: tuple[Pair, ...]
    at_once: Mapping[CaseFact, CaseFact]
    desiderata: Mapping[Pair, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How often a desideratum was met among the cases that decide it; `alpha` is None while no case does."""

    met: int
    decided: int
    baseline: Fraction

    @property
    def alpha(self) -> Fraction | None:
        """Return (f - f0) / (1 - f0)."""
        if not self.decided:
            return None
        return (Fraction(self.met, self.decided) - self.baseline) / (1 - self.baseline)


@cache
def fact_rules() -> FactRules:
    """Return the rules of the facts, read and checked once.

    Raises:
        ConfigurationError: the shipped table is damaged.
    """
    return tables.load("lifecycle.json", build_fact_rules)


def build_fact_rules(table: tables.Table) -> FactRules:
    """Check the table and give its letters their types."""
    facts = table.content["facts"]
    rules = FactRules(
        words={CaseFact(letter): str(words) for letter, words in facts["words"].items()},
        order=tuple((CaseFact(first), CaseFact(then)) for first, then in facts["order"]),
        at_once={CaseFact(fact): CaseFact(needs) for fact, needs in facts["at_once"]},
        desiderata={_pair(text): Fraction(*odds) for text, odds in table.content["desiderata"].items()},
    )
    if set(rules.words) != set(CaseFact) or not all(0 < odds < 1 for odds in rules.desiderata.values()):
        raise ValueError("a fact lacks its words, or a baseline is no probability")
    return rules


def _pair(text: str) -> Pair:
    """Read `V<P`."""
    first, _, then = text.partition("<")
    return CaseFact(first), CaseFact(then)


def parse_history(text: str) -> tuple[CaseFact, ...]:
    """Return the facts of letters such as `VFDPXA`, in the order in which they happened.

    Raises:
        UnknownValueError: a letter is not one of the six.
    """
    if not set(text) <= set(CaseFact):
        raise UnknownValueError("a history is made of the letters V, F, D, P, X and A", hint="write it like VFDPXA")
    return tuple(map(CaseFact, text))


def check_history(text: str) -> Decision[Outcome]:
    """Say whether the facts can have happened in this order. A history need not be complete.

    `inputs` tells the case state at the end, whether all six facts have happened, and what must happen at once.

    Raises:
        UnknownValueError: a letter is not one of the six.
    """
    history = parse_history(text)
    for place, fact in enumerate(history):
        objection = _objection(history[:place], fact)
        if objection:
            rule, reason = objection
            at = f"fact {place + 1} ({fact.value}): {reason}"
            return Decision(outcome=Outcome.BLOCKED, reasons=(at,), rules=(rule,), inputs={"history": text})
    pending = _pending(history)
    return Decision(
        outcome=Outcome.ALLOWED,
        reasons=(f"at once must follow: “{fact_rules().words[pending]}”",) if pending else (),
        rules=("history.order",),
        inputs={
            "history": text,
            "state": CaseState(frozenset(history)).code,
            "complete": len(history) == len(CaseFact),
            "must_follow": pending or "",
        },
    )


def may_follow(history: tuple[CaseFact, ...], fact: CaseFact) -> Decision[Outcome]:
    """Say whether the fact may be the next one of a history that is possible so far."""
    inputs = {"history": "".join(history), "fact": fact}
    objection = _objection(history, fact)
    if objection:
        return Decision(outcome=Outcome.BLOCKED, reasons=(objection[1],), rules=(objection[0],), inputs=inputs)
    return Decision(outcome=Outcome.ALLOWED, rules=("history.order",), inputs=inputs)


def _objection(before: tuple[CaseFact, ...], fact: CaseFact) -> tuple[str, str] | None:
    """Return rule and reason against the fact at this place."""
    rules = fact_rules()
    if fact in before:
        return "history.once", f"“{rules.words[fact]}” happens once and is not undone"
    pending = _pending(before)
    if pending and pending is not fact:
        return "history.at-once", f"first “{rules.words[pending]}” must follow at once"
    missing = next((first for first, then in rules.order if then is fact and first not in before), None)
    if missing:
        return "history.order", f"“{rules.words[fact]}” needs “{rules.words[missing]}” before it"
    return None


def _pending(history: tuple[CaseFact, ...]) -> CaseFact | None:
    """Return the fact that must follow at once, if there is one."""
    at_once = fact_rules().at_once
    return next((needs for fact, needs in at_once.items() if fact in history and needs not in history), None)


def desiderata_met(history: tuple[CaseFact, ...]) -> dict[Pair, bool | None]:
    """Return for each desideratum whether the history meets it; None while neither fact has happened."""
    return {pair: _met(history, pair) for pair in fact_rules().desiderata}


def _met(history: tuple[CaseFact, ...], pair: Pair) -> bool | None:
    """Say which of the two happened first."""
    first = next((fact for fact in history if fact in pair), None)
    return None if first is None else first is pair[0]


def skill(histories: Iterable[tuple[CaseFact, ...]]) -> dict[Pair, Skill]:
    """Return the skill of many cases, one figure with its n for each desideratum."""
    answers = [desiderata_met(history) for history in histories]
    return {
        pair: Skill(
            met=sum(answer[pair] is True for answer in answers),
            decided=sum(answer[pair] is not None for answer in answers),
            baseline=baseline,
        )
        for pair, baseline in fact_rules().desiderata.items()
    }
