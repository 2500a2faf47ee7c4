# SPDX-License-Identifier: Apache-2.0
"""Published comparisons of plans, with their parameters: exact figures to the printed digit, simulated ones within 3 s.e."""

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
from benchmarks.frontier import information_bound, ratios, read_found, search
from benchmarks.stats import (
    CAP,
    FIXED_C,
    FIXED_N,
    PEERS,
    RATES,
    beta_plan,
    peeking_plan,
    plan_of,
    plans,
)

from safeconduct.domain.evidence import Criterion
from safeconduct.verification.stats.exact import Boundaries, boundaries, operating
from safeconduct.verification.stats.intervals import clopper_pearson_upper
from safeconduct.verification.stats.mixture import odds
from safeconduct.verification.stats.sequential import FIVE_POINT_METHOD, MIXTURE_METHOD, SPRT_METHOD, sequential_test

CALLS = {
    f"fixed n={FIXED_N} c={FIXED_C}": "181 181 181 181 181 181 181 181 181",
    "curtailed": "177 178 177 166 143 98 50 25 8.3",
    "zero failures, n=59": "59 51 45 35 28 19 10 5 1.7",
    "group sequential, 5 looks": "111 128 141 152 142 104 57 39 37",
    SPRT_METHOD: "73 91 114 160 149 80 30 13 3.4",
    FIVE_POINT_METHOD: "69 93 126 239 421 172 32 10.5 2.3",
    "beta mixture": "70 94 129 219 234 121 35 11.5 2.3",
}
FIXED = {
    f"fixed n={FIXED_N} c={FIXED_C}": "100 99.8 96.4 70 37 4.9 0 0 0",
    "curtailed": "100 99.8 96.4 70 37 4.9 0 0 0",
    "zero failures, n=59": "100 74 55 30 17 4.9 .2 0 0",
    "group sequential, 5 looks": "100 99.7 96.1 69 36 4.8 0 0 0",
    SPRT_METHOD: "100 99.7 97.2 74 35 4.8 .1 0 0",
    FIVE_POINT_METHOD: "100 99.3 98.1 91 68 4.6 .1 0 0",
    "beta mixture": "100 99.4 98.3 84 41 4.1 .1 0 0",
}


@cache
def known() -> dict[str, Boundaries]:
    return plans() | {"beta mixture": beta_plan(cap=3000)}


def matches(found: float, printed: str) -> bool:
    """Tell whether a figure rounds to the one printed, which may have been rounded to one digit more before."""
    digits = len(printed.partition(".")[2])
    return abs(found - float(printed)) <= 0.55 * 10**-digits


@pytest.mark.parametrize("plan", CALLS)
def test_every_plan_costs_the_calls_printed(plan: str) -> None:
    for rate, printed in zip(RATES, CALLS[plan].split(), strict=True):
        assert matches(operating(known()[plan], rate=rate).calls, printed), (rate, printed)


@pytest.mark.parametrize("plan", FIXED)
def test_every_plan_calls_a_fix_as_often_as_printed(plan: str) -> None:
    for rate, printed in zip(RATES, FIXED[plan].split(), strict=True):
        assert matches(100 * operating(known()[plan], rate=rate).accepted, printed), (rate, printed)


def test_the_information_bounds_are_those_printed() -> None:
    printed = ["51.7", "76.7", "107.1", "218", "543", "64", "18.3", "6.2", "1.3"]

    assert all(matches(information_bound(rate), one) for rate, one in zip(RATES, printed, strict=True))


@pytest.mark.parametrize(("rate", "percent"), [(0.05, 23.3), (0.06, 7.2), (0.08, 1.1), (0.1, 0.2)])
def test_looking_until_it_is_green_errs_as_often_as_simulated(rate: float, percent: float) -> None:
    exact = operating(peeking_plan(0.05), rate=rate).accepted

    error = math.sqrt(exact * (1 - exact) / 20_000)
    assert abs(exact - percent / 100) <= 3 * error + 0.0005


