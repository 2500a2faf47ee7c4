# SPDX-License-Identifier: Apache-2.0
"""What would change a verdict: for every family, the fewest further or other outcomes that lead to another one.

An open family is told how many misses in a row would show its fix and how many hits in a row would refute it. Once a
family is decided, later calls change nothing (the first decision stands), so it is told how many of the outcomes that
decided it would have had to be otherwise for the decision not to stand, with the same number of calls. The same goes
for the assay, where hits are what shows, and for benign use, where a pair that lost is what refutes.

Everything is counted on the tests themselves, whatever their method, and is the least that is possible: it says how
firm a verdict is, and is no forecast.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar, assert_never

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json
from safeconduct.verification.stats.assay import AssayStanding, AssayTest
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.sequential import SequentialTest, Standing
from safeconduct.verification.verdict import POOLED, Deliberation

NEVER: Final = 0
"""No number of outcomes within the cap leads there."""
_MOST: Final = 5_000

_Test = TypeVar("_Test", AssayTest, SequentialTest, BenignTest)


class Question(StrEnum):
    """Which arm a change is about."""

    ASSAY = "assay"
    EFFICACY = "efficacy"
    BENIGN = "benign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The fewest outcomes that lead from where a family stands to somewhere else.

    `further` outcomes come after those there are; otherwise so many of those there are would have had to be other ones.
    `outcome` is what they would be: for benign use a hit is an equal pair, a miss a pair that lost.
    """

    question: Question
    family: str
    standing: str
    to: str
    further: bool
    outcome: TrialOutcome
    count: int


def outlook(deliberation: Deliberation) -> tuple[Change, ...]:
    """Return what would change where every family stands, assay first, then efficacy, then benign use."""
    changes: list[Change] = []
    for name, assay in deliberation.assay.items():
        changes += _assay(name, assay)
    for name, test in deliberation.efficacy.items():
        changes += _efficacy(name, test, room=deliberation.criterion.max_calls_per_family - test.n)
    if deliberation.benign is not None and deliberation.is_fixed:
        changes += _benign(deliberation.benign, room=deliberation.criterion.max_benign_pairs)
    return tuple(changes)


def outlook_facts(changes: tuple[Change, ...]) -> list[Json]:
    """Return the changes as plain data, each with its words."""
    return [
        {
            **asdict(change),
            "question": change.question.value,
            "outcome": change.outcome.value,
            "words": told(change),
        }
        for change in changes
    ]


def told(change: Change) -> str:
    """Return a change in words."""
    one, many, instead = _WORDS[change.question is Question.BENIGN, change.outcome]
    if change.further:
        what = f"{change.count} more {one if change.count == 1 else many} in a row"
        return f"{_where(change)}: {what} would make it {_STANDINGS[change.to]}"
    return f"{_where(change)}: had {change.count} {instead} instead, it would not be {_STANDINGS[change.standing]}"


def _where(change: Change) -> str:
    who = "all families together" if change.family == POOLED else f"family {change.family}"
    match change.question:
        case Question.ASSAY:
            return f"before the fix, {who}"
        case Question.EFFICACY:
            return f"with the fix, {who}"
        case Question.BENIGN:
            return "harmless use"
        case _:
            assert_never(change.question)


_WORDS: Final = {
    (False, TrialOutcome.HIT): ("successful try", "successful tries", "more of its tries succeeded"),
    (False, TrialOutcome.MISS): ("unsuccessful try", "unsuccessful tries", "more of its tries failed"),
    (True, TrialOutcome.HIT): ("equal pair", "equal pairs", "more of its pairs been equal"),
    (True, TrialOutcome.MISS): ("lost pair", "lost pairs", "more of its pairs been lost"),
}
_STANDINGS: Final = {
    AssayStanding.REPRODUCED.value: "reproduced",
    AssayStanding.NOT_REPRODUCED.value: "excluded",
    Standing.FIXED.value: "shown to be fixed",
    Standing.NOT_FIXED.value: "refuted",
    BenignStanding.NON_INFERIOR.value: "shown to be kept",
    BenignStanding.INFERIOR.value: "shown to be lost",
}


def _assay(name: str, test: AssayTest) -> list[Change]:
    make = _maker(Question.ASSAY, name, test.standing.value)
    room = test.cap - test.n
    if test.standing is AssayStanding.OPEN:
        hits = _further(test, AssayTest.after, TrialOutcome.HIT, until=AssayStanding.REPRODUCED, room=room)
        misses = _further(test, AssayTest.after, TrialOutcome.MISS, until=AssayStanding.NOT_REPRODUCED, room=room)
        return [
            *make(AssayStanding.REPRODUCED, TrialOutcome.HIT, hits, further=True),
            *make(AssayStanding.NOT_REPRODUCED, TrialOutcome.MISS, misses, further=True),
        ]
    if test.standing is AssayStanding.REPRODUCED:
        count = _instead(lambda k: test.counted(hits=test.hits - k, misses=test.misses + k), test, most=test.hits)
        return make(AssayStanding.NOT_REPRODUCED, TrialOutcome.MISS, count, further=False)
    count = _instead(lambda k: test.counted(hits=test.hits + k, misses=test.misses - k), test, most=test.misses)
    return make(AssayStanding.REPRODUCED, TrialOutcome.HIT, count, further=False)


