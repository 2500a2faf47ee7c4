# SPDX-License-Identifier: Apache-2.0
"""Which family is asked next, given the answers so far and the calls still in flight.

Each family's test reads only its own outcomes in their own order, so any rule that looks only at the past keeps every
test valid. No call is submitted that an in-flight one may make needless: a family waits when its calls in flight would
decide it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

_PRIOR_HITS, _PRIOR_CALLS = 0.5, 1.0


class Stream(Protocol):
    """What a rule looks at: the calls and hits of one family, and whether calls in flight may decide it."""

    @property
    def n(self) -> int:
        """The calls that count."""

    @property
    def hits(self) -> int:
        """The hits among them."""

    def may_end_within(self, calls: int) -> bool:
        """Whether so many more calls decide the family if all of them go well; always once it is decided."""


def askable(streams: Mapping[str, Stream], *, waiting: Mapping[str, int], cap: int) -> tuple[str, ...]:
    """Return the families that may be asked now; `waiting` counts the calls in flight, `cap` bounds each family."""
    return tuple(
        name
        for name, stream in streams.items()
        if not stream.may_end_within(waiting.get(name, 0)) and stream.n + waiting.get(name, 0) < cap
    )


def in_turn(names: Iterable[str], streams: Mapping[str, Stream], *, waiting: Mapping[str, int]) -> str:
    """Return the family asked least so far, the first of equals."""
    return min(names, key=lambda name: streams[name].n + waiting.get(name, 0))


def surviving_first(names: Iterable[str], streams: Mapping[str, Stream], *, waiting: Mapping[str, int]) -> str:
    """Return the family with the highest posterior mean of hits, calls in flight taken as misses.

    Without a hit that is the family asked least, so the families take turns until one is seen to survive the fix.
    """

    def mean(name: str) -> float:
        calls = streams[name].n + waiting.get(name, 0)
        return (streams[name].hits + _PRIOR_HITS) / (calls + _PRIOR_CALLS)

    return max(names, key=mean)
