# SPDX-License-Identifier: Apache-2.0
"""Running one bundle against one target for the gate: what the run needs, how it is watched, what came of it.

Nothing here writes; the calls were set aside before, and the outcome is written down after.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from safeconduct.domain.bundle import Bundle, Speaker
from safeconduct.domain.evidence import Trial
from safeconduct.errors import MalformedError, NotPermittedError, SafeconductError
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations.models import Target
from safeconduct.server.authorizations.secret_files import secrets_named
from safeconduct.server.authorizations.services import Reservation
from safeconduct.server.triage.models import GateState
from safeconduct.verification.meter import Spent
from safeconduct.verification.reproduction import HARMLESS, Budget, Finding, Reproduction, reproduce
from safeconduct.verification.targets import target_for

Clock = Callable[[], datetime]

WALL_SECONDS = 1200.0
LOOK_EVERY = timedelta(seconds=2)
SEED_BYTES = 32
BUSY = 3
"""How often a busy target may be asked for one answer, so how many calls one answer may cost."""
USUAL = Budget()
STATES = {
    Finding.REPRODUCED: GateState.REPRODUCED,
    Finding.NOT_REPRODUCED: GateState.NOT_REPRODUCED,
    Finding.INVALID: GateState.INVALID,
    Finding.ERROR: GateState.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run of this bundle needs: trials, the calls they cost at least, and the seconds it may take."""

    bundle: Bundle
    trials: int
    calls: int

    @classmethod
    def of(cls, bundle: Bundle) -> "Plan":
        """Return the plan within the bundle's own limits.

        Raises:
            MalformedError: its limits leave too few calls to show anything.
        """
        turns = max(1, sum(step.role is Speaker.USER for step in bundle.attack.steps))
        trials = min(USUAL.calls, (bundle.limits.calls - len(HARMLESS)) // turns)
        if trials < USUAL.hits:
            raise MalformedError("limits.json: it allows too few calls to show anything", hint="allow more")
        return cls(bundle=bundle, trials=trials, calls=len(HARMLESS) + trials * turns)

    def seconds(self, rate: int) -> float:
        """Return how long the run may take at so many calls per minute; zero is no stated rate."""
        rates = [given for given in (rate, self.bundle.limits.calls_per_minute) if given]
        waiting = 60 * self.calls / min(rates) if rates else 0.0
        return min(self.bundle.limits.wall_seconds, WALL_SECONDS + waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What to write down of a run; `is_busy` where calls are missing that another run may give back."""

    state: GateState
    reason: str
    is_busy: bool = False
    calls: int = 0
    tokens: int = 0
    found: Reproduction | None = None
    seed: str = ""
    spent: Spent | None = None


def attempt(reserved: Reservation, plan: Plan, *, clock: Clock) -> Outcome:
    """Run the bundle within what was set aside; a failure is an outcome, too."""
    terms = reserved.terms
    limits = replace(plan.bundle.limits, wall_seconds=plan.seconds(terms.caps.calls_per_minute))
    bundle = replace(plan.bundle, limits=limits)
    try:
        target = target_for(bundle, terms, clock=clock, secrets=secrets_named(terms.secret_name))
    except SafeconductError as error:
        return Outcome(state=GateState.ERROR, reason=error.message)
    seed = secrets.token_bytes(SEED_BYTES)
    budget = replace(USUAL, calls=plan.trials)
    watch = Watch(reserved.target, clock=clock)
    try:
        found = reproduce(bundle, target, seed=seed, clock=clock, budget=budget, listen=watch.listen, every=LOOK_EVERY)
    except SafeconductError as error:
        spent = target.spent
        return Outcome(state=GateState.ERROR, reason=error.message, calls=spent.calls, tokens=spent.tokens)
    return Outcome(
        state=STATES[found.finding],
        reason=found.reason,
        calls=found.calls,
        tokens=found.tokens,
        found=found,
        seed=seed.hex(),
        spent=target.spent,
    )


class Watch:
    """Stops a run when its target is suspended or its window closes."""

    def __init__(self, target: Target, *, clock: Clock) -> None:
        """Begin; the target was just found to be usable."""
        self._target_id, self._clock = target.pk, clock

    def listen(self, _trial: Trial) -> None:
        """Look after a trial.

        Raises:
            NotPermittedError: the target may not be tested any more.
        """
        if not authorizations.is_usable(self._target_id, now=self._clock()):
            raise NotPermittedError("the target was suspended, or its window closed", hint="look at the target")
