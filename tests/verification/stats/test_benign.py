# SPDX-License-Identifier: Apache-2.0
"""Benign non-inferiority: golden costs, exact error rates on the boundary, unknown answers at their worst."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.exact import benign_operating

HIT, MISS, ABSTAIN = TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ABSTAIN
TEST = BenignTest(margin=0.1, level=0.05)
MARGINS = st.sampled_from((0.02, 0.05, 0.1, 0.3))


def after(test: BenignTest, *pairs: tuple[TrialOutcome, TrialOutcome]) -> BenignTest:
    for before, later in pairs:
        test = test.after(before=before, after=later)
    return test


@pytest.mark.parametrize(("margin", "pairs"), [(0.02, 245), (0.05, 96), (0.1, 47)])
def test_equal_pairs_show_non_inferiority_at_the_golden_number(margin: float, pairs: int) -> None:
    test = BenignTest(margin=margin, level=0.05)

    assert test.pairs_needed == pairs
    assert test.counted((0, pairs - 1, 0)).standing is BenignStanding.OPEN
    assert test.counted((0, pairs, 0)).standing is BenignStanding.NON_INFERIOR
    assert test.counted((0, pairs, 0)).pairs_needed == 0


@pytest.mark.parametrize(
    ("margin", "discordance", "pairs", "shown", "cap"),
    [(0.1, 0.0, 47, 1.0, 60), (0.1, 0.02, 55, 1.0, 130)],
)
def test_expected_pairs_of_a_harmless_fix_are_those_of_the_reference(
    margin: float, discordance: float, pairs: float, shown: float, cap: int
) -> None:
    test = BenignTest(margin=margin, level=0.05)

    found = benign_operating(test, lost=discordance / 2, won=discordance / 2, cap=cap)

    assert found.calls == pytest.approx(pairs, abs=1)
    assert found.accepted == pytest.approx(shown, abs=0.03)


def test_answers_that_are_all_lost_are_a_refusal_within_eight_pairs() -> None:
    refused = after(TEST, *[(HIT, MISS)] * 8)

    assert refused.standing is BenignStanding.INFERIOR
    assert refused.pairs_needed == 0


def test_lost_and_won_pairs_are_counted_apart() -> None:
    test = after(TEST, (HIT, MISS), (MISS, HIT), (HIT, HIT), (MISS, MISS), (HIT, HIT))

    assert test.worst == test.best == (1, 3, 1)
    assert test.pairs == 5


@pytest.mark.parametrize(
    ("before", "later", "worst", "best"),
    [
        (HIT, ABSTAIN, (1, 0, 0), (0, 1, 0)),
        (MISS, ABSTAIN, (0, 1, 0), (0, 0, 1)),
        (ABSTAIN, HIT, (0, 1, 0), (0, 0, 1)),
        (ABSTAIN, MISS, (1, 0, 0), (0, 1, 0)),
        (ABSTAIN, ABSTAIN, (1, 0, 0), (0, 0, 1)),
    ],
)
def test_an_unknown_answer_is_taken_as_the_worst_for_either_claim(
    before: TrialOutcome, later: TrialOutcome, worst: tuple[int, int, int], best: tuple[int, int, int]
) -> None:
    test = TEST.after(before=before, after=later)

    assert (test.worst, test.best, test.unknown) == (worst, best, 1)


def test_unknown_answers_alone_decide_nothing() -> None:
    assert after(TEST, *[(ABSTAIN, ABSTAIN)] * 300).standing is BenignStanding.OPEN


def test_late_pairs_change_nothing() -> None:
    shown = TEST.counted((0, 47, 0))

    assert shown.after(before=HIT, after=MISS) == replace(shown, late=1)


@given(counts=st.tuples(st.integers(0, 40), st.integers(0, 200), st.integers(0, 40)), margin=MARGINS)
@settings(derandomize=True)
def test_the_decision_says_what_the_bound_of_the_loss_says(counts: tuple[int, int, int], margin: float) -> None:
    test = BenignTest(margin=margin, level=0.05).counted(counts)

    assert (test.standing is BenignStanding.NON_INFERIOR) == (test.loss_upper <= margin)
    assert 0 < test.loss_upper <= 1


@given(margin=MARGINS, won=st.floats(min_value=0.0, max_value=0.1), worse=st.floats(min_value=0.0, max_value=0.5))
@settings(derandomize=True, max_examples=8)
def test_a_loss_of_the_margin_or_more_is_called_non_inferior_at_most_at_the_level(
    margin: float, won: float, worse: float
) -> None:
    lost = min(won + margin + worse, 1 - won)

    assert benign_operating(BenignTest(margin=margin, level=0.05), lost=lost, won=won, cap=40).accepted <= 0.05


@given(margin=MARGINS, won=st.floats(min_value=0.0, max_value=0.1), share=st.floats(min_value=0.0, max_value=1.0))
@settings(derandomize=True, max_examples=8)
def test_a_loss_within_the_margin_is_called_inferior_at_most_at_the_level(
    margin: float, won: float, share: float
) -> None:
    lost = won + share * margin

    assert benign_operating(BenignTest(margin=margin, level=0.05), lost=lost, won=won, cap=40).refused <= 0.05
