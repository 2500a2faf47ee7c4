# SPDX-License-Identifier: Apache-2.0
"""What the targets of one report answered to, each for itself, and what follows for the report.

One target that falls is enough. A report did not reproduce only where every target that could be asked was asked; as
long as one failed or was busy and another try is left, the report waits and stands where "not run" stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from safeconduct.server.triage.models import GateState

JUDGED = (GateState.REPRODUCED, GateState.NOT_REPRODUCED, GateState.INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One target: how it came out and why. `is_busy` where calls are missing that another run may give back."""

    target: str
    label: str
    state: GateState
    reason: str
    calls: int = 0
    hits: int = 0
    n: int = 0
    is_busy: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What follows for the report; `target` decided, `is_unfinished` where another try may bring more."""

    state: GateState
    reason: str
    target: str = ""
    is_unfinished: bool = False


def tried_in(detail: Mapping[str, Any]) -> tuple[Tried, ...]:
    """Return what a run noted of its targets."""
    return tuple(Tried(**(one | {"state": GateState(one["state"])})) for one in detail.get("tried", ()))


def conclude(tried: Sequence[Tried], *, can_try_again: bool) -> Conclusion:
    """Return what follows from at least one target."""
    by_state = {one.state: one for one in reversed(tried)}
    if (fell := by_state.get(GateState.REPRODUCED)) is not None:
        return Conclusion(state=fell.state, reason=fell.reason, target=fell.target)
    reason = _reasons(tried)
    failed = by_state.get(GateState.ERROR)
    busy = next((one for one in tried if one.is_busy), None)
    unfinished = failed or busy
    judged = by_state.get(GateState.NOT_REPRODUCED) or by_state.get(GateState.INVALID)
    if judged is None and failed is None:
        return Conclusion(state=GateState.NOT_RUN, reason=reason, is_unfinished=busy is not None)
    if unfinished is not None and (can_try_again or judged is None):
        return Conclusion(state=GateState.ERROR, reason=reason, target=unfinished.target, is_unfinished=can_try_again)
    decided = judged or tried[0]
    return Conclusion(state=decided.state, reason=reason, target=decided.target)


def _reasons(tried: Sequence[Tried]) -> str:
    """Return why, with the name of each target where there are several."""
    if len(tried) == 1:
        return tried[0].reason
    return "; ".join(f"{one.label}: {one.reason}" for one in tried)
