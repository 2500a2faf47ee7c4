# SPDX-License-Identifier: Apache-2.0
"""Assay sensitivity: reproduces where it should, errs within its level, gives up as soon as it must."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.verification.stats.assay import AssayStanding, AssayTest
from safeconduct.verification.stats.exact import assay_operating

HIT, MISS, ERROR = TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ERROR
TEST = AssayTest(required=0.2, level=0.05, cap=60)


def after(test: AssayTest, *outcomes: TrialOutcome) -> AssayTest:
    for outcome in outcomes:
        test = test.after(outcome)
    return test


def test_three_hits_reproduce_a_fifth() -> None:
    assert TEST.calls_needed == 3
    almost = after(TEST, HIT, HIT)
    assert almost.standing is AssayStanding.OPEN
    assert almost.lower < 0.2

    shown = almost.after(HIT)

    assert shown.standing is AssayStanding.REPRODUCED
    assert shown.lower >= 0.2
    assert shown.calls_needed == 0


def test_a_family_that_never_hits_is_given_up_before_its_cap() -> None:
    given_up = after(TEST, *[MISS] * 60)

    assert given_up.standing is AssayStanding.NOT_REPRODUCED
    assert (given_up.n, given_up.late) == (39, 21)


def test_giving_up_comes_only_when_hits_to_the_cap_would_not_suffice() -> None:
    almost = after(TEST, *[MISS] * 38)

    assert almost.standing is AssayStanding.OPEN
    assert after(almost, *[HIT] * 22).standing is AssayStanding.REPRODUCED


def test_a_cap_of_one_call_reproduces_nothing() -> None:
    assert after(AssayTest(required=0.2, level=0.05, cap=1), HIT).standing is AssayStanding.NOT_REPRODUCED


def test_the_cap_ends_a_family_that_is_in_between() -> None:
    test = AssayTest(required=0.2, level=0.05, cap=3)

    assert after(test, HIT, HIT, HIT).standing is AssayStanding.REPRODUCED
    assert after(test, HIT, HIT, MISS).standing is AssayStanding.NOT_REPRODUCED


def test_an_error_counts_as_a_miss() -> None:
    assert after(TEST, HIT, ERROR).lower == after(TEST, HIT, MISS).lower
    assert after(TEST, HIT, ERROR).unknown == 1


def test_late_outcomes_change_nothing() -> None:
    shown = after(TEST, HIT, HIT, HIT)

    assert after(shown, MISS, MISS).hits == 3
    assert after(shown, MISS, MISS).late == 2


@pytest.mark.parametrize(
    ("required", "rate", "calls", "reproduced"),
    [(0.2, 0.5, 16.7, 0.992), (0.2, 0.6, 9.9, 1.0), (0.2, 0.8, 4.9, 1.0), (0.1, 0.4, 12.2, 0.999)],
)
def test_the_shipped_assay_has_these_exact_costs(required: float, rate: float, calls: float, reproduced: float) -> None:
    found = assay_operating(AssayTest(required=required, level=0.05, cap=60), rate=rate)

    assert found.calls == pytest.approx(calls, abs=0.051)
    assert found.accepted == pytest.approx(reproduced, abs=0.0006)
    assert found.open == 0


@given(
    required=st.floats(min_value=0.02, max_value=0.9),
    share=st.floats(min_value=0.0, max_value=1.0),
    level=st.sampled_from((0.01, 0.05, 0.1)),
)
@settings(derandomize=True, max_examples=40)
def test_a_rate_that_is_not_above_the_required_one_reproduces_at_most_at_the_level(
    required: float, share: float, level: float
) -> None:
    found = assay_operating(AssayTest(required=required, level=level, cap=60), rate=share * required)

    assert found.accepted <= level
