# SPDX-License-Identifier: Apache-2.0
"""The published golden numbers: the library gives them, and so does plain arithmetic without it."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safeconduct.domain.evidence import Criterion, TrialOutcome
from safeconduct.verification.stats.detector import Detector
from safeconduct.verification.stats.exact import boundaries
from safeconduct.verification.stats.sequential import METHODS, SequentialTest, sequential_test

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "verification" / "statistics.json").read_text(encoding="utf-8")
)
CASES = pytest.mark.parametrize(
    "case", VECTORS["methods"], ids=lambda case: f"{case['method']}, {case['tolerance']}, {case['streams']}"
)


def test_every_offered_method_has_vectors() -> None:
    assert {case["method"] for case in VECTORS["methods"]} == set(METHODS)


@CASES
def test_the_library_gives_the_numbers(case: dict[str, Any]) -> None:
    test = made(case)
    plan = boundaries(test, cap=400)

    assert [next(n for n, most in enumerate(plan.accept) if most >= hits) for hits in range(4)] == case["fixed_at"]
    within = [max((n for n in range(1, 401) if plan.refuse[n] <= hits), default=0) for hits in range(1, 6)]
    assert within == case["refuted_within"]
    for point in case["points"]:
        here = replace(test, hits=point["hits"], misses=point["n"] - point["hits"])
        for name in ("log_e_fixed", "log_e_not_fixed", "lower", "upper"):
            assert getattr(here, name) == pytest.approx(point[name], abs=1e-8)


@CASES
def test_plain_arithmetic_gives_the_numbers(case: dict[str, Any]) -> None:
    for point in case["points"]:
        n, hits = point["n"], point["hits"]
        below = [ratio * case["tolerance"] for ratio in case["below"]["ratios"]]
        odds = [ratio * case["design"] / (1 - case["design"]) for ratio in case["above"]["odds_ratios"]]
        above = [one / (1 + one) for one in odds]

        assert mixed(below, case["below"]["weights"], case["tolerance"], n, hits) == pytest.approx(
            math.exp(point["log_e_fixed"]), rel=1e-7
        )
        assert mixed(above, case["above"]["weights"], case["design"], n, hits) == pytest.approx(
            math.exp(point["log_e_not_fixed"]), rel=1e-7
        )


def test_the_watch_gives_its_numbers() -> None:
    told = VECTORS["detector"]
    watch = Detector.begin(told["families"], design=told["design"], run_length=told["run_length"])

    for step in told["steps"]:
        watch = watch.after(step["family"], TrialOutcome(step["outcome"]))
        assert watch.statistic == pytest.approx(step["statistic"], rel=1e-8)
        assert watch.standing.value == step["standing"]


def made(case: dict[str, Any]) -> SequentialTest:
    names = ("method", "tolerance", "design", "alpha", "beta")
    return sequential_test(Criterion(**{name: case[name] for name in names}), streams=case["streams"])


def mixed(rates: list[float], weights: list[float], boundary: float, n: int, hits: int) -> float:
    return sum(
        weight * (rate / boundary) ** hits * ((1 - rate) / (1 - boundary)) ** (n - hits)
        for rate, weight in zip(rates, weights, strict=True)
    )
