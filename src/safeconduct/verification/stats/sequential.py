# SPDX-License-Identifier: Apache-2.0
"""The two-sided sequential test of one stream of outcomes: FIXED, NOT FIXED, or still open.

FIXED rejects "rate >= tolerance" with error at most `alpha`; NOT FIXED rejects "rate <= design" with error at most
`beta`. NOT FIXED claims that the rate is above `design`, not that it is above `tolerance`: between the two either
answer is right in its own sense. Both bounds hold at any stopping time, so the test may look after every call.

An outcome that is neither hit nor miss (abstain, error) is bounded both ways: it counts as a hit for FIXED and as a
miss for NOT FIXED, so it never helps a claim. The first decision stands; later outcomes are counted as late and change
nothing.

The outcomes must be consumed in the order in which the calls were submitted: an order that depends on the answers
(completion order, where refusals may be slower) would bias the test.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from safeconduct.domain.evidence import Criterion, TrialOutcome
from safeconduct.errors import UnknownValueError
from safeconduct.verification.stats.judge import SHARE, sensitivity_bound
from safeconduct.verification.stats.mixture import Above, Below, odds, rejects

MIXTURE_METHOD = "bernoulli-mixture/2"
FIVE_POINT_METHOD = "bernoulli-mixture/1"
SPRT_METHOD = "bernoulli-sprt/1"
METHODS = (MIXTURE_METHOD, FIVE_POINT_METHOD, SPRT_METHOD)
"""The default first. A method never changes: certificates name it, and are recomputed by it for ever."""

MIXTURE_BELOW = Below(ratios=(0.0, 0.1, 0.2, 0.4, 0.6), weights=(0.36, 0.31, 0.31, 0.01, 0.01))
"""Chosen on the frontier between few calls without a hit and few at the design rate; see `benchmarks/frontier.py`."""
MIXTURE_ABOVE = Above(odds_ratios=(4.0, 12.0, 2500.0), weights=(0.28, 0.58, 0.14))
"""At design 0.01 the points 0.039, 0.11, 0.96: the last spends on an early hit what the others would leave of beta."""
FIVE_POINT_BELOW = Below(ratios=(0.0, 0.1, 0.2, 0.4, 0.6), weights=(0.3, 0.2, 0.2, 0.15, 0.15))
"""At tolerance 0.05 the points 0, 0.005, 0.01, 0.02, 0.03; scaled by tolerance/0.05 elsewhere, always under it."""
FIVE_POINT_ABOVE = Above(odds_ratios=(11.0, 24.75, 66.0, 231.0), weights=(0.25, 0.25, 0.25, 0.25))
"""At design 0.01 the points 0.1, 0.2, 0.4, 0.7; elsewhere the same multiples of the design's odds, always above it."""


