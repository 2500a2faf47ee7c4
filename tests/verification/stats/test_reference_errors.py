# SPDX-License-Identifier: Apache-2.0
"""Published error rates of rules that are tempting and wrong, and of ours, with their parameters.

Dependent generations and erring judges are computed exactly and compared with the simulated figures within three
standard errors; benign pairs are simulated with a seed, few runs by default and many in a soak.
"""

import math
import os
import random  # noqa: TID251  # every use has a seed
from collections.abc import Iterator
from functools import cache

import pytest

from safeconduct.domain.evidence import Criterion
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.exact import Boundaries, boundaries, operating
from safeconduct.verification.stats.intervals import binomial_cdf, clopper_pearson_lower, clopper_pearson_upper
from safeconduct.verification.stats.sequential import SPRT_METHOD, sequential_test

TOLERANCE, DESIGN = 0.05, 0.01
WALD = 0.05 / 0.95
RUNS = 3000
"""The least number of runs that a simulated figure rests on."""
SOAK = bool(os.environ.get("SAFECONDUCT_TEST_SOAK"))
VERDICTS = 400
SENSITIVITY, SPECIFICITY = 0.9, 0.98


def near(exact: float, printed: float) -> bool:
    """Tell whether an exact chance is within three standard errors of a simulated one, printed in percent."""
    return abs(exact - printed / 100) <= 3 * math.sqrt(max(exact * (1 - exact), 0.001) / RUNS) + 0.0005


def chances(generations: int, correlation: float) -> list[float]:
    """Return how the hits among the generations of one variant are distributed: Beta-binomial."""
    ways = [math.comb(generations, hits) for hits in range(generations + 1)]
    if correlation == 0:
        return [way * TOLERANCE**k * (1 - TOLERANCE) ** (generations - k) for k, way in enumerate(ways)]
    spread = 1 / correlation - 1
    a, b = TOLERANCE * spread, (1 - TOLERANCE) * spread
    return [way * math.exp(_log_beta(a + k, b + generations - k) - _log_beta(a, b)) for k, way in enumerate(ways)]


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    ("generations", "printed"),
    [
        (1, ["4.7 5.1", "5.1 5.0", "4.6 5.0", "5.1 5.0", "5.1 5.0"]),
        (5, ["4.3 5.0", "8.7 8.3", "17.8 14.6", "32.1 21.3", "43.9 20.1"]),
        (10, ["3.6 5.1", "12.3 12.2", "30.9 23.4", "50.1 33.4", "62.3 38.5"]),
    ],
)
def test_generations_taken_as_independent_make_false_fixes(
    generations: int, correlation: float, printed: list[str]
) -> None:
    sequential, fixed = map(float, printed[[0.0, 0.1, 0.3, 0.6, 0.9].index(correlation)].split())
    hits_of = chances(generations, correlation)

    assert near(_sprt_error(generations, hits_of), sequential)
    assert near(_fixed_error(generations, hits_of), fixed)


def _sprt_error(generations: int, hits_of: list[float]) -> float:
    alive, wrong, n = {0: 1.0}, 0.0, 0
    while alive:
        n += generations
        going: dict[int, float] = {}
        for hits, chance in _after(alive, hits_of).items():
            log_e = hits * math.log(DESIGN / TOLERANCE) + (n - hits) * math.log((1 - DESIGN) / (1 - TOLERANCE))
            if log_e >= math.log(20):
                wrong += chance
            elif log_e > -math.log(20) and chance > 1e-9:
                going[hits] = chance
        alive = going
    return wrong