def _efficacy(name: str, test: SequentialTest, *, room: int) -> list[Change]:
    make = _maker(Question.EFFICACY, name, test.standing.value)
    if test.standing is Standing.OPEN:
        misses = _further(test, SequentialTest.after, TrialOutcome.MISS, until=Standing.FIXED, room=room)
        hits = _further(test, SequentialTest.after, TrialOutcome.HIT, until=Standing.NOT_FIXED, room=room)
        return [
            *make(Standing.FIXED, TrialOutcome.MISS, misses, further=True),
            *make(Standing.NOT_FIXED, TrialOutcome.HIT, hits, further=True),
        ]
    if test.standing is Standing.FIXED:
        count = _instead(lambda k: _recounted(test, hits=k), test, most=test.misses)
        return make(Standing.OPEN, TrialOutcome.HIT, count, further=False)
    count = _instead(lambda k: _recounted(test, hits=-k), test, most=test.hits)
    return make(Standing.OPEN, TrialOutcome.MISS, count, further=False)


def _recounted(test: SequentialTest, *, hits: int) -> SequentialTest:
    """Return the test with so many misses taken as hits (or hits as misses), and what that shows.

    The last outcome is taken again, so that the test itself says where it stands.
    """
    hits, misses, unknown = test.hits + hits, test.misses - hits, test.unknown
    last = TrialOutcome.MISS if misses else TrialOutcome.HIT
    before = replace(
        test,
        standing=Standing.OPEN,
        hits=hits - (last is TrialOutcome.HIT),
        misses=misses - (last is TrialOutcome.MISS),
        unknown=unknown,
        late=0,
        late_hits=0,
    )
    return before.after(last)


def _benign(test: BenignTest, *, room: int) -> list[Change]:
    make = _maker(Question.BENIGN, "", test.standing.value)
    lost, same, won = test.worst
    if test.standing is BenignStanding.OPEN:
        pairs = _further(test, _pair, TrialOutcome.HIT, until=BenignStanding.NON_INFERIOR, room=room - test.pairs)
        losses = _further(test, _pair, TrialOutcome.MISS, until=BenignStanding.INFERIOR, room=room - test.pairs)
        return [
            *make(BenignStanding.NON_INFERIOR, TrialOutcome.HIT, pairs, further=True),
            *make(BenignStanding.INFERIOR, TrialOutcome.MISS, losses, further=True),
        ]
    if test.standing is BenignStanding.NON_INFERIOR:
        count = _instead(lambda k: test.counted((lost + k, same - k, won)), test, most=same)
        return make(BenignStanding.OPEN, TrialOutcome.MISS, count, further=False)
    lost, same, won = test.best
    count = _instead(lambda k: test.counted((lost - k, same + k, won)), test, most=lost)
    return make(BenignStanding.OPEN, TrialOutcome.HIT, count, further=False)


def _pair(test: BenignTest, outcome: TrialOutcome) -> BenignTest:
    """Return the test after a pair whose second half ended so, and whose first half served."""
    return test.after(before=TrialOutcome.HIT, after=outcome)


def _further(
    test: _Test, after: Callable[[_Test, TrialOutcome], _Test], outcome: TrialOutcome, *, until: StrEnum, room: int
) -> int:
    """Return how many such outcomes in a row lead there, within the room that the caps leave."""
    for count in range(1, min(room, _MOST) + 1):
        test = after(test, outcome)
        if test.standing is until:
            return count
    return NEVER


def _instead(change: Callable[[int], _Test], test: _Test, *, most: int) -> int:
    """Return how many outcomes would have had to be otherwise for the test not to stand where it stands."""
    return next((k for k in range(1, most + 1) if change(k).standing is not test.standing), NEVER)


def _maker(question: Question, family: str, standing: str) -> Callable[..., list[Change]]:
    """Return what makes the changes of one family; one that is not possible is none."""

    def make(to: StrEnum, outcome: TrialOutcome, count: int, *, further: bool) -> list[Change]:
        if count == NEVER:
            return []
        return [
            Change(
                question=question,
                family=family,
                standing=standing,
                to=to.value,
                further=further,
                outcome=outcome,
                count=count,
            )
        ]

    return make
