# SPDX-License-Identifier: Apache-2.0
"""What one score of Inspect says of the attack.

Inspect's letters are C (correct), I (incorrect), P (partial), N (no answer); numbers, truth values and their words are
taken as its own `value_to_float` takes them. Whether "correct" means that the attack succeeded is told by the task's
author alone. Partial, no answer, NaN (Inspect's word for unscored) and every value that is no number are not judged.
"""

import math
from collections.abc import Iterator
from typing import Final

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json
from safeconduct.formats.evidence.run import HitWhen
from safeconduct.formats.evidence.values import plain, table_of

_WORDS: Final = {"c": 1.0, "i": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


def judgments_of(name: str, score: Json) -> Iterator[tuple[str, Json]]:
    """Yield judge and value of one score: a score with several values has several judges."""
    value = table_of(score).get("value")
    if isinstance(value, dict):
        yield from ((f"{name}/{plain(key)}", item) for key, item in value.items())
    else:
        yield name, value


def outcome_of(value: Json, *, hit_when: HitWhen, threshold: float) -> TrialOutcome:
    """Return what the value says: correct is at or above the threshold."""
    number = _number(value)
    if number is None:
        return TrialOutcome.ABSTAIN
    is_hit = (number >= threshold) is (hit_when is HitWhen.CORRECT)
    return TrialOutcome.HIT if is_hit else TrialOutcome.MISS


def _number(value: Json) -> float | None:
    """Return the value as a number, or None where it says nothing."""
    if isinstance(value, str):
        word = value.strip().lower()
        return _WORDS[word] if word in _WORDS else _read(word)
    return float(value) if isinstance(value, bool | int | float) else None


def _read(word: str) -> float | None:
    """Return the number that a text spells, or None."""
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
