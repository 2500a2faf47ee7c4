# SPDX-License-Identifier: Apache-2.0
"""In which order the triage queue is read: a pure key, and the reasons for a report's place in it.

Reports that reproduced come first, then those whose evidence waits to be run, then those that only tell, then those
whose evidence was run and did not reproduce. A report without evidence that looks like one already known, or that a
vendor documents as intended, comes last: these are the rules against floods, and they drop nothing. Within a lane:
first those that no vendor documents as intended, then tier (its upper end), use in the wild, the coordinator's outcome
of SSVC, age.

"Not run" is never read as "failed": a report that nobody could run waits ahead of one that was run in vain.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.policy.decision import Decision


class Reproduction(StrEnum):
    """What is known of the report's evidence."""

    REPRODUCED = "reproduced"
    NOT_RUN = "not_run"
    """There is evidence, and no granted target to run it against, or no run yet."""
    NONE = "none"
    """The report tells, and shows nothing that could be run."""
    NOT_REPRODUCED = "not_reproduced"
    """It was run and did not reproduce."""


class Lane(StrEnum):
    """The part of the queue, from first to last."""

    PROVEN = "proven"
    WAITING = "waiting"
    TOLD = "told"
    DOUBTED = "doubted"
    LAST = "last"

    @property
    def is_below_the_cut(self) -> bool:
        """Tell whether reports of the lane are read when everything else was."""
        return self in {Lane.DOUBTED, Lane.LAST}

    @property
    def rank(self) -> int:
        """Return 0 for the first lane."""
        return list(Lane).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """What decides a report's place. `coordination` is the key of SSVC's coordinator triage: D, T or C."""

    reproduction: Reproduction
    received_at: datetime
    tier: Tier = Tier.CRITICAL
    exploitation: Exploitation = Exploitation.NONE
    coordination: str = "C"
    looks_like_duplicate: bool = False
    is_documented: bool = False


SortKey = tuple[int, int, int, int, int, datetime]


def sort_key(facts: QueueFacts) -> SortKey:
    """Return the key by which the queue is sorted, smallest first."""
    return (
        lane(facts).outcome.rank,
        int(facts.is_documented),
        -facts.tier.rank,
        -list(Exploitation).index(facts.exploitation),
        -"DTC".find(facts.coordination),
        facts.received_at,
    )


def lane(facts: QueueFacts) -> Decision[Lane]:
    """Return the lane of a report, and say why it stands there."""
    found, reason = _lane(facts)
    told = [reason]
    if facts.is_documented:
        told.append("a vendor documents this as intended, so it stands behind the others of its lane")
    told.append(f"within its lane by tier ({facts.tier} at most)")
    if facts.exploitation is Exploitation.ACTIVE:
        told.append("it is used in the wild, which goes ahead of others of its tier")
    told.append(f"then by age (received {facts.received_at:%Y-%m-%d})")
    return Decision(
        outcome=found,
        reasons=tuple(told),
        rules=(f"priority.{found}",),
        inputs={
            "reproduction": facts.reproduction,
            "tier": facts.tier,
            "exploitation": facts.exploitation,
            "coordination": facts.coordination,
            "looks_like_duplicate": facts.looks_like_duplicate,
            "is_documented": facts.is_documented,
            "received_at": facts.received_at,
        },
    )


def _lane(facts: QueueFacts) -> tuple[Lane, str]:
    """Return the lane and its reason."""
    match facts.reproduction:
        case Reproduction.REPRODUCED:
            return Lane.PROVEN, "its evidence was run and reproduced"
        case Reproduction.NOT_RUN:
            return Lane.WAITING, "its evidence was not run yet, which says nothing against it"
        case Reproduction.NOT_REPRODUCED:
            return Lane.DOUBTED, "its evidence was run and did not reproduce; the reporter can answer"
        case Reproduction.NONE if facts.looks_like_duplicate:
            return Lane.LAST, "it brings no evidence and resembles a known report; it is kept and read last"
        case Reproduction.NONE if facts.is_documented:
            return Lane.LAST, "it brings no evidence, and a vendor documents it as intended; it is kept and read last"
        case Reproduction.NONE:
            return Lane.TOLD, "it brings no evidence that could be run"
        case _:
            assert_never(facts.reproduction)
