# SPDX-License-Identifier: Apache-2.0
"""What is measured and how: each measure has a name, a definition that can be argued with, and its numbers.

Times are whole days between two recorded instants, as the median and the 90th percentile (nearest rank) of the cases
that have both; cases that have not come so far are counted apart and never as zero, and those that ended before are
not counted. Shares have their numerator and denominator beside them. Below `LEAST` cases nothing is shown by tier, nor
a time of fewer that are done, because a single case could be recognized.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

LEAST = 3
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Two instants of one case, the second still open as None, and whether it ended and can come no further."""

    tier: str
    begin: datetime | None
    end: datetime | None
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRow:
    """One row of a measure of time. `median` and `p90` are days, None where too few cases are done."""

    tier: str
    done: int
    waiting: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMeasure:
    """A time between two instants, by tier."""

    name: str
    title: str
    definition: str
    rows: tuple[TimeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """One row of a count: what, how many, and of how many where it is a share."""

    what: str
    count: int
    of: int | None = None

    @property
    def share(self) -> float | None:
        """Return the share in percent, or None where it is no share or nothing was counted."""
        return None if not self.of else 100 * self.count / self.of


@dataclass(frozen=True, slots=True, kw_only=True)
class CountMeasure:
    """Counts and shares."""

    name: str
    title: str
    definition: str
    rows: tuple[CountRow, ...]


def time_measure(*, name: str, title: str, definition: str, spans: Iterable[Span], tiers: Sequence[str]) -> TimeMeasure:
    """Return the measure of these spans: one row for all, and one for each tier with enough cases."""
    begun = [span for span in spans if span.begin is not None and (span.end is not None or not span.is_over)]
    rows = [_row("all", begun, least=1)]
    for tier in tiers:
        of_tier = [span for span in begun if span.tier == tier]
        if len(of_tier) >= LEAST:
            rows.append(_row(tier, of_tier, least=LEAST))
    return TimeMeasure(name=name, title=title, definition=definition, rows=tuple(rows))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of at least one value."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _row(tier: str, spans: Sequence[Span], *, least: int) -> TimeRow:
    days = [max(0.0, (span.end - span.begin) / DAY) for span in spans if span.begin and span.end]
    return TimeRow(
        tier=tier,
        done=len(days),
        waiting=len(spans) - len(days),
        median=round(percentile(days, 0.5), 1) if len(days) >= least else None,
        p90=round(percentile(days, 0.9), 1) if len(days) >= least else None,
    )
