# SPDX-License-Identifier: Apache-2.0
"""What imported evidence shows of a rate: bounds that hold although outputs of one variant depend on each other.

The bound is by betting on the mean of each variant (`verification.stats.cluster`), with 95 % on both sides together.
Outputs that were not judged count against each side. It holds if the variants were drawn independently of each other,
which a file cannot show. Families with very many variants get no bound here; their rows can be kept.
"""

from dataclasses import dataclass, field
from typing import Final

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.formats.evidence import Provenance, Row
from safeconduct.verification.stats.cluster import Cluster, lower_bound, upper_bound

LEVEL: Final = 0.025
VARIANT_LIMIT: Final = 10_000
"""Of all families together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The mean rate of hits of one family under one judge; bounds are None where there are too many variants."""

    family: str
    judge: str
    variants: int
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, object]:
        """Return the rate as plain data."""
        bounds = {"low": self.low, "high": self.high, "confidence": 1 - 2 * LEVEL}
        return {"family": self.family, "judge": self.judge, "variants": self.variants, **bounds}

    def __str__(self) -> str:
        name = f"{self.family}/{self.judge}"
        if self.low is None or self.high is None:
            return f"{name}: too many variants for a bound here; keep the rows"
        return f"{name}: the mean rate of hits is {self.low:.1%} to {self.high:.1%} (95 %, {self.variants} variants)"


@dataclass(slots=True)
class Rates:
    """Gathers rows by variant."""

    _counts: dict[tuple[str, str], dict[str, list[int]]] = field(default_factory=dict)
    _too_many: set[tuple[str, str]] = field(default_factory=set)
    _kept: int = 0

    def take(self, _source: Provenance, row: Row) -> None:
        """Count one row in its variant; once too many are kept, only that its family has too many."""
        key = (row.family, row.judge)
        variants = self._counts.setdefault(key, {})
        if row.cluster not in variants:
            if self._kept >= VARIANT_LIMIT:
                self._too_many.add(key)
                return
            variants[row.cluster] = [0, 0, 0]
            self._kept += 1
        variants[row.cluster][_PLACE.get(row.outcome, 2)] += 1

    def told(self) -> tuple[Rate, ...]:
        """Return the rates of all families."""
        return tuple(
            Rate(family=key[0], judge=key[1], variants=len(counts), low=None, high=None)
            if key in self._too_many
            else _rate(*key, list(counts.values()))
            for key, counts in self._counts.items()
        )


_PLACE: Final = {TrialOutcome.HIT: 0, TrialOutcome.MISS: 1}


def _rate(family: str, judge: str, counts: list[list[int]]) -> Rate:
    clusters = [Cluster(hits=hits, misses=misses, unknown=unknown) for hits, misses, unknown in counts]
    low, high = lower_bound(clusters, level=LEVEL), upper_bound(clusters, level=LEVEL)
    return Rate(family=family, judge=judge, variants=len(counts), low=round(low, 6), high=round(high, 6))
