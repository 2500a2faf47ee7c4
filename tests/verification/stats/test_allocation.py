# SPDX-License-Identifier: Apache-2.0
"""Who is asked next."""

from dataclasses import dataclass

from safeconduct.verification.stats.allocation import askable, in_turn, surviving_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    n: int = 0
    hits: int = 0
    needed: int = 10

    def may_end_within(self, calls: int) -> bool:
        return calls >= self.needed


def test_families_take_turns_while_none_has_a_hit() -> None:
    streams = {"a": Counts(n=2), "b": Counts(n=1), "c": Counts(n=1)}

    assert surviving_first(streams, streams, waiting={}) == "b"
    assert surviving_first(streams, streams, waiting={"b": 1}) == "c"
    assert in_turn(streams, streams, waiting={"b": 1}) == "c"


def test_a_family_with_a_hit_is_asked_first() -> None:
    streams = {"a": Counts(n=5), "b": Counts(n=5, hits=1)}

    assert surviving_first(streams, streams, waiting={}) == "b"


def test_a_family_waits_when_its_calls_in_flight_may_decide_it() -> None:
    streams = {"a": Counts(needed=2), "b": Counts(needed=3), "decided": Counts(needed=0)}

    assert askable(streams, waiting={"a": 2, "b": 2}, cap=100) == ("b",)


def test_no_family_is_asked_past_its_cap() -> None:
    streams = {"a": Counts(n=98), "b": Counts(n=99)}

    assert askable(streams, waiting={"b": 1}, cap=100) == ("a",)
