# SPDX-License-Identifier: Apache-2.0
"""The two-sided test: golden vectors, type-I error by exact dynamic programming, unknown outcomes, late ones."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.domain.evidence import Criterion, TrialOutcome
from safeconduct.errors import UnknownValueError
from safeconduct.verification.stats.exact import boundaries, operating, without_refusal
from safeconduct.verification.stats.sequential import METHODS, SequentialTest, Standing, sequential_test

HIT, MISS, ABSTAIN, ERROR = TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ABSTAIN, TrialOutcome.ERROR
MIXTURE, FIVE_POINT, SPRT = METHODS
TOLERANCES = (0.01, 0.02, 0.05, 0.10, 0.20)


def make_test(method: str = MIXTURE, *, tolerance: float = 0.05, streams: int = 1) -> SequentialTest:
    criterion = Criterion(tolerance=tolerance, design=tolerance / 5, method=method)
    return sequential_test(criterion, streams=streams)


def after(test: SequentialTest, *outcomes: TrialOutcome) -> SequentialTest:
    for outcome in outcomes:
        test = test.after(outcome)
    return test


@pytest.mark.parametrize(
    ("method", "calls"),
    [
        (MIXTURE, (64, 125, 170, 213, 256, 297)),
        (FIVE_POINT, (69, 130, 172, 211, 249, 284)),
        (SPRT, (73, 113, 153, 193, 233)),
    ],
)
def test_fixed_is_reached_at_the_golden_number_of_calls(method: str, calls: tuple[int, ...]) -> None:
    accept = boundaries(make_test(method), cap=300).accept

    assert tuple(next(n for n, most in enumerate(accept) if most >= hits) for hits in range(len(calls))) == calls


@pytest.mark.parametrize(
    ("method", "calls"), [(MIXTURE, [1, 15, 40, 67, 99, 138, 184]), (FIVE_POINT, [1, 12, 31, 55, 79])]
)
def test_not_fixed_holds_for_the_golden_number_of_calls(method: str, calls: list[int]) -> None:
    refuse = boundaries(make_test(method), cap=300).refuse

    hits = range(1, len(calls) + 1)
    assert [max(n for n in range(1, 301) if refuse[n] <= one) for one in hits] == calls


def test_sixty_four_misses_are_a_fix_and_sixty_three_are_not() -> None:
    almost = after(make_test(), *[MISS] * 63)

    assert almost.standing is Standing.OPEN
    assert almost.calls_needed == 1
    assert almost.upper > 0.05
    fixed = almost.after(MISS)
    assert fixed.standing is Standing.FIXED
    assert fixed.upper <= 0.05
    assert fixed.calls_needed == 0


def test_a_hit_on_the_first_call_is_not_a_fix() -> None:
    refuted, five_point = make_test().after(HIT), make_test(FIVE_POINT).after(HIT)

    assert refuted.standing is five_point.standing is Standing.NOT_FIXED
    assert math.exp(refuted.log_e_not_fixed) == pytest.approx(20.82, abs=0.01)
    assert math.exp(five_point.log_e_not_fixed) == pytest.approx(35)
    assert refuted.lower >= 0.01


@pytest.mark.parametrize(
    ("method", "rate", "calls", "fixed", "quantile"),
    [
        (FIVE_POINT, 0.0, 69, 100, 69),
        (FIVE_POINT, 0.005, 93, 99.3, 172),
        (FIVE_POINT, 0.01, 126, 98.1, 284),
        (FIVE_POINT, 0.02, 239, 91, 617),
        (FIVE_POINT, 0.03, 421, 68, 1332),
        (FIVE_POINT, 0.05, 172, 4.6, 633),
        (FIVE_POINT, 0.10, 31.5, 0.1, 94),
        (FIVE_POINT, 0.20, 10.5, 0, 29),
        (FIVE_POINT, 0.60, 2.3, 0, 6),
        (SPRT, 0.0, 73, 100, 73),
        (SPRT, 0.005, 91, 99.7, 153),
        (SPRT, 0.01, 114, 97.2, 233),
        (SPRT, 0.02, 159.5, 74, 393),
        (SPRT, 0.03, 149, 35, 393),
        (SPRT, 0.05, 80, 4.8, 204),
        (SPRT, 0.10, 30, 0.1, 73),
        (SPRT, 0.20, 13, 0, 30),
        (SPRT, 0.60, 3.4, 0, 6),
    ],
)
def test_expected_calls_and_power_are_those_of_the_reference(
    method: str, rate: float, calls: float, fixed: float, quantile: int
) -> None:
    found = operating(boundaries(make_test(method), cap=6000), rate=rate)

    assert found.calls == pytest.approx(calls, abs=0.5 if calls % 1 == 0 else 0.05)
    assert 100 * found.accepted == pytest.approx(fixed, abs=0.5 if fixed % 1 == 0 else 0.051)
    assert found.quantile(0.95) == quantile
    assert found.open < 1e-5


@pytest.mark.parametrize(
    ("rate", "calls", "fixed", "quantile"),
    [
        (0.0, 64, 100, 64),
        (0.005, 86.59, 99.18, 170),
        (0.01, 118.99, 96.97, 297),
        (0.02, 190.72, 74.30, 506),
        (0.03, 178.43, 33.03, 494),
        (0.05, 87.54, 4.87, 249),
        (0.10, 27.08, 0.12, 80),
        (0.20, 9.83, 0, 28),
        (0.60, 2.33, 0, 6),
    ],
)
def test_expected_calls_and_power_of_the_default_are_as_published(
    rate: float, calls: float, fixed: float, quantile: int
) -> None:
    found = operating(boundaries(make_test(), cap=6000), rate=rate)

    assert found.calls == pytest.approx(calls, abs=0.005)
    assert 100 * found.accepted == pytest.approx(fixed, abs=0.006)
    assert found.quantile(0.95) == quantile
    assert found.open < 1e-5


def test_the_one_default_is_near_every_bound_on_the_expected_calls() -> None:
    # Garivier and Kaufmann: kl(0.95, 0.05)/KL(rate, tolerance); at residual 0 the calls that a miss each time needs.
    test = sequential_test(Criterion(), streams=1)
    plan = boundaries(test, cap=2000)
    assert (test.tolerance, test.design, test.alpha, test.beta) == (0.05, 0.01, 0.05, 0.05)

    certain = math.log(1 / 0.05) / -math.log(1 - 0.05)
    assert certain == pytest.approx(58.4, abs=0.01)
    assert operating(plan, rate=0.0).calls <= 1.10 * certain
    for rate, most, bound in ((0.01, 1.12, 107.1), (0.005, 1.16, 76.7)):
        least = _divergence(0.95, 0.05) / _divergence(rate, 0.05)
        assert least == pytest.approx(bound, abs=0.1)
        assert operating(plan, rate=rate).calls <= most * least


@pytest.mark.parametrize("rate", [0.05, 0.051, 0.055, 0.06, 0.07, 0.08, 0.1, 0.15, 0.2, 0.4, 0.6, 0.9])
def test_the_default_calls_no_residual_at_or_above_the_tolerance_fixed_in_more_than_five_percent(rate: float) -> None:
    # The worst case over stopping rules is never to stop but at FIXED. What may still come after the last call walked
    # is at most the evidence that is then expected times alpha, because the evidence is a supermartingale.
    test, cap = make_test(), 1500
    accept = boundaries(test, cap=cap).accept
    alive, wrong = {0: 1.0}, 0.0
    for n in range(1, cap + 1):
        following: dict[int, float] = {}
        for hits, chance in alive.items():
            following[hits] = following.get(hits, 0.0) + chance * (1 - rate)
            following[hits + 1] = following.get(hits + 1, 0.0) + chance * rate
        wrong += sum(chance for hits, chance in following.items() if hits <= accept[n])
        alive = {hits: chance for hits, chance in following.items() if hits > accept[n] and chance > 1e-12}

    evidence = sum(chance * math.exp(test.below.log_e(0.05, n=cap, hits=hits)) for hits, chance in alive.items())
    assert wrong + evidence * test.alpha <= 0.05
    assert wrong > 0.047 if rate == 0.05 else wrong < 0.05


@given(
    rate=st.floats(min_value=0.0, max_value=1.0),
    tolerance=st.floats(min_value=0.01, max_value=0.5),
    n=st.integers(0, 400),
    share=st.floats(min_value=0.0, max_value=1.0),
    method=st.sampled_from(METHODS),
)
@settings(derandomize=True)
def test_the_evidence_is_expected_to_shrink_under_every_rate_of_the_null(
    rate: float, tolerance: float, n: int, share: float, method: str
) -> None:
    # The one step on which Ville's inequality rests, for "rate >= tolerance" and for "rate <= design".
    test, hits = make_test(method, tolerance=tolerance), round(share * n)
    above = tolerance + rate * (1 - tolerance)
    under = rate * test.design

    def next_to_now(log_e: Callable[[int, int], float], true: float) -> float:
        now = log_e(n, hits)
        if now == -math.inf:
            return 0.0
        return true * math.exp(log_e(n + 1, hits + 1) - now) + (1 - true) * math.exp(log_e(n + 1, hits) - now)

    assert next_to_now(lambda n, k: test.below.log_e(test.boundary, n=n, hits=k), above) <= 1 + 1e-9
    assert next_to_now(lambda n, k: test.above.log_e(test.design, n=n, hits=k), under) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("tolerance", "at_zero", "at_tenth", "at_design"),
    [
        (0.01, 1.10, 1.14, 1.13),
        (0.02, 1.10, 1.14, 1.13),
        (0.05, 1.10, 1.13, 1.12),
        (0.10, 1.13, 1.17, 1.16),
        (0.20, 1.12, 1.17, 1.15),
    ],
)
def test_the_default_stays_near_the_bounds_at_every_offered_tolerance(
    tolerance: float, at_zero: float, at_tenth: float, at_design: float
) -> None:
    plan = boundaries(make_test(tolerance=tolerance), cap=round(80 / tolerance))

    assert operating(plan, rate=0.0).calls <= at_zero * math.log(20) / -math.log1p(-tolerance)
    for rate, most in ((tolerance / 10, at_tenth), (tolerance / 5, at_design)):
        assert operating(plan, rate=rate).calls <= most * _divergence(0.95, 0.05) / _divergence(rate, tolerance)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_residual_at_the_tolerance_is_called_fixed_in_at_most_alpha_of_campaigns(
    method: str, tolerance: float
) -> None:
    plan = boundaries(make_test(method, tolerance=tolerance), cap=round(60 / tolerance))

    worst = operating(without_refusal(plan), rate=tolerance)
    usual = operating(plan, rate=tolerance)

    assert 0.03 < usual.accepted <= worst.accepted <= 0.05
    assert operating(plan, rate=tolerance / 5).refused <= 0.05


@given(
    tolerance=st.floats(min_value=0.02, max_value=0.5),
    excess=st.floats(min_value=0.0, max_value=1.0),
    method=st.sampled_from(METHODS),
    alpha=st.sampled_from((0.01, 0.05, 0.2)),
)
@settings(derandomize=True, max_examples=20)
def test_no_residual_above_the_tolerance_is_called_fixed_more_often_than_alpha(
    tolerance: float, excess: float, method: str, alpha: float
) -> None:
    criterion = Criterion(tolerance=tolerance, design=tolerance / 5, method=method, alpha=alpha)
    plan = without_refusal(boundaries(sequential_test(criterion, streams=1), cap=300))

    assert operating(plan, rate=tolerance + excess * (1 - tolerance)).accepted <= alpha


@given(
    design=st.floats(min_value=0.002, max_value=0.3),
    share=st.floats(min_value=0.0, max_value=1.0),
    method=st.sampled_from(METHODS),
    streams=st.integers(1, 5),
)
@settings(derandomize=True, max_examples=20)
def test_no_residual_under_the_design_is_refuted_more_often_than_its_share_of_beta(
    design: float, share: float, method: str, streams: int
) -> None:
    criterion = Criterion(tolerance=min(5 * design, 0.9), design=design, method=method)
    test = sequential_test(criterion, streams=streams)

    assert operating(boundaries(test, cap=300), rate=share * design).refused <= 0.05 / streams


@given(rate=st.floats(min_value=0.01, max_value=0.6), method=st.sampled_from(METHODS))
@settings(derandomize=True, max_examples=15)
def test_the_confidence_sequence_covers_the_rate_at_all_times_at_once(rate: float, method: str) -> None:
    # The upper bound falls under the rate exactly where "rate >= its true value" is rejected, and the lower likewise.
    shape = make_test(method)
    plan = boundaries(replace(shape, tolerance=rate, design=rate), cap=250)

    assert operating(without_refusal(plan), rate=rate).accepted <= 0.05
    assert operating(replace(plan, accept=(-1,) * len(plan.accept)), rate=rate).refused <= 0.05


@given(outcomes=st.lists(st.sampled_from(list(TrialOutcome)), max_size=200), method=st.sampled_from(METHODS))
@settings(derandomize=True)
def test_the_decision_says_what_the_confidence_bounds_say(outcomes: list[TrialOutcome], method: str) -> None:
    test = after(make_test(method, tolerance=0.1), *outcomes)

    assert (test.standing is Standing.FIXED) == (test.upper <= test.tolerance)
    if test.standing is not Standing.FIXED:
        assert (test.standing is Standing.NOT_FIXED) == (test.lower >= test.design)
    assert test.n + test.late == len(outcomes)


@pytest.mark.parametrize("unknown", [ABSTAIN, ERROR])
def test_what_could_not_be_judged_counts_as_a_hit_against_the_fix_and_as_a_miss_against_its_refutation(
    unknown: TrialOutcome,
) -> None:
    start = after(make_test(), *[MISS] * 20)

    both = start.after(unknown)

    assert both.log_e_fixed == start.after(HIT).log_e_fixed
    assert both.log_e_not_fixed == start.after(MISS).log_e_not_fixed
    assert (both.hits, both.unknown, both.n) == (0, 1, 21)


def test_only_errors_decide_nothing() -> None:
    assert after(make_test(), *[ERROR] * 500).standing is Standing.OPEN


def test_the_first_decision_stands_and_later_outcomes_are_counted_apart() -> None:
    fixed = after(make_test(), *[MISS] * 64)

    later = after(fixed, HIT, MISS, HIT)

    assert later == replace(fixed, late=3, late_hits=2)


def test_the_calls_needed_are_those_that_a_run_of_misses_takes() -> None:
    test = after(make_test(), MISS, MISS, ABSTAIN, MISS)

    assert after(test, *[MISS] * test.calls_needed).standing is Standing.FIXED
    assert after(test, *[MISS] * (test.calls_needed - 1)).standing is Standing.OPEN


def test_a_method_that_is_not_offered_is_refused() -> None:
    with pytest.raises(UnknownValueError) as caught:
        sequential_test(Criterion(method="gut-feeling/1"), streams=1)

    assert caught.value.facts["method"] == "gut-feeling/1"


def _divergence(rate: float, other: float) -> float:
    terms = ((rate, other), (1 - rate, 1 - other))
    return sum(p * math.log(p / q) for p, q in terms if p > 0)
