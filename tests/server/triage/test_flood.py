# SPDX-License-Identifier: Apache-2.0
"""A small flood through the real gate and queue: the benchmark at a size that a test can afford."""

import pytest
from benchmarks import flood

from safeconduct.server.triage.models import GateState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
SIZE = 60


def test_in_a_flood_what_reproduces_is_read_first_and_nothing_is_dropped() -> None:
    outcome = flood.flood(SIZE)

    assert (outcome.precision, outcome.recall) == (1.0, 1.0)
    assert (outcome.reports, outcome.real, outcome.first) == (SIZE, 3, 3)
    assert outcome.states[GateState.REPRODUCED] == 3
    assert sum(outcome.states.values()) == 12
    assert outcome.in_queue == SIZE


def test_the_plan_of_the_flood_is_the_stated_mixture_and_the_same_each_time() -> None:
    planned = flood.plan(5_000)

    assert planned == flood.plan(5_000)
    assert (len(planned), sum(one.has_bundle for one in planned)) == (5_000, 1_000)
    assert sum(one.is_real for one in planned) == 250
    assert {one.rate for one in planned if one.is_real} == set(flood.REAL_RATES)
    assert {one.rate for one in planned if not one.is_real} == {0.0, flood.CHANCE_RATE}
