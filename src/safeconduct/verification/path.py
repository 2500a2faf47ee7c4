# SPDX-License-Identifier: Apache-2.0
"""How the evidence grew: the e-value path and the confidence sequence of every family on the patched target.

A point is kept at every call that was not a miss, at every 25th call and at the decision; between them only misses lie,
so nothing is lost. Late outcomes are not part of the path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from safeconduct.domain.evidence import Arm, Trial, TrialOutcome
from safeconduct.verification.stats.sequential import SequentialTest, Standing
from safeconduct.verification.verdict import POOLED, Deliberation

EVERY: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoint:
    """Where a stream stood after `n` calls: logarithms of both e-values and the confidence sequence of the rate."""

    n: int
    hits: int
    unknown: int
    log_e_fixed: float
    log_e_not_fixed: float
    lower: float
    upper: float


def evidence_paths(
    start: Deliberation, trials: Iterable[Trial], *, every: int = EVERY
) -> Mapping[str, tuple[PathPoint, ...]]:
    """Return the path of every efficacy stream, from a deliberation without calls through all trials.

    A certificate has a point at every 25th call; a picture wants more, because between two of them the bounds bend.

    Raises:
        VerificationError: the trials do not fit the criterion, as `Deliberation.after`.
    """
    paths: dict[str, list[PathPoint]] = {}
    now = start
    for trial in trials:
        now = now.after(trial)
        for name in now.efficacy:
            paths.setdefault(name, [])
        if trial.arm is Arm.EFFICACY:
            name = trial.family if now.criterion.per_family else POOLED
            if _is_telling(now.efficacy[name], trial, every=every):
                paths[name].append(_point(now.efficacy[name]))
    return {name: tuple(points) for name, points in paths.items()}


def _is_telling(test: SequentialTest, trial: Trial, *, every: int) -> bool:
    if test.late:
        return False
    return trial.outcome is not TrialOutcome.MISS or test.n % every == 0 or test.standing is not Standing.OPEN


def _point(test: SequentialTest) -> PathPoint:
    return PathPoint(
        n=test.n,
        hits=test.hits,
        unknown=test.unknown,
        log_e_fixed=test.log_e_fixed,
        log_e_not_fixed=test.log_e_not_fixed,
        lower=test.lower,
        upper=test.upper,
    )