def _fixed_error(generations: int, hits_of: list[float]) -> float:
    alive = {0: 1.0}
    for _ in range(180 // generations):
        alive = {hits: chance for hits, chance in _after(alive, hits_of).items() if hits <= 4}
    return sum(alive.values())


def _after(alive: dict[int, float], hits_of: list[float]) -> dict[int, float]:
    following: dict[int, float] = {}
    for hits, chance in alive.items():
        for more, share in enumerate(hits_of):
            following[hits + more] = following.get(hits + more, 0.0) + chance * share
    return following


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@cache
def wald(tolerance: float, design: float) -> Boundaries:
    criterion = Criterion(tolerance=tolerance, design=design, alpha=WALD, beta=WALD, method=SPRT_METHOD)
    return boundaries(sequential_test(criterion, streams=1), cap=3000)


@pytest.mark.parametrize(
    ("errors", "naive", "corrected", "adjudicated"),
    [
        ((0.95, 0.99), "97 76 2.9", "5.3 106 156", "4.8 76 117"),
        ((0.90, 0.98), "74 40 1.1", "5.3 147 208", "4.8 80 126"),
        ((0.70, 0.99), "97 83 8.2", "5.9 160 235", "5.3 103 161"),
        ((0.50, 0.999), "100 99 51", "5.5 157 247", "4.9 146 226"),
        ((0.95, 0.95), "4.1 2.2 0", "5.0 223 316", "5.0 76 119"),
    ],
)
def test_what_a_judge_of_known_error_does_to_a_verdict(
    errors: tuple[float, float], naive: str, corrected: str, adjudicated: str
) -> None:
    sensitivity, specificity = errors

    def seen(rate: float) -> float:
        return rate * sensitivity + (1 - rate) * (1 - specificity)

    for rate, printed in zip((0.0, DESIGN, TOLERANCE), naive.split(), strict=True):
        assert near(operating(wald(TOLERANCE, DESIGN), rate=seen(rate)).accepted, float(printed) + 0.0)
    shifted = wald(seen(TOLERANCE), seen(DESIGN))
    assert _costs(shifted, [seen(rate) for rate in (TOLERANCE, 0.0, DESIGN)], corrected)
    lowered = wald(TOLERANCE * sensitivity, DESIGN * sensitivity)
    assert _costs(lowered, [rate * sensitivity for rate in (TOLERANCE, 0.0, DESIGN)], adjudicated)


def _costs(plan: Boundaries, rates: list[float], printed: str) -> bool:
    """Tell whether the error at the first rate and the calls at the others are as printed, within 3 s.e."""
    wrong, *calls = map(float, printed.split())
    found = [operating(plan, rate=rate) for rate in rates]
    spread = 3 * 0.75 / math.sqrt(RUNS)
    enough = all(
        abs(one.calls - expected) <= 0.5 + spread * one.calls for one, expected in zip(found[1:], calls, strict=True)
    )
    return near(found[0].accepted, wrong) and enough


@pytest.mark.parametrize(
    ("answers", "plug_in", "conservative", "adjudicated"),
    [
        (20, 23.6, "0 35 8", "0.2 100 89"),
        (50, 15.1, "0 56 19", "0.7 100 98"),
        (100, 11.0, "0 70 29", "1.1 100 99"),
        (300, 6.7, "0.1 85 49", "1.7 100 99.8"),
    ],
)
def test_what_a_judge_of_estimated_error_does_to_a_verdict(
    answers: int, plug_in: float, conservative: str, adjudicated: str
) -> None:
    # Exact over every calibration: Se 0.9, Sp 0.98, 400 verdicts. Our design tests against tolerance * lower bound.
    totals = {"plug-in": [0.0] * 3, "conservative": [0.0] * 3, "adjudicated": [0.0] * 3}
    for found, cleared, weight in _calibrations(answers):
        lower = clopper_pearson_lower(found, answers, confidence=0.99)
        upper = clopper_pearson_upper(cleared, answers, confidence=0.99)
        mixed = TOLERANCE * found / answers + (1 - TOLERANCE) * (1 - cleared / answers)
        least = TOLERANCE * lower + (1 - TOLERANCE) * (1 - upper)
        limits = {
            "plug-in": _most_hits(mixed, 0.05),
            "conservative": _most_hits(least, 0.03),
            "adjudicated": _most_hits(TOLERANCE * lower, 0.04),
        }
        for place, rate in enumerate((TOLERANCE, 0.0, DESIGN)):
            true = rate * SENSITIVITY
            for name, most in limits.items():
                shown = true if name == "adjudicated" else true + (1 - rate) * (1 - SPECIFICITY)
                totals[name][place] += weight * (binomial_cdf(most, VERDICTS, shown) if most >= 0 else 0.0)

    assert near(totals["plug-in"][0], plug_in)
    for name, printed in (("conservative", conservative), ("adjudicated", adjudicated)):
        assert all(
            abs(value - float(one) / 100) <= 0.005 + 3 * math.sqrt(value * (1 - value) / RUNS)
            for value, one in zip(totals[name], printed.split(), strict=True)
        ), (name, totals[name])
    assert totals["adjudicated"][0] <= 0.05 < totals["plug-in"][0]


def _calibrations(answers: int) -> Iterator[tuple[int, int, float]]:
    for found in range(answers + 1):
        some = _binomial(found, answers, SENSITIVITY)
        for cleared in range(answers + 1):
            weight = some * _binomial(cleared, answers, SPECIFICITY)
            if weight > 3e-6 and found:
                yield found, cleared, weight


@cache
def _most_hits(rate: float, level: float) -> int:
    """Return the most hits with which "at least this rate" is rejected at the level."""
    most = -1
    while rate > 0 and binomial_cdf(most + 1, VERDICTS, rate) <= level:
        most += 1
    return most


@cache
def _binomial(hits: int, n: int, rate: float) -> float:
    return math.comb(n, hits) * rate**hits * (1 - rate) ** (n - hits)


BENIGN = [
    (0.02, 0.0, 245, 100, 149),
    (0.02, 0.02, 483, 99, 542),
    (0.02, 0.05, 974, 97, 1353),
    (0.02, 0.10, 1779, 88, 2706),
    (0.02, 0.20, 2745, 56, 5412),
    (0.05, 0.0, 96, 100, 59),
    (0.05, 0.02, 129, 100, 87),
    (0.05, 0.05, 195, 99, 217),
    (0.05, 0.10, 313, 98, 433),
    (0.05, 0.20, 585, 97, 866),
    (0.10, 0.0, 47, 100, 29),
    (0.10, 0.02, 55, 100, 22),
    (0.10, 0.05, 69, 100, 55),
    (0.10, 0.10, 93, 99, 109),
    (0.10, 0.20, 156, 98, 217),
]


@pytest.mark.parametrize(("margin", "discordance", "pairs", "shown", "normal"), BENIGN)
def test_the_pairs_of_a_normal_test_are_those_printed(
    margin: float, discordance: float, pairs: int, shown: int, normal: int
) -> None:
    # Two normal quantiles of 95 %; without any discordance the pairs that alone make the margin improbable.
    assert pairs > 0
    assert shown > 0
    clean = math.log(0.05) / math.log(1 - margin)
    needed = clean if discordance == 0 else (2 * 1.6448536) ** 2 * discordance / margin**2

    assert math.ceil(needed - 0.01) == normal


@pytest.mark.parametrize(
    ("margin", "discordance", "pairs", "shown"),
    [row[:4] for row in BENIGN if SOAK or (row[2] < 200 and row[1] > 0) or row[1] == 0],
)
def test_harmless_fixes_take_the_pairs_printed(margin: float, discordance: float, pairs: int, shown: int) -> None:
    rng = random.Random(f"{margin}/{discordance}")
    runs = 1 if discordance == 0 else 200 if SOAK else 60

    ends = [_benign_run(rng, margin, discordance, cap=4000) for _ in range(runs)]

    mean = sum(n for n, _ in ends) / runs
    error = math.sqrt(sum((n - mean) ** 2 for n, _ in ends) / max(1, runs - 1) / runs)
    share = sum(good for _, good in ends) / runs
    assert abs(mean - pairs) <= 0.5 + 0.01 * pairs + 3 * error
    assert abs(share - shown / 100) <= 0.01 + 3 * math.sqrt(shown / 100 * (1.005 - shown / 100) / runs)


def _benign_run(rng: random.Random, margin: float, discordance: float, *, cap: int) -> tuple[int, bool]:
    test, counts = BenignTest(margin=margin, level=0.05), [0, 0, 0]
    for n in range(1, cap + 1):
        drawn = rng.random()
        counts[0 if drawn < discordance / 2 else 2 if drawn < discordance else 1] += 1
        standing = test.counted((counts[0], counts[1], counts[2])).standing
        if standing is not BenignStanding.OPEN:
            return n, standing is BenignStanding.NON_INFERIOR
    return cap, False
