# SPDX-License-Identifier: Apache-2.0
"""The journal of a campaign: what is about to be asked, then what came of it, so that no paid call is made twice.

`planned` is durable before the call is made, `done` is written when its answer has been judged. A campaign that was
paused or killed is carried on from `replay`: every outcome that was written counts as it stands, and a call that was
planned and has none is taken as an error (`lost`), which is bounded both ways. It is never made again, because nobody
could tell whether its answer was seen. Lost are therefore at most the calls that were in flight.

The draws follow from the seed and their number, so a journal that does not fit them is refused when it is replayed.
A journal keeps digests and outcomes, never what was asked or answered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from safeconduct.domain.evidence import Arm, Trial, TrialOutcome
from safeconduct.domain.instants import utc
from safeconduct.domain.safe_json import Json
from safeconduct.verification.fields import Fields
from safeconduct.verification.trials import MAX_MUTATORS

LOST: Final = "the run ended before the answer was written down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One call that is about to be made; `number` is its place in the order of submission, from 1."""

    number: int
    arm: Arm
    family: str
    variant: str
    mutators: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A planned call with its outcome, if that was written down."""

    plan: Plan
    trial: Trial | None

    @property
    def outcome(self) -> Trial:
        """Return what counts: the trial, or the error that stands for a lost one."""
        return lost(self.plan) if self.trial is None else self.trial


class Journal(Protocol):
    """Keeps a campaign's calls; asked in the thread of whoever runs the campaign, outside of any event loop."""

    def planned(self, plan: Plan) -> None:
        """Write down a call before it is made; it is durable when this returns.

        Raises:
            UnavailableError: it cannot be written; the call is not made.
        """

    def done(self, trial: Trial) -> None:
        """Write down what came of a planned call. With several calls in flight they may end in any order.

        Raises:
            UnavailableError: it cannot be written.
        """

    def replay(self) -> Iterator[Entry]:
        """Return what earlier sittings wrote, in the order of submission without a gap, each call once.

        Raises:
            MalformedError: what was kept cannot be read.
        """


class NoJournal:
    """Keeps nothing: a campaign that is not carried on."""

    def planned(self, plan: Plan) -> None:
        """Forget it."""

    def done(self, trial: Trial) -> None:
        """Forget it."""

    def replay(self) -> Iterator[Entry]:
        """Return nothing."""
        return iter(())


def lost(plan: Plan) -> Trial:
    """Return the trial of a call whose answer was not written down: an error, which helps neither claim."""
    return Trial(
        number=plan.number,
        arm=plan.arm,
        family=plan.family,
        variant=plan.variant,
        mutators=plan.mutators,
        request_sha256="",
        response_sha256="",
        outcome=TrialOutcome.ERROR,
        tokens=0,
        started_at=plan.at,
        seconds=0.0,
        detail=LOST,
    )


def plan_facts(plan: Plan) -> dict[str, Json]:
    """Return a plan as plain data."""
    return {
        "number": plan.number,
        "arm": plan.arm.value,
        "family": plan.family,
        "variant": plan.variant,
        "mutators": list(plan.mutators),
        "at": utc(plan.at).isoformat(),
    }


def read_plan(fields: Fields) -> Plan:
    """Return the plan that the fields tell of.

    Raises:
        MalformedError: they are not those of a plan.
    """
    return Plan(
        number=fields.whole("number", least=1),
        arm=fields.choice("arm", Arm),
        family=fields.text("family", limit=200),
        variant=fields.text("variant", limit=200),
        mutators=fields.texts("mutators", most=MAX_MUTATORS),
        at=fields.moment("at"),
    )
