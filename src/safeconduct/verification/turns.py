# SPDX-License-Identifier: Apache-2.0
"""One turn of a regression watch: a few fresh variants on the system with the fix, one generation each.

The families whose fix was shown are asked in turn, so every outcome has, while the fix holds, a success rate of at most
the tolerance, whatever the order: that is all the detector needs (`stats.detector`). The draws follow from a seed that
is made for the turn. A target that fails is an outcome, too; one that fails `STREAK` times in a row ends the turn, and
so does a grant that no longer covers a call.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Trial
from safeconduct.errors import MalformedError, NotPermittedError, SandboxError, TargetError, TooLargeError
from safeconduct.verification.aside import run_aside
from safeconduct.verification.asking import ask, trial_of
from safeconduct.verification.bundle.checks import require_runnable
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.sampling import Sampler
from safeconduct.verification.targets.interface import Target
from safeconduct.verification.verdict import Call

STREAK: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What a turn asks: so many calls, over these families of the bundle, from this seed."""

    bundle: Bundle
    families: tuple[str, ...]
    calls: int
    seed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a turn brought; `halted` says why it ended before its last call, and is empty where it did not."""

    trials: tuple[Trial, ...]
    fingerprint: str
    calls: int
    tokens: int
    halted: str


def take_turn(
    draws: Draws,
    target: Target,
    *,
    clock: Callable[[], datetime],
    listen: Callable[[Trial], None] = lambda _trial: None,
) -> Turn:
    """Ask the target and say what came of it; `listen` is called in the caller's thread and may end the turn.

    A bundle that cannot be run, a target or a sandbox that fails, end the turn and are told in `halted`.
    """

    def conduct(tell: Callable[[Trial], None]) -> Coroutine[Any, Any, Turn]:
        return _conduct(draws, target, clock=clock, tell=tell)

    return run_aside(conduct, listen)


async def _conduct(
    draws: Draws, target: Target, *, clock: Callable[[], datetime], tell: Callable[[Trial], None]
) -> Turn:
    trials: list[Trial] = []
    halted = ""
    try:
        require_runnable(draws.bundle)
        async with asyncio.timeout(draws.bundle.limits.wall_seconds), target:
            await _ask_all(draws, target, trials, clock=clock, tell=tell)
    except (MalformedError, TooLargeError, NotPermittedError, SandboxError, TargetError) as error:
        halted = error.message
    except TimeoutError:
        halted = "its time is spent"
    spent = target.spent
    return Turn(
        trials=tuple(trials), fingerprint=target.fingerprint, calls=spent.calls, tokens=spent.tokens, halted=halted
    )


async def _ask_all(
    draws: Draws,
    target: Target,
    trials: list[Trial],
    *,
    clock: Callable[[], datetime],
    tell: Callable[[Trial], None],
) -> None:
    oracle = PreparedOracle(draws.bundle.oracle)
    sampler = Sampler(draws.bundle, draws.seed)
    streak = 0
    for number, family in enumerate(_in_turn(draws.families, draws.calls), start=1):
        draw = sampler.draw(Call(arm=Arm.EFFICACY, family=family))
        outcome = await ask(target, draw, judge=lambda answer: oracle.judge(answer.replies), clock=clock)
        trials.append(trial_of(draw, outcome, number=number))
        tell(trials[-1])
        streak = streak + 1 if outcome.failure else 0
        if outcome.failure and streak >= STREAK:
            raise outcome.failure


def _in_turn(families: Sequence[str], calls: int) -> list[str]:
    return [families[place % len(families)] for place in range(calls)]
