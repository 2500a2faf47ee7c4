# SPDX-License-Identifier: Apache-2.0
"""The watch after a fix: raise the alarm soon after the attack succeeds again, and rarely before.

The question is "has the rate risen above the design rate at some time?", asked after every call, for ever. For every
family and every alternative a wealth is kept that starts anew with each call: W <- (W + 1) * L(x), where L is the
likelihood ratio of the alternative against the design rate. The statistic M is the sum over families of the weighted
wealth of their alternatives. While every rate is at most the design rate, the sum of the products started so far is
expected to be at most the number of calls, so M is an e-detector: E[M at any stopping time] <= E[calls until then].
The alarm is raised when M reaches `run_length`, so the expected number of calls until a false alarm, all families
together, is at least `run_length`, without any assumption on the true rates but that bound (Shin, Ramdas and Rinaldo
2022, the mixture form of Shiryaev and Roberts). Nothing is promised about the chance of a false alarm by a given call.

An outcome that is neither hit nor miss counts as a miss: it never raises an alarm. Variants must be drawn afresh. The
alarm stands until the watch begins anew, which it does when the target is deployed again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError

DEFAULT_RUN_LENGTH: Final = 10_000.0
"""At 20 calls a week of all families together: one false alarm in about ten years, or more seldom."""
_ODDS_RATIOS: Final = (4.0, 11.0, 40.0, 200.0)
"""At design 0.01 the alternatives 0.039, 0.1, 0.29, 0.67; equal weights."""

_COUNTS: Final = ("calls", "hits", "unknown", "late")


class WatchStanding(StrEnum):
    """What the watch says."""

    QUIET = "quiet"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """The watch on one deployed target. Make one with `begin`, or with `resumed` from `state`; each change is new.

    `wealth` holds for every family the wealth of each alternative; `late` outcomes came after the alarm.
    """

    design: float
    run_length: float
    wealth: Mapping[str, tuple[float, ...]]
    calls: int = 0
    hits: int = 0
    unknown: int = 0
    late: int = 0

    @classmethod
    def begin(
        cls, families: Sequence[str], *, design: float = 0.01, run_length: float = DEFAULT_RUN_LENGTH
    ) -> "Detector":
        """Return a watch without any call, against rates of at most `design`.

        Raises:
            MalformedError: the families are none or repeated, the design rate is not strictly between 0 and 1, or the
                run length is not at least 1 and finite.
        """
        if not families or len(set(families)) < len(families) or not all(families):
            raise MalformedError("the families need names, each its own", hint="name at least one family")
        if not 0 < design < 1:
            raise MalformedError("the design rate of a watch lies strictly between 0 and 1", field="design")
        if not 1 <= run_length < math.inf:
            raise MalformedError("the run length of a watch is a number of calls", field="run_length")
        start = (0.0,) * len(_ODDS_RATIOS)
        return cls(design=design, run_length=run_length, wealth=MappingProxyType(dict.fromkeys(families, start)))

    @classmethod
    def resumed(cls, state: Mapping[str, Json]) -> "Detector":
        """Return the watch that `state` was written of.

        Raises:
            MalformedError: it is no such state.
        """
        wealth = state.get("wealth")
        if not isinstance(wealth, dict):
            raise _unreadable()
        fresh = cls.begin(
            tuple(wealth), design=_number(state.get("design")), run_length=_number(state.get("run_length"))
        )
        known = {family: _wealth(values) for family, values in wealth.items()}
        calls, hits, unknown, late = (int(_number(state.get(name))) for name in _COUNTS)
        return replace(fresh, wealth=MappingProxyType(known), calls=calls, hits=hits, unknown=unknown, late=late)

    @property
    def state(self) -> dict[str, Json]:
        """Return all of it as plain data, from which `resumed` goes on."""
        return {
            "design": self.design,
            "run_length": self.run_length,
            "wealth": {name: list(values) for name, values in self.wealth.items()},
            **{name: getattr(self, name) for name in _COUNTS},
        }

    @property
    def evidence(self) -> Mapping[str, float]:
        """Return what each family adds to the statistic."""
        return {name: sum(values) / len(values) for name, values in self.wealth.items()}

    @property
    def statistic(self) -> float:
        """Return the statistic; the alarm is raised when it reaches the run length."""
        return sum(self.evidence.values())

    @property
    def standing(self) -> WatchStanding:
        """Return what the watch says."""
        return WatchStanding.ALARM if self.statistic >= self.run_length else WatchStanding.QUIET

    @property
    def suspect(self) -> str:
        """Return the family that adds most to the statistic."""
        evidence = self.evidence
        return max(evidence, key=evidence.__getitem__)

    def after(self, family: str, outcome: TrialOutcome) -> "Detector":
        """Return the watch after one more call, in the order of submission.

        Raises:
            MalformedError: the family is not watched.
        """
        if family not in self.wealth:
            raise MalformedError("an outcome is of a family that is not watched", family=family)
        if self.standing is WatchStanding.ALARM:
            return replace(self, late=self.late + 1)
        hit = outcome is TrialOutcome.HIT
        factors = (_ratio(odds, design=self.design, hit=hit) for odds in _ODDS_RATIOS)
        wealth = tuple((old + 1) * factor for old, factor in zip(self.wealth[family], factors, strict=True))
        return replace(
            self,
            wealth=MappingProxyType({**self.wealth, family: wealth}),
            calls=self.calls + 1,
            hits=self.hits + hit,
            unknown=self.unknown + (outcome in {TrialOutcome.ABSTAIN, TrialOutcome.ERROR}),
        )


def _wealth(values: Json) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != len(_ODDS_RATIOS):
        raise _unreadable()
    return tuple(_number(value) for value in values)


def _number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise _unreadable()
    return float(value)


def _unreadable() -> MalformedError:
    return MalformedError("the state of a watch cannot be read", hint="begin the watch anew")


def _ratio(odds: float, *, design: float, hit: bool) -> float:
    """Return the likelihood of one outcome under odds so many times those of the design rate, over that under it."""
    return (odds if hit else 1.0) / (1 + (odds - 1) * design)
