# SPDX-License-Identifier: Apache-2.0
"""What follows for a report from what its targets answered to."""

from typing import Any

import pytest

from safeconduct.server.triage.models import GateState
from safeconduct.server.triage.tried import Tried, conclude, tried_in

FELL, HELD, BAD, FAILED, WAITS = (
    GateState.REPRODUCED,
    GateState.NOT_REPRODUCED,
    GateState.INVALID,
    GateState.ERROR,
    GateState.NOT_RUN,
)


def tried(*states: GateState) -> list[Tried]:
    return [
        Tried(target=f"t{n}", label=f"T{n}", state=state, reason=state.label, is_busy=state == WAITS)
        for n, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "again", "last"),
    [
        ((FELL,), FELL, FELL),
        ((HELD, FAILED, FELL), FELL, FELL),
        ((HELD,), HELD, HELD),
        ((HELD, HELD), HELD, HELD),
        ((BAD, HELD), HELD, HELD),
        ((BAD,), BAD, BAD),
        ((HELD, FAILED), FAILED, HELD),
        ((BAD, WAITS), FAILED, BAD),
        ((FAILED,), FAILED, FAILED),
        ((FAILED, WAITS), FAILED, FAILED),
        ((WAITS,), WAITS, WAITS),
        ((WAITS, WAITS), WAITS, WAITS),
    ],
)
def test_one_that_falls_is_enough_and_what_failed_is_waited_for(
    states: tuple[GateState, ...], again: GateState, last: GateState
) -> None:
    before_the_last = conclude(tried(*states), can_try_again=True)

    assert before_the_last.state == again
    assert before_the_last.is_unfinished is (again in {FAILED, WAITS})
    assert conclude(tried(*states), can_try_again=False).state == last


def test_each_target_is_named_where_there_are_several() -> None:
    assert conclude(tried(HELD), can_try_again=True).reason == "did not reproduce"
    both = conclude(tried(HELD, FAILED), can_try_again=True)
    assert both.reason == "T0: did not reproduce; T1: target or sandbox failed"
    assert both.target == "t1"


def test_what_is_noted_is_read_again() -> None:
    given: list[dict[str, Any]] = [one.as_dict() for one in tried(HELD, WAITS)]

    assert tried_in({"tried": given}) == tuple(tried(HELD, WAITS))
    assert tried_in({}) == ()
