# SPDX-License-Identifier: Apache-2.0
"""Exact error rates and expected calls of the sequential tests, by dynamic programming over the counts.

The state of a test is its counts, so the probability of every state after n calls follows from that after n - 1. What
is found is exact up to rounding for independent outcomes of one rate, without unknown ones; nothing is simulated. Mass
that is still undecided at the cap is told apart as `open`.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from safeconduct.verification.stats.assay import AssayStanding, AssayTest
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.mixture import rejects
from safeconduct.verification.stats.sequential import SequentialTest

_State = TypeVar("_State", bound=Hashable)
NEVER = 1 << 62
NEGLIGIBLE = 1e-30
"""A state of smaller probability is not followed; its mass is counted as open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """How a test behaves at one true rate: the chance of each decision, and when it falls.

    `stopping[n]` is the chance that the decision falls with call n; `open` that none falls within the cap.
    """

    accepted: float
    refused: float
    open: float
    stopping: tuple[float, ...]

    @property
    def calls(self) -> float:
        """Return the expected number of calls, the cap where no decision falls."""
        cap = len(self.stopping) - 1
        return sum(n * chance for n, chance in enumerate(self.stopping)) + cap * self.open

    def quantile(self, share: float) -> int:
        """Return the number of calls within which the decision falls with at least the given chance, or the cap."""
        reached = 0.0
        for n, chance in enumerate(self.stopping):
            reached += chance
            if reached >= share:
                return n
        return len(self.stopping) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """After n calls accept with at most `accept[n]` hits, refuse with `refuse[n]` or more; index 0 is unused.

    -1 and NEVER stand for "not at this n".
    """

    accept: tuple[int, ...]
    refuse: tuple[int, ...]


def boundaries(test: SequentialTest, *, cap: int) -> Boundaries:
    """Return where the test decides FIXED (accept) and NOT FIXED (refuse)."""
    accept, refuse = [-1], [NEVER]
    fixed, refuted = -1, 0
    for n in range(1, cap + 1):
        while fixed < n and rejects(test.below.log_e(test.boundary, n=n, hits=fixed + 1), level=test.alpha):
            fixed += 1
        while refuted <= n and not rejects(test.above.log_e(test.design, n=n, hits=refuted), level=test.beta):
            refuted += 1
        accept.append(fixed)
        refuse.append(refuted if refuted <= n else NEVER)
    return Boundaries(accept=tuple(accept), refuse=tuple(refuse))


def without_refusal(given: Boundaries) -> Boundaries:
    """Return the boundaries of the one-sided test that goes on until it accepts: the worst case of its error."""
    return Boundaries(accept=given.accept, refuse=(NEVER,) * len(given.refuse))


def operating(given: Boundaries, *, rate: float) -> Operating:
    """Return how a test with these boundaries behaves when each call hits with probability `rate`."""

    def decide(n: int, hits: int) -> bool | None:
        if hits <= given.accept[n]:
            return True
        return False if hits >= given.refuse[n] else None

    steps = ((1, rate), (0, 1 - rate))
    return _walk(0, lambda hits: ((hits + more, chance) for more, chance in steps), decide, cap=len(given.accept) - 1)


def assay_operating(test: AssayTest, *, rate: float) -> Operating:
    """Return how the assay of one family behaves; accepted means that the flaw reproduced."""

    def decide(n: int, hits: int) -> bool | None:
        return _ASSAY[test.counted(hits=hits, misses=n - hits).standing]

    steps = ((1, rate), (0, 1 - rate))
    return _walk(0, lambda hits: ((hits + more, chance) for more, chance in steps), decide, cap=test.cap)


def benign_operating(test: BenignTest, *, lost: float, won: float, cap: int) -> Operating:
    """Return how the benign arm behaves, in pairs; accepted means non-inferior.

    `lost` and `won` are the chances that a pair has D = -1 and D = 1.
    """

    def decide(n: int, state: tuple[int, int]) -> bool | None:
        counts = (state[0], n - sum(state), state[1])
        return _BENIGN[test.counted(counts).standing]

    steps = (((1, 0), lost), ((0, 0), 1 - lost - won), ((0, 1), won))

    def moves(state: tuple[int, int]) -> Iterable[tuple[tuple[int, int], float]]:
        return (((state[0] + one, state[1] + other), chance) for (one, other), chance in steps)

    return _walk((0, 0), moves, decide, cap=cap)


_ASSAY = {AssayStanding.REPRODUCED: True, AssayStanding.NOT_REPRODUCED: False, AssayStanding.OPEN: None}
_BENIGN = {BenignStanding.NON_INFERIOR: True, BenignStanding.INFERIOR: False, BenignStanding.OPEN: None}


def _walk(
    start: _State,
    moves: Callable[[_State], Iterable[tuple[_State, float]]],
    decide: Callable[[int, _State], bool | None],
    *,
    cap: int,
) -> Operating:
    """Carry the probabilities from call to call; `decide` says accept, refuse or go on."""
    mass: Mapping[_State, float] = {start: 1.0}
    stopping, ended, dropped = [0.0], {True: 0.0, False: 0.0}, 0.0
    for n in range(1, cap + 1):
        going: dict[_State, float] = {}
        stopped = 0.0
        for state, chance in _spread(mass, moves).items():
            answer = decide(n, state)
            if answer is None and chance < NEGLIGIBLE:
                dropped += chance
            elif answer is None:
                going[state] = chance
            else:
                ended[answer] += chance
                stopped += chance
        stopping.append(stopped)
        mass = going
    left = dropped + sum(mass.values())
    return Operating(accepted=ended[True], refused=ended[False], open=left, stopping=tuple(stopping))


def _spread(
    mass: Mapping[_State, float], moves: Callable[[_State], Iterable[tuple[_State, float]]]
) -> dict[_State, float]:
    spread: dict[_State, float] = {}
    for state, chance in mass.items():
        for following, share in moves(state):
            if share > 0:
                spread[following] = spread.get(following, 0.0) + chance * share
    return spread
