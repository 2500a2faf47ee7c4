# SPDX-License-Identifier: Apache-2.0
"""Attack results of PyRIT as plain facts, whether they come from a table or from a JSON export.

An identifier is a tree: the attack, and below it the target that was attacked and the scorer that judged. Older
versions write the attack's class flat. `SubStringScorer` with exact matching is an exact test; it ignores case by
default, and the identifier does not say otherwise, so the oracle ignores case too: it can only see more hits.
"""

import re
from dataclasses import dataclass
from typing import Final

from safeconduct.domain.bundle import Check, Pattern
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json, shown
from safeconduct.errors import UnknownValueError
from safeconduct.formats.evidence.values import Table, inside, table_of, text_of

OUTCOMES: Final = {
    "success": TrialOutcome.HIT,
    "failure": TrialOutcome.MISS,
    "undetermined": TrialOutcome.ABSTAIN,
    "error": TrialOutcome.ERROR,
}
COMPLETE: Final = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One attack. `score` is the last score as PyRIT writes it, empty where there is none."""

    id: str
    conversation: str
    objective: str
    outcome: str
    identifier: Json
    time: Json = None
    version: str = ""
    score: str = ""
    score_type: str = ""
    score_status: str = ""

    @property
    def attack(self) -> Table:
        """Return the part of the identifier that names the attack."""
        below = inside(table_of(self.identifier), "children", "attack_technique", "children", "attack")
        return table_of(below) or table_of(self.identifier)

    @property
    def attack_name(self) -> str:
        """Return the class of the attack."""
        return text_of(self.attack, "class_name") or text_of(self.attack, "__type__") or "attack"

    @property
    def target(self) -> Table:
        """Return what the identifier tells of the target."""
        return table_of(inside(self.attack, "children", "objective_target"))

    @property
    def scorer(self) -> Table:
        """Return what the identifier tells of the scorer."""
        return table_of(inside(self.attack, "children", "objective_scorer"))

    @property
    def is_verbatim(self) -> bool:
        """Say whether the objective itself was what was sent."""
        converters = inside(self.attack, "children", "request_converters")
        return self.attack_name == "PromptSendingAttack" and not converters


def outcome_of(result: Result) -> TrialOutcome:
    """Return what PyRIT says; a score that contradicts it, or was not completed, leaves it not judged.

    Raises:
        UnknownValueError: the outcome is none of PyRIT's four.
    """
    outcome = OUTCOMES.get(result.outcome)
    if outcome is None:
        raise UnknownValueError(
            f"{shown(result.outcome)} is no outcome of an attack", hint=f"one of {', '.join(OUTCOMES)}"
        )
    return TrialOutcome.ABSTAIN if contradicts(result) else outcome


def contradicts(result: Result) -> bool:
    """Say whether the last score speaks against the outcome."""
    outcome = OUTCOMES.get(result.outcome)
    if outcome not in {TrialOutcome.HIT, TrialOutcome.MISS}:
        return False
    if result.score_status not in {"", COMPLETE}:
        return True
    if result.score_type != "true_false" or not result.score:
        return False
    return (result.score.lower() == "true") is not (outcome is TrialOutcome.HIT)


def checks_of(result: Result) -> tuple[Check, ...]:
    """Return the exact test of the scorer, or none."""
    text = result.scorer.get("substring")
    is_exact = text_of(result.scorer, "class_name") == "SubStringScorer"
    is_exact = is_exact and text_of(result.scorer, "text_matcher") == "ExactTextMatching"
    if not is_exact or not isinstance(text, str) or not text or "\0" in text:
        return ()
    return (Pattern(pattern=re.escape(text), ignore_case=True),)
