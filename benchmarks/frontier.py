# SPDX-License-Identifier: Apache-2.0
"""How few calls a mixture can need without a hit and at the design rate at once: the Pareto frontier, exactly.

Every test on it is a plain mixture e-process of both sides, so false FIXED and false NOT FIXED are bounded by Ville's
inequality whatever its weights. For each number of calls that 0 hits need, a seeded search varies weights and
alternatives of both sides and keeps what lowers the expected calls at the design rate, with a small weight on the other
rates; the expected calls of every candidate are exact (dynamic programming). What was found is kept in `frontier.json`
with the seed, and computed again here. The default is the point at 64 calls, rounded, with the alternatives of NOT
FIXED spread apart: that costs 0.4 % at the design rate and saves 17 % of the calls at 2 % and 44 % at 3 %.

    python -m benchmarks.frontier            print the frontier, computed again from the weights found
    python -m benchmarks.frontier --search   search again and write frontier.json and the picture (minutes)
"""

import json
import math
import random  # noqa: TID251  # every use has a seed
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safeconduct.domain.evidence import Criterion
from safeconduct.verification.stats.exact import Operating, boundaries, operating
from safeconduct.verification.stats.mixture import Above, Below
from safeconduct.verification.stats.sequential import METHODS, MIXTURE_METHOD, SequentialTest, sequential_test

SEED, STEPS, CAP = 20261123, 500, 700
FOUND = Path(__file__).with_name("frontier.json")
PICTURE = Path(__file__).parent.parent / "docs" / "_static" / "frontier.svg"
ALPHA = BETA = TOLERANCE = 0.05
DESIGN = 0.01
RATIOS = (0.0, 0.1, 0.2, 0.4, 0.6)
WITHOUT_HIT = tuple(range(61, 70))
START = ((0.36, 0.33, 0.29, 0.01, 0.01), (4.0, 12.0, 3000.0), (0.28, 0.58, 0.14))
LEAST_WEIGHT = 0.01
"""Every alternative keeps some weight, so that the bounds of the rate stay useful between design and tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A mixture of both sides."""

    weights: tuple[float, ...]
    odds_ratios: tuple[float, ...]
    odds_weights: tuple[float, ...]

    @property
    def test(self) -> SequentialTest:
        """Return the test."""
        return SequentialTest(
            tolerance=TOLERANCE,
            design=DESIGN,
            alpha=ALPHA,
            beta=BETA,
            below=Below(ratios=RATIOS, weights=self.weights),
            above=Above(odds_ratios=self.odds_ratios, weights=self.odds_weights),
        )


def divergence(rate: float, other: float) -> float:
    """Return the Kullback-Leibler divergence of two Bernoulli rates."""
    terms = ((rate, other), (1 - rate, 1 - other))
    return sum(p * math.log(p / q) for p, q in terms if p > 0)


def information_bound(rate: float, *, tolerance: float = TOLERANCE, design: float = DESIGN) -> float:
    """Return the least expected number of calls of any test with these errors (Garivier and Kaufmann)."""
    against = tolerance if rate < tolerance else design
    return divergence(1 - ALPHA, BETA) / divergence(rate, against)


def certainty_bound(tolerance: float = TOLERANCE) -> float:
    """Return the calls without a hit that alone make the tolerance improbable: the bound at residual 0 as beta -> 0."""
    return math.log(1 / ALPHA) / -math.log1p(-tolerance)


def behavior(test: SequentialTest, rates: Sequence[float], *, cap: int = CAP) -> dict[float, Operating]:
    """Return how a test behaves at each true rate."""
    plan = boundaries(test, cap=cap)
    return {rate: operating(plan, rate=rate) for rate in rates}


def ratios(test: SequentialTest, *, cap: int = CAP) -> tuple[float, float, float]:
    """Return the expected calls over their bound at residual 0, at a tenth of the tolerance and at the design."""
    found = behavior(test, (0.0, DESIGN / 2, DESIGN), cap=cap)
    return (
        found[0.0].calls / certainty_bound(),
        found[DESIGN / 2].calls / information_bound(DESIGN / 2),
        found[DESIGN].calls / information_bound(DESIGN),
    )


def search(without_hit: int, *, seed: int, steps: int = STEPS) -> Candidate:
    """Return the best mixture found that calls a fix after so many calls without a hit."""
    rng = random.Random(f"{seed}/{without_hit}")
    best = _accepting(Candidate(weights=START[0], odds_ratios=START[1], odds_weights=START[2]), without_hit)
    least = _cost(best)
    for step in range(steps):
        candidate = _accepting(_nearby(best, rng, spread=0.5 * 0.99**step + 0.02), without_hit)
        if (cost := _cost(candidate)) < least:
            best, least = candidate, cost
    return best


def _cost(candidate: Candidate) -> float:
    found = behavior(candidate.test, (DESIGN / 2, DESIGN, 0.1, 0.2))
    others = sum(found[rate].calls / information_bound(rate) for rate in (DESIGN / 2, 0.1, 0.2))
    return found[DESIGN].calls / information_bound(DESIGN) + 0.05 * others


def _nearby(candidate: Candidate, rng: random.Random, *, spread: float) -> Candidate:
    def moved(values: Sequence[float]) -> list[float]:
        return [value * math.exp(rng.gauss(0, spread)) for value in values]

    odds = tuple(round(max(1.5, min(5000.0, value)), 2) for value in moved(candidate.odds_ratios))
    return Candidate(
        weights=_shares(moved(candidate.weights)),
        odds_ratios=odds,
        odds_weights=_shares(moved(candidate.odds_weights)),
    )


