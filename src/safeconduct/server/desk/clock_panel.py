# SPDX-License-Identifier: Apache-2.0
"""What a room shows of the clocks: each date with its rule and its grounds, and what comes next if nothing happens."""

from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.clock import Deadline, DeadlineState, Escalation, EscalationAction
from safeconduct.domain.parties import Role
from safeconduct.policy.deadlines import ACT_WORDS
from safeconduct.policy.escalation import ACTION_WORDS
from safeconduct.server.cases.models import Case
from safeconduct.server.clock import queries
from safeconduct.server.clock.models import Pause
from safeconduct.server.parties.viewer import Viewer

STATE_WORDS = {
    DeadlineState.WAITING: "not started",
    DeadlineState.RUNNING: "running",
    DeadlineState.PAUSED: "standing still",
    DeadlineState.MET: "done",
    DeadlineState.LATE: "done late",
    DeadlineState.MISSED: "missed",
    DeadlineState.WAIVED: "set aside",
}
BADGES = {
    DeadlineState.MET: "badge-ok",
    DeadlineState.LATE: "badge-warn",
    DeadlineState.MISSED: "badge-bad",
    DeadlineState.RUNNING: "badge-info",
    DeadlineState.PAUSED: "badge-warn",
}
POINTS = {DeadlineState.MET: "done", DeadlineState.LATE: "done", DeadlineState.MISSED: "late"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One date for a person."""

    deadline: Deadline
    act: str
    state: str
    badge: str
    point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an escalation for a person."""

    escalation: Escalation
    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The clocks of a case as one viewer may see them."""

    clocks: tuple[Clock, ...]
    steps: tuple[Step, ...]
    pause: Pause | None


def clocks_for(viewer: Viewer, case: Case, *, now: datetime) -> Clocks:
    """Return the clocks in the order of their dates; those without a date come last."""
    found = sorted(queries.deadlines_seen(viewer, case, now=now), key=_order)
    steps: tuple[Step, ...] = ()
    if viewer.has(Role.COORDINATOR):
        steps = tuple(
            Step(escalation=one, act=ACTION_WORDS[one.action])
            for one in queries.escalations_for(case, now=now)
            if one.action is not EscalationAction.TELL_COORDINATOR
        )
    return Clocks(clocks=tuple(map(clock_of, found)), steps=steps, pause=queries.running_pause(case, now=now))


def clock_of(deadline: Deadline) -> Clock:
    """Return a deadline in words."""
    act = ACT_WORDS[deadline.kind]
    return Clock(
        deadline=deadline,
        act=act[0].upper() + act[1:],
        state=STATE_WORDS[deadline.state],
        badge=BADGES.get(deadline.state, ""),
        point=POINTS.get(deadline.state, ""),
    )


def _order(deadline: Deadline) -> tuple[bool, float]:
    return (deadline.due is None, deadline.due.timestamp() if deadline.due else 0.0)
