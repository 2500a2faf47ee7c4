# SPDX-License-Identifier: Apache-2.0
"""Decisions: frozen, joinable, plain."""

import json
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

import pytest

from safeconduct.domain.instants import parse_instant
from safeconduct.domain.severity import Tier
from safeconduct.policy.decision import Decision, Outcome, combine


@dataclass(frozen=True, slots=True)
class Pair:
    left: Tier
    right: int | None


def test_a_decision_becomes_plain_data() -> None:
    decision = Decision(
        outcome=Tier.HIGH,
        reasons=("because",),
        rules=("r.1",),
        inputs={
            "set": frozenset({"b", "a"}),
            "list": [1, 2.5, None, True],
            "map": {"k": Tier.LOW},
            "pair": Pair(Tier.NONE, None),
            "at": parse_instant("2026-11-23T12:00:00+02:00"),
            "odds": Fraction(1, 3),
            "length": timedelta(days=1),
        },
    )

    plain = decision.as_dict()

    assert json.loads(json.dumps(plain)) == {
        "outcome": "high",
        "reasons": ["because"],
        "rules": ["r.1"],
        "inputs": {
            "set": ["a", "b"],
            "list": [1, 2.5, None, True],
            "map": {"k": "low"},
            "pair": {"left": "none", "right": None},
            "at": "2026-11-23T10:00:00Z",
            "odds": "1/3",
            "length": "1 day, 0:00:00",
        },
    }


def test_inputs_cannot_be_changed_afterward() -> None:
    facts: dict[str, object] = {"a": 1}
    decision = Decision(outcome=Outcome.ALLOWED, inputs=facts)

    facts["a"] = 2

    assert decision.inputs == {"a": 1}
    with pytest.raises(TypeError):
        decision.inputs["a"] = 3  # type: ignore[index]  # the point of the test
    assert hash(decision) == hash(Decision(outcome=Outcome.ALLOWED))


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), Outcome.ALLOWED),
        ((Outcome.ALLOWED, Outcome.DISCOURAGED), Outcome.DISCOURAGED),
        ((Outcome.UNKNOWN, Outcome.DISCOURAGED), Outcome.UNKNOWN),
        ((Outcome.UNKNOWN, Outcome.BLOCKED, Outcome.ALLOWED), Outcome.BLOCKED),
    ],
)
def test_the_gravest_outcome_wins(outcomes: tuple[Outcome, ...], expected: Outcome) -> None:
    joined = combine(
        Decision(outcome=outcome, reasons=(outcome.value,), rules=(f"r.{outcome}",)) for outcome in outcomes
    )

    assert joined.outcome is expected
    assert joined.reasons == ((expected.value,) if outcomes else ())


def test_joining_keeps_the_grounds_of_all_that_speak_alike() -> None:
    one = Decision(outcome=Outcome.BLOCKED, reasons=("first",), rules=("r.1",), inputs={"a": 1})
    two = Decision(outcome=Outcome.BLOCKED, reasons=("second",), rules=("r.2",), inputs={"b": 2})

    joined = combine([one, two])

    assert joined == Decision(
        outcome=Outcome.BLOCKED, reasons=("first", "second"), rules=("r.1", "r.2"), inputs={"a": 1, "b": 2}
    )
