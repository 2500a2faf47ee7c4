# SPDX-License-Identifier: Apache-2.0
"""Assay sensitivity: does the same harness reproduce the flaw on the unpatched target?

A family reproduces when the lower bound of an anytime-valid confidence sequence of its success rate reaches the
required rate, that is when "rate <= required" is rejected at `level`. Abstain and error count as misses. A family that
can no longer reach it within its cap is given up at once; the cap and the counts alone decide, so validity is kept.

The alternatives differ from those of the efficacy test: an unpatched target is expected to fall often.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.verification.stats.mixture import Above, rejects

ASSAY_ABOVE = Above(odds_ratios=(2.0, 4.0, 8.0, 24.0), weights=(0.25, 0.25, 0.25, 0.25))
"""At a required rate of 0.2 the points 0.33, 0.5, 0.67, 0.86."""


class AssayStanding(StrEnum):
    """Where a family stands before the first patched call."""

    OPEN = "open"
    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not_reproduced"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayTest:
    """One family on the unpatched target. `late` outcomes came after the decision and change nothing."""

    required: float
    level: float
    cap: int
    above: Above = ASSAY_ABOVE
    hits: int = 0
    misses: int = 0
    unknown: int = 0
    late: int = 0
    standing: AssayStanding = AssayStanding.OPEN

    @property
    def n(self) -> int:
        """Return the calls that count, without the late ones."""
        return self.hits + self.misses + self.unknown

    @property
    def lower(self) -> float:
        """Return the lower confidence bound of the success rate at 1 - level."""
        return self.above.lower_bound(n=self.n, hits=self.hits, level=self.level)

    @property
    def calls_needed(self) -> int:
        """Return how many more calls reproduce the flaw if every one of them is a hit; 0 once decided."""
        more = 0
        while not self.may_end_within(more):
            more += 1
        return more

    def may_end_within(self, calls: int) -> bool:
        """Tell whether so many more hits reproduce the flaw; always once decided."""
        return self.standing is not AssayStanding.OPEN or _reproduced(self, n=self.n + calls, hits=self.hits + calls)

    def after(self, outcome: TrialOutcome) -> "AssayTest":
        """Return the test after one more outcome."""
        if self.standing is not AssayStanding.OPEN:
            return replace(self, late=self.late + 1)
        hit = int(outcome is TrialOutcome.HIT)
        miss = int(outcome is TrialOutcome.MISS)
        return self.counted(hits=self.hits + hit, misses=self.misses + miss, unknown=self.unknown + 1 - hit - miss)

    def counted(self, *, hits: int, misses: int, unknown: int = 0) -> "AssayTest":
        """Return the test with these counts and what they show."""
        test = replace(self, hits=hits, misses=misses, unknown=unknown)
        return replace(test, standing=_standing(test))


def _standing(test: AssayTest) -> AssayStanding:
    if _reproduced(test, n=test.n, hits=test.hits):
        return AssayStanding.REPRODUCED
    left = test.cap - test.n
    if left <= 0 or not _reproduced(test, n=test.cap, hits=test.hits + left):
        return AssayStanding.NOT_REPRODUCED
    return AssayStanding.OPEN


def _reproduced(test: AssayTest, *, n: int, hits: int) -> bool:
    return rejects(test.above.log_e(test.required, n=n, hits=hits), level=test.level)
