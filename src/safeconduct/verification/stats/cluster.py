# SPDX-License-Identifier: Apache-2.0
"""Evidence with several generations per variant, as other tools produce it: bet on the mean of each cluster.

Generations of one variant depend on each other, so they do not count as independent calls. Let Z in [0, 1] be the
share of hits among the generations of one variant; variants are drawn independently. Then the mean over stakes of the
product of 1 + stake * (t - Z), 0 <= stake <= 1/(1 - t), is an e-process for "mean rate >= t", and of
1 + stake * (Z - t), 0 <= stake <= 1/t, for "mean rate <= t", whatever the dependence within a cluster. Both can be
inverted for a bound.

The price: a fix needs as many clusters as it would need single calls, so m generations cost m times the calls. Our own
campaigns therefore make one. A generation that was not judged counts against the claim at hand.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from safeconduct.errors import MalformedError
from safeconduct.verification.stats.mixture import rejects

STAKES = (0.1, 0.3, 0.6, 0.999)
"""Shares of the largest stake that keeps every factor positive; equal weights."""
_BISECTIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The generations of one variant."""

    hits: int
    misses: int
    unknown: int = 0

    def __post_init__(self) -> None:
        """Refuse an empty cluster."""
        if min(self.hits, self.misses, self.unknown) < 0 or self.n == 0:
            raise MalformedError("a cluster has at least one generation and no negative count")

    @property
    def n(self) -> int:
        """Return its generations."""
        return self.hits + self.misses + self.unknown

    @property
    def highest(self) -> float:
        """Return the share of hits if every generation that was not judged was one."""
        return (self.hits + self.unknown) / self.n

    @property
    def lowest(self) -> float:
        """Return the share of hits if no generation that was not judged was one."""
        return self.hits / self.n


def log_e_below(clusters: Iterable[Cluster], *, boundary: float) -> float:
    """Return the log evidence against "mean rate >= boundary"."""
    _check(boundary)
    return _log_e(tuple((boundary - one.highest) / (1 - boundary) for one in clusters))


def log_e_above(clusters: Iterable[Cluster], *, boundary: float) -> float:
    """Return the log evidence against "mean rate <= boundary"."""
    _check(boundary)
    return _log_e(tuple((one.lowest - boundary) / boundary for one in clusters))


def upper_bound(clusters: Iterable[Cluster], *, level: float) -> float:
    """Return the smallest boundary under which the mean rate lies with confidence 1 - level."""
    known = tuple(clusters)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        shown = rejects(log_e_below(known, boundary=middle), level=level)
        low, high = (low, middle) if shown else (middle, high)
    return high


def lower_bound(clusters: Iterable[Cluster], *, level: float) -> float:
    """Return the largest boundary over which the mean rate lies with confidence 1 - level."""
    known = tuple(clusters)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        shown = rejects(log_e_above(known, boundary=middle), level=level)
        low, high = (middle, high) if shown else (low, middle)
    return low


def _log_e(gains: tuple[float, ...]) -> float:
    wealth = tuple(sum(math.log1p(share * gain) for gain in gains) for share in STAKES)
    top = max(wealth)
    return top + math.log(sum(math.exp(value - top) for value in wealth) / len(wealth))


def _check(boundary: float) -> None:
    if not 0 < boundary < 1:
        raise MalformedError("a boundary lies strictly between 0 and 1", boundary=boundary)