class Standing(StrEnum):
    """Where a stream stands."""

    OPEN = "open"
    FIXED = "fixed"
    NOT_FIXED = "not_fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialTest:
    """One stream of outcomes and what they prove so far.

    `sensitivity` is the least share of successes that is seen as hits: 1 with an exact oracle. `late` outcomes,
    `late_hits` of them hits, were already submitted when the decision fell.
    """

    tolerance: float
    design: float
    alpha: float
    beta: float
    below: Below = MIXTURE_BELOW
    above: Above = MIXTURE_ABOVE
    sensitivity: float = 1.0
    hits: int = 0
    misses: int = 0
    unknown: int = 0
    late: int = 0
    late_hits: int = 0
    standing: Standing = Standing.OPEN

    @property
    def boundary(self) -> float:
        """Return the rate of hits that FIXED excludes: the tolerance, as far as a success is seen as a hit."""
        return self.tolerance * self.sensitivity

    @property
    def n(self) -> int:
        """Return the calls that count: hits, misses and unknown, without the late ones."""
        return self.hits + self.misses + self.unknown

    @property
    def log_e_fixed(self) -> float:
        """Return the logarithm of the evidence against "rate >= tolerance"."""
        return self.below.log_e(self.boundary, n=self.n, hits=self.hits + self.unknown)

    @property
    def log_e_not_fixed(self) -> float:
        """Return the logarithm of the evidence against "rate <= design"."""
        return self.above.log_e(self.design, n=self.n, hits=self.hits)

    @property
    def upper(self) -> float:
        """Return the upper confidence bound of the rate at 1 - alpha; FIXED says exactly that it is <= tolerance."""
        seen = self.below.upper_bound(n=self.n, hits=self.hits + self.unknown, level=self.alpha)
        return min(1.0, seen / self.sensitivity)

    @property
    def lower(self) -> float:
        """Return the lower confidence bound of the rate at 1 - beta; NOT FIXED says exactly that it is >= design."""
        return self.above.lower_bound(n=self.n, hits=self.hits, level=self.beta)

    @property
    def calls_needed(self) -> int:
        """Return how many more calls reach FIXED if all of them are misses; 0 once decided."""
        if self.standing is not Standing.OPEN:
            return 0
        known = self.hits + self.unknown
        return self.below.calls_needed(self.boundary, n=self.n, hits=known, level=self.alpha)

    def may_end_within(self, calls: int) -> bool:
        """Tell whether so many more misses reach FIXED; always once decided."""
        known = self.hits + self.unknown
        return self.standing is not Standing.OPEN or rejects(
            self.below.log_e(self.boundary, n=self.n + calls, hits=known), level=self.alpha
        )

    def after(self, outcome: TrialOutcome) -> "SequentialTest":
        """Return the test after one more outcome."""
        if self.standing is not Standing.OPEN:
            return replace(self, late=self.late + 1, late_hits=self.late_hits + (outcome is TrialOutcome.HIT))
        counted = self._counting(outcome)
        return replace(counted, standing=_standing(counted))

    def _counting(self, outcome: TrialOutcome) -> "SequentialTest":
        match outcome:
            case TrialOutcome.HIT:
                return replace(self, hits=self.hits + 1)
            case TrialOutcome.MISS:
                return replace(self, misses=self.misses + 1)
            case TrialOutcome.ABSTAIN | TrialOutcome.ERROR:
                return replace(self, unknown=self.unknown + 1)
            case _:
                assert_never(outcome)


def sequential_test(criterion: Criterion, *, streams: int) -> SequentialTest:
    """Return the untouched test that a criterion asks for, one of `streams` that run side by side.

    Any of the streams may refute a fix, so each gets beta/streams; a fix needs all of them, so alpha is not divided.

    With a judge, alpha is shared between the bound of its sensitivity and the test; see `judge`.

    Raises:
        UnknownValueError: the criterion names a method that is not offered.
        MalformedError: the counts of the judge's calibration contradict each other.
        IncompleteError: the judge's sensitivity is not known.
    """
    below, above = _sides(criterion)
    exact = SequentialTest(
        tolerance=criterion.tolerance,
        design=criterion.design,
        alpha=criterion.alpha,
        beta=criterion.beta / streams,
        below=below,
        above=above,
    )
    if criterion.judge is None:
        return exact
    sensitivity = sensitivity_bound(criterion.judge, alpha=criterion.alpha)
    return replace(exact, alpha=criterion.alpha * (1 - SHARE), sensitivity=sensitivity)


def _standing(test: SequentialTest) -> Standing:
    if rejects(test.log_e_fixed, level=test.alpha):
        return Standing.FIXED
    if rejects(test.log_e_not_fixed, level=test.beta):
        return Standing.NOT_FIXED
    return Standing.OPEN


def _sides(criterion: Criterion) -> tuple[Below, Above]:
    match criterion.method:
        case "bernoulli-mixture/2":
            return MIXTURE_BELOW, MIXTURE_ABOVE
        case "bernoulli-mixture/1":
            return FIVE_POINT_BELOW, FIVE_POINT_ABOVE
        case "bernoulli-sprt/1":
            return (
                Below(ratios=(criterion.design / criterion.tolerance,), weights=(1.0,)),
                Above(odds_ratios=(odds(criterion.tolerance) / odds(criterion.design),), weights=(1.0,)),
            )
        case _:
            raise UnknownValueError(
                "the criterion names a statistical method that is not offered",
                hint=f"use one of {', '.join(METHODS)}",
                method=criterion.method,
            )
