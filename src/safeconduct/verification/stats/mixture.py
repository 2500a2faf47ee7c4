# SPDX-License-Identifier: Apache-2.0
"""Mixture e-processes for a Bernoulli rate against a one-sided null, in logarithms.

An e-process is a weighted sum of likelihood ratios, each of one alternative against the boundary t of the null. Each
ratio is a supermartingale under every rate in the null, and so is the sum: P(it ever reaches 1/level) <= level
(Ville). The alternatives move with the boundary, so one family of alternatives tests any boundary, and the set of
boundaries not rejected is a confidence sequence:

- `Below` tests "rate >= t" with alternatives c*t, 0 <= c < 1. Its ratio grows with t, so the boundaries not rejected
  are [0, upper].
- `Above` tests "rate <= t" with alternatives whose odds are c times the odds of t, c > 1. They lie strictly between t
  and 1 for every t. Its ratio falls with t, so the boundaries not rejected are [lower, 1].

Reference: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from safeconduct.errors import MalformedError

_BISECTIONS = 60
_ULP = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """Alternatives below the boundary of the null "rate >= t": the points c*t with weights that sum to 1."""

    ratios: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what would not be an e-process."""
        _check_weights(self.ratios, self.weights)
        if not all(0 <= ratio < 1 for ratio in self.ratios):
            raise MalformedError("an alternative below the boundary needs a ratio of at least 0 and under 1")

    def log_e(self, boundary: float, *, n: int, hits: int) -> float:
        """Return the logarithm of the evidence against "rate >= boundary" after `hits` in `n` calls."""
        _check_boundary(boundary)
        _check_counts(n, hits)
        return _log_sum(
            math.log(weight) + _times_log(hits, ratio) + (n - hits) * _log_ratio_of_miss(ratio, boundary)
            for ratio, weight in zip(self.ratios, self.weights, strict=True)
        )

    def upper_bound(self, *, n: int, hits: int, level: float) -> float:
        """Return the smallest boundary that is rejected at `level`: with confidence 1 - level the rate is below it."""
        if hits == n:
            return 1.0
        threshold = -math.log(level)
        return _bisect(lambda t: self.log_e(t, n=n, hits=hits) >= threshold)

    def calls_needed(self, boundary: float, *, n: int, hits: int, level: float) -> int:
        """Return how many more calls reject "rate >= boundary" if every one of them is a miss; 0 if it is rejected."""
        threshold = -math.log(level)

        def rejects(more: int) -> bool:
            return self.log_e(boundary, n=n + more, hits=hits) >= threshold

        if rejects(0):
            return 0
        high = 1
        while not rejects(high):
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if rejects(middle) else (middle, high)
        return high


@dataclass(frozen=True, slots=True, kw_only=True)
class Above:
    """Alternatives above the boundary of the null "rate <= t": odds c times the odds of t, weights that sum to 1."""

    odds_ratios: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what would not be an e-process."""
        _check_weights(self.odds_ratios, self.weights)
        if not all(1 < ratio < math.inf for ratio in self.odds_ratios):
            raise MalformedError("an alternative above the boundary needs a finite odds ratio over 1")

    def log_e(self, boundary: float, *, n: int, hits: int) -> float:
        """Return the logarithm of the evidence against "rate <= boundary" after `hits` in `n` calls."""
        _check_boundary(boundary)
        _check_counts(n, hits)
        return _log_sum(
            math.log(weight) + hits * math.log(ratio) - n * math.log1p((ratio - 1) * boundary)
            for ratio, weight in zip(self.odds_ratios, self.weights, strict=True)
        )

    def lower_bound(self, *, n: int, hits: int, level: float) -> float:
        """Return the largest boundary that is rejected at `level`: with confidence 1 - level the rate is above it."""
        threshold = -math.log(level)
        if hits == 0 or self.log_e(_ULP, n=n, hits=hits) < threshold:
            return 0.0
        return _bisect(lambda t: self.log_e(t, n=n, hits=hits) < threshold)


def odds(rate: float) -> float:
    """Return the odds of a rate strictly between 0 and 1."""
    _check_boundary(rate)
    return rate / (1 - rate)


def rejects(log_e: float, *, level: float) -> bool:
    """Tell whether evidence suffices to reject its null at a level: E >= 1/level."""
    return log_e >= -math.log(level)


def _bisect(is_high: Callable[[float], bool]) -> float:
    low, high = _ULP, 1 - _ULP
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_high(middle) else (middle, high)
    return high


def _log_ratio_of_miss(ratio: float, boundary: float) -> float:
    return math.log1p(-ratio * boundary) - math.log1p(-boundary)


def _times_log(count: int, ratio: float) -> float:
    if count == 0:
        return 0.0
    return count * math.log(ratio) if ratio > 0 else -math.inf


def _log_sum(terms: Iterable[float]) -> float:
    values = tuple(terms)
    top = max(values)
    return top if top == -math.inf else top + math.log(sum(math.exp(value - top) for value in values))


def _check_weights(points: tuple[float, ...], weights: tuple[float, ...]) -> None:
    if not points or len(points) != len(weights):
        raise MalformedError("a mixture needs as many weights as alternatives, and at least one")
    if not all(weight > 0 for weight in weights) or abs(sum(weights) - 1) > _ULP:
        raise MalformedError("the weights of a mixture are positive and sum to 1")


def _check_boundary(boundary: float) -> None:
    if not 0 < boundary < 1:
        raise MalformedError("a boundary lies strictly between 0 and 1", boundary=boundary)


def _check_counts(n: int, hits: int) -> None:
    if not 0 <= hits <= n:
        raise MalformedError("hits lie between 0 and the number of calls", hits=hits, n=n)