def test_stopping_for_both_colors_errs_more_often_still() -> None:
    exact = operating(peeking_plan(0.05, cap=3000, symmetric=True), rate=0.05)

    assert abs(exact.accepted - 0.279) <= 3 * math.sqrt(0.28 * 0.72 / 3000)


@pytest.mark.parametrize(
    ("n", "clean", "bound"),
    [
        (1, "99 97 95 90 70 40", ".95"),
        (5, "95 86 77 59 17 1", ".45"),
        (10, "90 74 60 35 3 0", ".26"),
        (50, "60 22 7.7 .5 0 0", ".058"),
        (100, "37 4.8 .6 0 0 0", ".0295"),
    ],
)
def test_default_budgets_report_clean_as_often_as_printed(n: int, clean: str, bound: str) -> None:
    for rate, printed in zip((0.01, 0.03, 0.05, 0.1, 0.3, 0.6), clean.split(), strict=True):
        assert matches(100 * (1 - rate) ** n, printed)

    assert matches(clopper_pearson_upper(0, n, confidence=0.95), bound)


def test_the_budgets_of_the_peers_are_among_the_plans() -> None:
    assert operating(known()["peers: 5 tries"], rate=0.1).accepted == pytest.approx(0.9**5)
    assert set(PEERS) < set(known())


def test_the_default_needs_no_more_calls_than_the_five_point_form_at_any_rate_printed() -> None:
    ours, theirs = known()[MIXTURE_METHOD], known()[FIVE_POINT_METHOD]

    for rate in RATES:
        assert operating(ours, rate=rate).calls < operating(theirs, rate=rate).calls + 0.02


def test_the_frontier_is_computed_again_from_its_weights_and_the_default_lies_on_it() -> None:
    found = [(calls, ratios(one.test)) for calls, one in read_found()]
    default = ratios(sequential_test(Criterion(), streams=1))

    for (calls, (zero, _, design)), (_, later) in pairwise(found):
        assert zero == pytest.approx(calls / 58.404, abs=1e-3)
        assert later[0] > zero
        assert later[2] < design
    here = next(ratio for _, ratio in found if ratio[0] == pytest.approx(default[0]))
    assert default[2] <= here[2] + 0.01


@pytest.mark.parametrize(
    ("families", "rate", "percent"),
    [(10, 0.2, 75.0), (10, 0.4, 14.0), (10, 0.9, 0.3), (6, 0.2, 26.0), (6, 0.4, 1.1), (6, 0.9, 0.0)],
)
def test_a_pooled_average_hides_one_bad_family(families: int, rate: float, percent: float) -> None:
    share = operating(plan_of(SPRT_METHOD, cap=CAP), rate=rate / families).accepted

    assert abs(share - percent / 100) <= 3 * math.sqrt(share * (1 - share) / 3000) + 0.0005


@pytest.mark.parametrize(("rate", "calls"), [(0.01, 131), (0.02, 281), (0.03, 782), (0.1, 201)])
def test_with_both_sides_at_the_tolerance_the_gray_zone_costs_the_calls_printed(rate: float, calls: int) -> None:
    assert operating(both_at_the_tolerance(), rate=rate).calls == pytest.approx(calls, abs=0.5)


def test_with_both_sides_at_the_tolerance_a_residual_there_is_not_decided() -> None:
    assert 0.92 <= operating(both_at_the_tolerance(), rate=0.05).open <= 0.94


@cache
def both_at_the_tolerance() -> Boundaries:
    points = tuple(odds(point) / odds(0.05) for point in (0.1, 0.2, 0.4, 0.7))
    test = sequential_test(Criterion(method=FIVE_POINT_METHOD), streams=1)
    above = replace(test.above, odds_ratios=points)
    return boundaries(replace(test, design=0.05, above=above), cap=3000)


def test_the_search_keeps_to_its_calls_without_a_hit_and_repeats_with_its_seed() -> None:
    found = search(64, seed=7, steps=4)

    assert boundaries(found.test, cap=64).accept[63:] == (-1, 0)
    assert sum(found.weights) == pytest.approx(1)
    assert search(64, seed=7, steps=4) == found
