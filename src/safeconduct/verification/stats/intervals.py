# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals of a rate at one fixed number of calls: Clopper-Pearson and Wilson.

Clopper-Pearson inverts the exact binomial test: its coverage is never below the confidence stated, at any n and rate,
also at 0 of n and n of n. Wilson inverts the normal approximation: its coverage is near the confidence stated on
average over rates, and below it at some. Neither may be looked at again and again until it pleases: for that, see the
confidence sequence of `mixture`. Zero calls say nothing: the interval is [0, 1].

References: Clopper and Pearson 1934; Wilson 1927; Brown, Cai and DasGupta 2001.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from safeconduct.errors import MalformedError

_BISECTIONS = 60
_TINY = 1e-300
_PRECISION = 1e-15
_MOST_TERMS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The rates that the counts do not exclude."""

    lower: float
    upper: float


def clopper_pearson(hits: int, n: int, *, confidence: float) -> Interval:
    """Return the two-sided exact interval: each side errs with probability at most (1 - confidence)/2.

    Raises:
        MalformedError: the counts or the confidence are out of range.
    """
    level = (1 - confidence) / 2
    return Interval(
        lower=clopper_pearson_lower(hits, n, confidence=1 - level),
        upper=clopper_pearson_upper(hits, n, confidence=1 - level),
    )


def clopper_pearson_upper(hits: int, n: int, *, confidence: float) -> float:
    """Return the one-sided exact upper bound: the rate at which so few hits have probability 1 - confidence.

    Raises:
        MalformedError: the counts or the confidence are out of range.
    """
    _check(hits, n, confidence)
    if hits == n:
        return 1.0
    return _bisect(lambda rate: binomial_cdf(hits, n, rate) <= 1 - confidence)


def clopper_pearson_lower(hits: int, n: int, *, confidence: float) -> float:
    """Return the one-sided exact lower bound: the rate at which so many hits have probability 1 - confidence.

    Raises:
        MalformedError: the counts or the confidence are out of range.
    """
    return 1 - clopper_pearson_upper(n - hits, n, confidence=confidence)


def wilson(hits: int, n: int, *, confidence: float) -> Interval:
    """Return the two-sided score interval.

    Raises:
        MalformedError: the counts or the confidence are out of range.
    """
    level = (1 - confidence) / 2
    return Interval(
        lower=wilson_lower(hits, n, confidence=1 - level), upper=wilson_upper(hits, n, confidence=1 - level)
    )


def wilson_upper(hits: int, n: int, *, confidence: float) -> float:
    """Return the one-sided score upper bound.

    Raises:
        MalformedError: the counts or the confidence are out of range.
    """
    _check(hits, n, confidence)
    if hits == n:
        return 1.0
    z = NormalDist().inv_cdf(confidence)
    rate = hits / n
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return (rate + z * z / (2 * n) + spread) / (1 + z * z / n)


def wilson_lower(hits: int, n: int, *, confidence: float) -> float:
    """Return the one-sided score lower bound.

    Raises:
        MalformedError: the counts or the confidence are out of range.
    """
    return 1 - wilson_upper(n - hits, n, confidence=confidence)


def binomial_cdf(hits: int, n: int, rate: float) -> float:
    """Return the probability of at most `hits` in `n` independent calls that each succeed with probability `rate`."""
    if hits < 0:
        return 0.0
    if hits >= n:
        return 1.0
    return incomplete_beta(1 - rate, n - hits, hits + 1)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log_front) * _fraction(x, a, b) / a


def _check(hits: int, n: int, confidence: float) -> None:
    if not 0 <= hits <= n:
        raise MalformedError("hits lie between 0 and the number of calls", hits=hits, n=n)
    if not 0.5 <= confidence < 1:  # noqa: PLR2004  # a bound that is wrong half the time is none
        raise MalformedError("a confidence is at least one half and under 1", confidence=confidence)


def _bisect(is_high: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_high(middle) else (middle, high)
    return high


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction by the method of Lentz."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    m = 0
    while True:
        m += 1
        before = value
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(value - before) <= _PRECISION * abs(value) or m == _MOST_TERMS:
            return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