def _shares(values: Sequence[float]) -> tuple[float, ...]:
    """Return weights in thousandths that sum to 1, the first taking what rounding leaves."""
    total = sum(values)
    rest = [max(LEAST_WEIGHT, round(value / total, 3)) for value in values[1:]]
    return (round(max(LEAST_WEIGHT, 1 - sum(rest)), 3), *rest)


def _accepting(candidate: Candidate, without_hit: int) -> Candidate:
    """Return the candidate with as much weight moved to the alternative 0 as the calls without a hit ask for."""
    gains = [((1 - ratio * TOLERANCE) / (1 - TOLERANCE)) ** without_hit for ratio in RATIOS]
    tail = list(candidate.weights[1:])
    while True:
        weights = (round(1 - sum(tail), 3), *tail)
        if sum(weight * gain for weight, gain in zip(weights, gains, strict=True)) >= 1 / ALPHA:
            return replace(candidate, weights=weights)
        largest = max(range(len(tail)), key=tail.__getitem__)
        tail[largest] = round(tail[largest] - 0.001, 3)


def read_found() -> list[tuple[int, Candidate]]:
    """Return the frontier that was found."""
    return [
        (
            entry["without_hit"],
            Candidate(**{name: tuple(entry[name]) for name in ("weights", "odds_ratios", "odds_weights")}),
        )
        for entry in json.loads(FOUND.read_text())["frontier"]
    ]


def write_found(found: Mapping[int, Candidate]) -> None:
    """Write the frontier with its seed and the ratios reached."""
    entries = [
        {
            "without_hit": without_hit,
            "weights": one.weights,
            "odds_ratios": one.odds_ratios,
            "odds_weights": one.odds_weights,
            "ratios": [round(value, 4) for value in ratios(one.test)],
        }
        for without_hit, one in found.items()
    ]
    head: dict[str, object] = {"seed": SEED, "steps": STEPS, "found": "2026-11-23", "ratios_of": RATIOS}
    FOUND.write_text(json.dumps({**head, "frontier": entries}, indent=1) + "\n")


def known_tests() -> dict[str, SequentialTest]:
    """Return the offered methods by name."""
    return {method: sequential_test(Criterion(method=method), streams=1) for method in METHODS}


def main() -> None:
    """Print the frontier, computed again, or search for it first."""
    if "--search" in sys.argv:
        write_found({without_hit: search(without_hit, seed=SEED) for without_hit in WITHOUT_HIT})
    points = {f"{calls} calls without a hit": ratios(one.test) for calls, one in read_found()}
    offered = {name: ratios(test) for name, test in known_tests().items()}
    print(
        "Expected calls over the bound: at residual 0 over log(1/alpha)/-log(1-tolerance), at 0.5 % and at the design"
    )
    print(
        "rate of 1 % over the information bound. Each line of the frontier is one plain mixture, found with seed", SEED
    )
    for name, (zero, half, design) in {**points, **offered}.items():
        mark = " <- default" if name == MIXTURE_METHOD else ""
        print(f"  {name:28}{zero:8.3f}{half:8.3f}{design:8.3f}{mark}")
    if "--search" in sys.argv:
        PICTURE.write_text(picture(points, offered))


def picture(points: Mapping[str, tuple[float, float, float]], offered: Mapping[str, tuple[float, float, float]]) -> str:
    """Return the frontier as a drawing: to the right the calls at residual 0, upward those at the design rate."""
    line = " ".join(f"{_x(zero):.1f},{_y(design):.1f}" for zero, _, design in points.values())
    dots = "".join(
        f'<circle cx="{_x(zero):.1f}" cy="{_y(design):.1f}" r="3" fill="#1f5fa8"/>'
        for zero, _, design in points.values()
    )
    names = "".join(
        f'<rect x="{_x(zero) - 5:.1f}" y="{_y(design) - 5:.1f}" width="10" height="10" fill="#a83232"/>'
        f'<text x="{_x(zero) + 9:.1f}" y="{_y(design) - 7:.1f}">{name}</text>'
        for name, (zero, _, design) in offered.items()
    )
    return _FRAME.format(line=line, dots=dots, names=names, axes=_axes())


def _x(ratio: float) -> float:
    return 70 + (ratio - 1.02) * 2200


def _y(ratio: float) -> float:
    return 370 - (ratio - 1.04) * 2000


def _axes() -> str:
    across = "".join(
        f'<line x1="{_x(one):.1f}" y1="30" x2="{_x(one):.1f}" y2="370" stroke="#dddddd"/>'
        f'<text x="{_x(one):.1f}" y="388" text-anchor="middle">{one:.2f}</text>'
        for one in (1.05, 1.1, 1.15, 1.2, 1.25)
    )
    upward = "".join(
        f'<line x1="70" y1="{_y(one):.1f}" x2="620" y2="{_y(one):.1f}" stroke="#dddddd"/>'
        f'<text x="62" y="{_y(one) + 4:.1f}" text-anchor="end">{one:.2f}</text>'
        for one in (1.05, 1.1, 1.15, 1.2)
    )
    return across + upward


_FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 430" role="img" aria-labelledby="title"
  font-family="sans-serif" font-size="12" fill="#222222">
<!-- SPDX-License-Identifier: Apache-2.0 -->
<title id="title">Expected calls of the tests over their bounds, at residual 0 and at the design rate</title>
<rect width="720" height="430" fill="#ffffff"/>
{axes}
<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="2"/>{dots}
{names}
<text x="345" y="412" text-anchor="middle">calls at residual 0, over log(1/alpha) / -log(1 - tolerance)</text>
<text x="20" y="200" text-anchor="middle" transform="rotate(-90 20 200)">calls at 1 %, over the information bound</text>
</svg>
"""


if __name__ == "__main__":
    main()
