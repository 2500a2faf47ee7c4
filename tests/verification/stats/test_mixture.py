# SPDX-License-Identifier: Apache-2.0
"""The e-processes: golden values, monotony in the boundary, and bounds that are their inversion."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.errors import MalformedError
from safeconduct.verification.stats.mixture import Above, Below, odds, rejects
from safeconduct.verification.stats.sequential import FIVE_POINT_ABOVE, FIVE_POINT_BELOW, MIXTURE_ABOVE, MIXTURE_BELOW

RATES = st.floats(min_value=0.001, max_value=0.999)
COUNTS = st.integers(0, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def test_the_alternatives_at_the_reference_tolerance_are_the_published_points() -> None:
    assert [ratio * 0.05 for ratio in FIVE_POINT_BELOW.ratios] == pytest.approx([0, 0.005, 0.01, 0.02, 0.03])

    points = [ratio * odds(0.01) / (1 + ratio * odds(0.01)) for ratio in FIVE_POINT_ABOVE.odds_ratios]

    assert points == pytest.approx([0.1, 0.2, 0.4, 0.7])


def test_a_mixture_is_the_weighted_sum_of_its_likelihood_ratios() -> None:
    expected = sum(
        weight * (point / 0.05) ** 3 * ((1 - point) / 0.95) ** 97
        for point, weight in zip((0, 0.005, 0.01, 0.02, 0.03), (0.3, 0.2, 0.2, 0.15, 0.15), strict=True)
    )

    assert FIVE_POINT_BELOW.log_e(0.05, n=100, hits=3) == pytest.approx(math.log(expected))


def test_one_hit_in_one_call_has_the_evidence_35_against_the_design() -> None:
    assert math.exp(FIVE_POINT_ABOVE.log_e(0.01, n=1, hits=1)) == pytest.approx(35)


@given(tolerance=RATES, counts=COUNTS)
@settings(derandomize=True)
def test_an_e_value_is_expected_to_stay_under_the_boundary_of_its_null(
    tolerance: float, counts: tuple[int, int]
) -> None:
    n, hits = counts

    for process in (MIXTURE_BELOW, MIXTURE_ABOVE, FIVE_POINT_BELOW, FIVE_POINT_ABOVE):
        now = process.log_e(tolerance, n=n, hits=hits)
        hit = process.log_e(tolerance, n=n + 1, hits=hits + 1) - now
        miss = process.log_e(tolerance, n=n + 1, hits=hits) - now
        assert tolerance * math.exp(hit) + (1 - tolerance) * math.exp(miss) == pytest.approx(1)


@given(boundary=RATES, other=RATES, counts=COUNTS)
@settings(derandomize=True)
def test_the_evidence_is_monotone_in_the_boundary(boundary: float, other: float, counts: tuple[int, int]) -> None:
    n, hits = counts
    low, high = sorted((boundary, other))

    assert MIXTURE_BELOW.log_e(low, n=n, hits=hits) <= MIXTURE_BELOW.log_e(high, n=n, hits=hits) + 1e-9
    assert MIXTURE_ABOVE.log_e(low, n=n, hits=hits) >= MIXTURE_ABOVE.log_e(high, n=n, hits=hits) - 1e-9


@given(counts=COUNTS, level=st.sampled_from((0.01, 0.05, 0.1)))
@settings(derandomize=True)
def test_a_bound_is_where_the_evidence_reaches_the_level(counts: tuple[int, int], level: float) -> None:
    n, hits = counts

    upper = MIXTURE_BELOW.upper_bound(n=n, hits=hits, level=level)
    lower = MIXTURE_ABOVE.lower_bound(n=n, hits=hits, level=level)

    assert lower <= upper
    if upper < 0.999:
        assert rejects(MIXTURE_BELOW.log_e(upper + 1e-6, n=n, hits=hits), level=level)
        assert not rejects(MIXTURE_BELOW.log_e(upper - 1e-6, n=n, hits=hits), level=level)
    if lower > 0.001:
        assert rejects(MIXTURE_ABOVE.log_e(lower - 1e-6, n=n, hits=hits), level=level)
        assert not rejects(MIXTURE_ABOVE.log_e(lower + 1e-6, n=n, hits=hits), level=level)


def test_without_calls_nothing_is_excluded() -> None:
    assert MIXTURE_BELOW.upper_bound(n=0, hits=0, level=0.05) == 1
    assert MIXTURE_ABOVE.lower_bound(n=0, hits=0, level=0.05) == 0


def test_what_is_rejected_needs_no_more_calls() -> None:
    assert FIVE_POINT_BELOW.calls_needed(0.05, n=69, hits=0, level=0.05) == 0
    assert FIVE_POINT_BELOW.calls_needed(0.05, n=68, hits=0, level=0.05) == 1
    assert FIVE_POINT_BELOW.calls_needed(0.05, n=1, hits=1, level=0.05) == 129


def test_hits_only_leave_no_upper_bound_and_misses_only_no_lower_one() -> None:
    assert MIXTURE_BELOW.upper_bound(n=50, hits=50, level=0.05) == 1
    assert MIXTURE_ABOVE.lower_bound(n=50, hits=0, level=0.05) == 0


def test_a_hit_among_very_many_misses_leaves_no_lower_bound() -> None:
    few = Above(odds_ratios=(2.0,), weights=(1.0,))

    assert few.lower_bound(n=1000, hits=1, level=0.05) == 0


@pytest.mark.parametrize(
    ("ratios", "weights"),
    [
        ((), ()),
        ((0.0, 0.5), (1.0,)),
        ((0.0, 1.0), (0.5, 0.5)),
        ((-0.1,), (1.0,)),
        ((0.0, 0.5), (0.5, 0.4)),
        ((0.0, 0.5), (1.5, -0.5)),
    ],
)
def test_alternatives_below_that_make_no_e_process_are_refused(
    ratios: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    with pytest.raises(MalformedError):
        Below(ratios=ratios, weights=weights)


@pytest.mark.parametrize("ratio", [1.0, 0.5, math.inf, math.nan])
def test_alternatives_above_that_make_no_e_process_are_refused(ratio: float) -> None:
    with pytest.raises(MalformedError):
        Above(odds_ratios=(ratio,), weights=(1.0,))


@pytest.mark.parametrize("boundary", [0.0, 1.0, -0.1, math.nan])
def test_a_boundary_outside_of_the_open_unit_interval_is_refused(boundary: float) -> None:
    with pytest.raises(MalformedError):
        MIXTURE_BELOW.log_e(boundary, n=1, hits=0)
    with pytest.raises(MalformedError):
        odds(boundary)


@pytest.mark.parametrize(("n", "hits"), [(1, 2), (1, -1), (-1, -1)])
def test_counts_that_cannot_be_are_refused(n: int, hits: int) -> None:
    with pytest.raises(MalformedError):
        MIXTURE_ABOVE.log_e(0.5, n=n, hits=hits)
