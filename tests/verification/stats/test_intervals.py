# SPDX-License-Identifier: Apache-2.0
"""Intervals at a fixed number of calls: published values, and coverage by exact summation."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.errors import MalformedError
from safeconduct.verification.stats.intervals import (
    Interval,
    binomial_cdf,
    clopper_pearson,
    clopper_pearson_lower,
    clopper_pearson_upper,
    wilson,
    wilson_lower,
    wilson_upper,
)

CONFIDENCES = st.sampled_from((0.8, 0.9, 0.95, 0.99))


def probability(hits: int, n: int, rate: float) -> float:
    return math.comb(n, hits) * rate**hits * (1 - rate) ** (n - hits)


def coverage(intervals: list[Interval], rate: float) -> float:
    n = len(intervals) - 1
    return sum(probability(k, n, rate) for k, one in enumerate(intervals) if one.lower <= rate <= one.upper)


@pytest.mark.parametrize(
    ("n", "bound"), [(1, 0.95), (5, 0.45072), (10, 0.25887), (50, 0.05816), (59, 0.04951), (100, 0.02951)]
)
def test_no_hit_at_all_leaves_the_bound_of_the_rule_of_three(n: int, bound: float) -> None:
    assert clopper_pearson_upper(0, n, confidence=0.95) == pytest.approx(bound, abs=1e-5)
    assert clopper_pearson_upper(0, n, confidence=0.95) == pytest.approx(1 - 0.05 ** (1 / n), abs=1e-12)


def test_published_intervals_are_met() -> None:
    # Agresti and Coull 1998; Brown, Cai and DasGupta 2001; R's binom.test(4, 10) and prop.test(4, 10, correct=FALSE).
    assert clopper_pearson(4, 10, confidence=0.95).lower == pytest.approx(0.1215523, abs=1e-7)
    assert clopper_pearson(4, 10, confidence=0.95).upper == pytest.approx(0.7376219, abs=1e-7)
    assert wilson(4, 10, confidence=0.95).lower == pytest.approx(0.1681803, abs=1e-7)
    assert wilson(4, 10, confidence=0.95).upper == pytest.approx(0.6873262, abs=1e-7)


@pytest.mark.parametrize("n", [0, 1, 20])
def test_no_hit_and_hits_only_touch_the_ends(n: int) -> None:
    for interval in (clopper_pearson, wilson):
        assert interval(0, n, confidence=0.95).lower == 0
        assert interval(n, n, confidence=0.95).upper == 1


@given(n=st.integers(1, 40), rate=st.floats(min_value=0.0, max_value=1.0), confidence=CONFIDENCES)
@settings(derandomize=True, max_examples=30)
def test_the_exact_interval_covers_every_rate_at_least_as_often_as_it_says(
    n: int, rate: float, confidence: float
) -> None:
    both = [clopper_pearson(k, n, confidence=confidence) for k in range(n + 1)]
    upper = [Interval(lower=0, upper=clopper_pearson_upper(k, n, confidence=confidence)) for k in range(n + 1)]
    lower = [Interval(lower=clopper_pearson_lower(k, n, confidence=confidence), upper=1) for k in range(n + 1)]

    for intervals in (both, upper, lower):
        assert coverage(intervals, rate) >= confidence - 1e-9


@given(n=st.integers(10, 80), confidence=st.sampled_from((0.9, 0.95, 0.99)))
@settings(derandomize=True, max_examples=25)
def test_the_score_interval_covers_rates_as_often_as_it_says_on_average(n: int, confidence: float) -> None:
    both = [wilson(k, n, confidence=confidence) for k in range(n + 1)]
    rates = [(place + 0.5) / 400 for place in range(400)]

    mean = sum(coverage(both, rate) for rate in rates) / len(rates)

    assert mean == pytest.approx(confidence, abs=0.02)
    assert min(coverage(both, rate) for rate in rates if 0.1 <= rate <= 0.9) >= confidence - 0.1


@given(n=st.integers(1, 200), confidence=CONFIDENCES, share=st.floats(min_value=0, max_value=1))
@settings(derandomize=True)
def test_one_sided_score_bounds_are_the_ends_of_the_two_sided_interval(n: int, confidence: float, share: float) -> None:
    hits = round(share * n)
    one_sided = 1 - (1 - confidence) / 2

    both = wilson(hits, n, confidence=confidence)

    assert both.lower == wilson_lower(hits, n, confidence=one_sided)
    assert both.upper == wilson_upper(hits, n, confidence=one_sided)
    assert both.lower <= hits / n <= both.upper


@given(n=st.integers(1, 150), share=st.floats(min_value=-0.1, max_value=1.1), rate=st.floats(min_value=0, max_value=1))
@settings(derandomize=True)
def test_the_binomial_distribution_is_that_of_its_sum(n: int, share: float, rate: float) -> None:
    hits = round(share * n)

    expected = sum(probability(k, n, rate) for k in range(min(hits, n) + 1))

    assert binomial_cdf(hits, n, rate) == pytest.approx(expected, abs=1e-11)


def test_a_million_calls_are_no_burden() -> None:
    interval = clopper_pearson(500_000, 1_000_000, confidence=0.95)

    assert interval.lower == pytest.approx(0.49902, abs=1e-5)
    assert interval.upper == pytest.approx(0.50098, abs=1e-5)


@pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_counts_that_cannot_be_are_refused(hits: int, n: int) -> None:
    for interval in (clopper_pearson, wilson):
        with pytest.raises(MalformedError):
            interval(hits, n, confidence=0.95)


@pytest.mark.parametrize("confidence", [0.4, 1.0, math.nan, -3.0])
def test_a_confidence_that_cannot_be_is_refused(confidence: float) -> None:
    for bound in (clopper_pearson_upper, clopper_pearson_lower, wilson_upper, wilson_lower):
        with pytest.raises(MalformedError):
            bound(1, 5, confidence=confidence)
