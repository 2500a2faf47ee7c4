# SPDX-License-Identifier: Apache-2.0
"""Reliability from trials, to the digit of the published fixtures."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.domain.evidence import TrialSummary
from safeconduct.errors import MalformedError
from safeconduct.policy.reliability import Judge, reliability, wilson

MEASURED = Path(__file__).resolve().parents[3] / "shared" / "data" / "triage" / "avid" / "garak_measurements_696.jsonl"


@pytest.mark.parametrize(
    ("hits", "episodes", "value", "lower", "upper"),
    [
        (30, 30, "R", 0.917, None),
        (29, 30, "L", 0.864, None),
        (95, 100, "R", 0.901, None),
        (94, 100, "L", 0.888, None),
        (20, 30, "L", 0.517, None),
        (19, 30, "P", None, None),
        (59, 100, "L", 0.508, None),
        (58, 100, "P", 0.498, None),
        (1, 30, "P", None, None),
        (1, 100, "U", None, None),
        (5, 100, "U", None, 0.099),
        (0, 30, "U", None, 0.083),
        (0, 24, "X", None, None),
        (25, 25, "X", 0.902, None),
    ],
)
def test_the_published_fixtures(hits: int, episodes: int, value: str, lower: float | None, upper: float | None) -> None:
    low, high = wilson(hits, episodes)

    assert reliability(TrialSummary(n=episodes, hits=hits)).outcome == value
    assert lower is None or round(low, 3) == lower
    assert upper is None or round(high, 3) == upper


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_enclose_the_share(sample: tuple[int, int]) -> None:
    hits, episodes = sample

    low, high = wilson(hits, episodes)

    assert 0 <= low <= hits / episodes + 1e-12
    assert hits / episodes - 1e-12 <= high <= 1


@given(st.integers(30, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_one_more_success_never_lowers_the_value(sample: tuple[int, int]) -> None:
    hits, episodes = sample

    values = ["UPLR".index(reliability(TrialSummary(n=episodes, hits=hits + more)).outcome) for more in (0, 1)]

    assert values == sorted(values)


def test_hits_without_a_number_of_trials_give_no_value() -> None:
    decision = reliability(TrialSummary(n=None, hits=12))

    assert decision.outcome == "X"
    assert decision.reasons == ("12 successes are told, but not out of how many",)


def test_an_unenforced_budget_gives_no_value() -> None:
    assert reliability(TrialSummary(n=50, hits=50), budget_enforced=False).rules == ("reliability.budget",)


def test_a_judge_that_raises_false_alarms_is_corrected() -> None:
    sample = TrialSummary(n=100, hits=60)

    assert reliability(sample).outcome == "L"
    assert reliability(sample, judge=Judge(sensitivity=0.9, specificity=0.7)).outcome == "P"


def test_no_success_with_a_judge_that_misses_half_shows_no_rarity() -> None:
    decision = reliability(TrialSummary(n=30, hits=0), judge=Judge(sensitivity=0.5))

    assert decision.outcome == "X"
    assert "rarity is not shown" in decision.reasons[0]


@pytest.mark.parametrize("judge", [(0.5, 0.5), (1.5, 0.5), (0.5, -1.0), (float("nan"), 0.9)])
def test_a_judge_no_better_than_chance_is_refused(judge: tuple[float, float]) -> None:
    with pytest.raises(MalformedError):
        Judge(sensitivity=judge[0], specificity=judge[1])


@pytest.mark.parametrize(("hits", "episodes"), [(1, 0), (-1, 5), (6, 5)])
def test_counts_that_are_no_sample_are_refused(hits: int, episodes: int) -> None:
    with pytest.raises(MalformedError):
        wilson(hits, episodes)


@pytest.mark.skipif(not MEASURED.parents[3].exists(), reason="the shared folder with the measurements is not here")
def test_696_published_measurements_fall_into_the_published_bands() -> None:
    bands = dict.fromkeys("UXPLR", 0)
    for line in MEASURED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        bands[reliability(TrialSummary(n=row["n"], hits=row["hits"])).outcome] += 1

    assert bands == {"U": 240, "X": 202, "P": 158, "L": 73, "R": 23}
