# SPDX-License-Identifier: Apache-2.0
"""The dynamic programming itself, against closed forms and against simulation."""

import math
import random  # noqa: TID251  # every use has a seed

import pytest

from safeconduct.domain.evidence import Criterion, TrialOutcome
from safeconduct.verification.stats.exact import NEVER, Boundaries, boundaries, operating
from safeconduct.verification.stats.intervals import binomial_cdf
from safeconduct.verification.stats.sequential import Standing, sequential_test


def test_a_plan_with_one_look_has_the_binomial_distribution() -> None:
    plan = Boundaries(accept=(-1,) * 181 + (4,), refuse=(NEVER,) * 181 + (5,))

    found = operating(plan, rate=0.05)

    assert found.accepted == pytest.approx(binomial_cdf(4, 181, 0.05))
    assert found.refused == pytest.approx(1 - binomial_cdf(4, 181, 0.05))
    assert found.calls == pytest.approx(181)
    assert found.quantile(0.5) == 181


def test_a_plan_without_decision_stays_open_to_its_cap() -> None:
    found = operating(Boundaries(accept=(-1,) * 11, refuse=(NEVER,) * 11), rate=0.3)

    assert (found.accepted, found.refused) == (0, 0)
    assert found.open == pytest.approx(1)
    assert found.calls == pytest.approx(10)
    assert found.quantile(0.95) == 10


def test_all_probability_is_accounted_for() -> None:
    plan = boundaries(sequential_test(Criterion(), streams=1), cap=500)

    for rate in (0.0, 0.01, 0.05, 0.5, 1.0):
        found = operating(plan, rate=rate)
        assert found.accepted + found.refused + found.open == pytest.approx(1)
        assert sum(found.stopping) == pytest.approx(found.accepted + found.refused)


def test_looking_until_it_is_green_errs_in_almost_a_quarter_of_campaigns() -> None:
    accept, most = [-1], -1
    for n in range(1, 1001):
        while binomial_cdf(most + 1, n, 0.05) < 0.05:
            most += 1
        accept.append(most)
    peeking = Boundaries(accept=tuple(accept), refuse=(NEVER,) * 1001)

    assert operating(peeking, rate=0.05).accepted == pytest.approx(0.233, abs=0.005)
    assert operating(peeking, rate=0.10).accepted == pytest.approx(0.002, abs=0.001)


def test_a_simulation_of_the_real_test_agrees() -> None:
    start = sequential_test(Criterion(tolerance=0.1, design=0.02), streams=1)
    found = operating(boundaries(start, cap=400), rate=0.1)
    rng = random.Random(20261123)
    runs, fixed = 500, 0

    for _ in range(runs):
        test = start
        while test.standing is Standing.OPEN and test.n < 400:
            test = test.after(TrialOutcome.HIT if rng.random() < 0.1 else TrialOutcome.MISS)
        fixed += test.standing is Standing.FIXED

    spread = math.sqrt(found.accepted * (1 - found.accepted) / runs)
    assert fixed / runs == pytest.approx(found.accepted, abs=3.5 * spread)
