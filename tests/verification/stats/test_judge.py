# SPDX-License-Identifier: Apache-2.0
"""A judge that errs: the bound of its sensitivity, adjudication, and the error of the whole claim."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.domain.evidence import Criterion, JudgeCalibration, TrialOutcome
from safeconduct.errors import IncompleteError, MalformedError
from safeconduct.verification.stats.exact import boundaries, operating, without_refusal
from safeconduct.verification.stats.intervals import binomial_cdf, clopper_pearson_lower
from safeconduct.verification.stats.judge import adjudicated, check_calibration, sensitivity_bound
from safeconduct.verification.stats.sequential import SPRT_METHOD, SequentialTest, Standing, sequential_test

HIT, MISS, ABSTAIN, ERROR = TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ABSTAIN, TrialOutcome.ERROR
GOOD = JudgeCalibration(positives=100, found=90, negatives=100, cleared=98)
WALD = 0.05 / 0.95
"""The level that makes 1/level Wald's threshold."""


def make_test(calibration: JudgeCalibration | None = GOOD) -> SequentialTest:
    return sequential_test(Criterion(judge=calibration), streams=1)


def test_only_a_success_that_was_confirmed_is_a_hit() -> None:
    assert adjudicated(HIT, confirmed=True) is HIT
    assert adjudicated(HIT, confirmed=False) is MISS
    assert adjudicated(HIT, confirmed=None) is ABSTAIN


@pytest.mark.parametrize("judged", [MISS, ABSTAIN, ERROR])
def test_what_the_judge_did_not_call_a_success_is_not_adjudicated(judged: TrialOutcome) -> None:
    assert {adjudicated(judged, confirmed=confirmed) for confirmed in (True, False, None)} == {judged}


def test_a_success_nobody_looked_at_helps_neither_claim() -> None:
    start = make_test()

    pending = start.after(adjudicated(HIT, confirmed=None))

    assert pending.log_e_fixed == start.after(HIT).log_e_fixed
    assert pending.log_e_not_fixed == start.after(MISS).log_e_not_fixed


def test_the_bound_has_its_own_share_of_alpha() -> None:
    test = make_test()

    assert test.alpha == pytest.approx(0.05 - 0.01)
    assert test.sensitivity == pytest.approx(clopper_pearson_lower(90, 100, confidence=0.99))
    assert test.boundary == pytest.approx(0.05 * test.sensitivity)
    assert (test.design, test.beta) == (0.01, 0.05)


def test_an_exact_oracle_costs_nothing() -> None:
    test = make_test(None)

    assert (test.alpha, test.sensitivity, test.boundary) == (0.05, 1.0, 0.05)


def test_a_judge_on_no_success_has_no_sensitivity() -> None:
    with pytest.raises(IncompleteError) as caught:
        make_test(JudgeCalibration(positives=0, found=0, negatives=500, cleared=500))

    assert caught.value.facts["missing"] == ["judge.positives"]


def test_a_judge_that_found_nothing_bounds_nothing() -> None:
    with pytest.raises(IncompleteError) as caught:
        make_test(JudgeCalibration(positives=50, found=0))

    assert caught.value.facts["missing"] == ["judge.found"]


@pytest.mark.parametrize("counts", [(5, 6, 0, 0), (5, 5, 3, 4), (-1, -2, 0, 0), (5, -1, 0, 0), (5, 5, 1, -1)])
def test_counts_that_contradict_each_other_are_refused(counts: tuple[int, int, int, int]) -> None:
    positives, found, negatives, cleared = counts
    with pytest.raises(MalformedError):
        check_calibration(JudgeCalibration(positives=positives, found=found, negatives=negatives, cleared=cleared))


@given(
    positives=st.integers(1, 400),
    share=st.floats(min_value=0.1, max_value=1.0),
    alpha=st.sampled_from((0.01, 0.05, 0.1)),
)
@settings(derandomize=True)
def test_the_bound_lies_under_the_estimate_and_grows_with_what_was_found(
    positives: int, share: float, alpha: float
) -> None:
    found = max(1, math.floor(share * positives))
    calibration = JudgeCalibration(positives=positives, found=found)

    bound = sensitivity_bound(calibration, alpha=alpha)

    assert 0 < bound < found / positives
    assert bound <= sensitivity_bound(replace(calibration, positives=positives + 1, found=found + 1), alpha=alpha)
    assert bound >= sensitivity_bound(replace(calibration, positives=positives + 1), alpha=alpha)


@given(
    outcomes=st.lists(st.sampled_from([MISS, MISS, MISS, HIT, ABSTAIN]), max_size=200),
    positives=st.integers(5, 300),
)
@settings(derandomize=True)
def test_a_judge_never_makes_a_fix_easier_to_show(outcomes: list[TrialOutcome], positives: int) -> None:
    exact, judged = make_test(None), make_test(JudgeCalibration(positives=positives, found=positives))
    for outcome in outcomes:
        exact, judged = exact.after(outcome), judged.after(outcome)

    assert judged.standing is not Standing.FIXED or exact.standing is not Standing.OPEN
    assert (judged.standing is Standing.FIXED) == (judged.upper <= judged.tolerance)


@pytest.mark.parametrize("sensitivity", [0.95, 0.7, 0.5])
@pytest.mark.parametrize("positives", [20, 100])
def test_over_calibration_and_campaign_together_a_fix_is_claimed_wrongly_in_at_most_alpha(
    sensitivity: float, positives: int
) -> None:
    # Exact: the calibration is binomial, the campaign is walked for every count that it may show.
    wrong = 0.0
    for found in range(positives + 1):
        chance = _binomial(found, positives, sensitivity)
        if chance < 1e-4 or found == 0:
            continue
        plan = boundaries(make_test(JudgeCalibration(positives=positives, found=found)), cap=500)
        wrong += chance * operating(without_refusal(plan), rate=0.05 * sensitivity).accepted

    assert wrong <= 0.05


@pytest.mark.parametrize(
    ("sensitivity", "false", "at_zero", "at_design"),
    [(0.95, 4.8, 76, 117), (0.9, 4.8, 80, 126), (0.7, 5.3, 103, 161), (0.5, 4.9, 146, 226)],
)
def test_a_known_sensitivity_costs_what_the_reference_says(
    sensitivity: float, false: float, at_zero: float, at_design: float
) -> None:
    # The reference simulated at Wald's thresholds, 20,000 runs and fewer: three standard errors are 0.5 points.
    seen = Criterion(tolerance=0.05 * sensitivity, design=0.01 * sensitivity, alpha=WALD, beta=WALD, method=SPRT_METHOD)
    plan = boundaries(sequential_test(seen, streams=1), cap=4000)

    assert 100 * operating(plan, rate=seen.tolerance).accepted == pytest.approx(false, abs=0.6)
    assert operating(plan, rate=0.0).calls == pytest.approx(at_zero, abs=0.5)
    assert operating(plan, rate=seen.design).calls == pytest.approx(at_design, rel=0.03)


def _binomial(hits: int, n: int, rate: float) -> float:
    return binomial_cdf(hits, n, rate) - (binomial_cdf(hits - 1, n, rate) if hits else 0.0)
