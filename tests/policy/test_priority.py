# SPDX-License-Identifier: Apache-2.0
"""The order of the triage queue."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.factories import NOON

from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.policy.priority import Lane, QueueFacts, Reproduction, lane, sort_key

FACTS = st.builds(
    QueueFacts,
    reproduction=st.sampled_from(Reproduction),
    received_at=st.integers(0, 1000).map(lambda hours: NOON - timedelta(hours=hours)),
    tier=st.sampled_from(Tier),
    exploitation=st.sampled_from(Exploitation),
    coordination=st.sampled_from("DTC"),
    looks_like_duplicate=st.booleans(),
)
WAITING = QueueFacts(reproduction=Reproduction.NOT_RUN, received_at=NOON)


@pytest.mark.parametrize(
    ("reproduction", "duplicate", "expected"),
    [
        (Reproduction.REPRODUCED, True, Lane.PROVEN),
        (Reproduction.NOT_RUN, True, Lane.WAITING),
        (Reproduction.NONE, False, Lane.TOLD),
        (Reproduction.NONE, True, Lane.LAST),
        (Reproduction.NOT_REPRODUCED, False, Lane.DOUBTED),
        (Reproduction.NOT_REPRODUCED, True, Lane.DOUBTED),
    ],
)
def test_evidence_chooses_the_lane(reproduction: Reproduction, duplicate: bool, expected: Lane) -> None:  # noqa: FBT001
    facts = QueueFacts(reproduction=reproduction, received_at=NOON, looks_like_duplicate=duplicate)

    assert lane(facts).outcome is expected


@given(FACTS, FACTS)
def test_a_report_that_was_not_run_always_waits_ahead_of_one_that_failed(one: QueueFacts, other: QueueFacts) -> None:
    waiting = replace(one, reproduction=Reproduction.NOT_RUN)
    failed = replace(other, reproduction=Reproduction.NOT_REPRODUCED)

    assert sort_key(waiting) < sort_key(failed)


@given(FACTS, FACTS)
def test_a_report_that_reproduced_overtakes_all_that_did_not(one: QueueFacts, other: QueueFacts) -> None:
    proven = replace(one, reproduction=Reproduction.REPRODUCED)

    if other.reproduction is not Reproduction.REPRODUCED:
        assert sort_key(proven) < sort_key(other)


@given(st.lists(FACTS))
def test_sorting_drops_nothing(queue: list[QueueFacts]) -> None:
    assert sorted(map(repr, sorted(queue, key=sort_key))) == sorted(map(repr, queue))


@pytest.mark.parametrize(
    "ahead",
    [
        replace(WAITING, tier=Tier.CRITICAL),
        replace(WAITING, tier=Tier.HIGH, exploitation=Exploitation.ACTIVE),
        replace(WAITING, tier=Tier.HIGH, exploitation=Exploitation.POC, coordination="C"),
        replace(
            WAITING, tier=Tier.HIGH, exploitation=Exploitation.POC, coordination="T", received_at=NOON - timedelta(1)
        ),
    ],
)
def test_within_a_lane_tier_use_coordination_and_age_decide_in_this_order(ahead: QueueFacts) -> None:
    behind = replace(WAITING, tier=Tier.HIGH, exploitation=Exploitation.POC, coordination="T")

    assert sort_key(ahead) < sort_key(behind)


def test_the_place_is_explained() -> None:
    decision = lane(replace(WAITING, tier=Tier.HIGH, exploitation=Exploitation.ACTIVE))

    assert decision.rules == ("priority.waiting",)
    assert decision.reasons == (
        "its evidence was not run yet, which says nothing against it",
        "within its lane by tier (high at most)",
        "it is used in the wild, which goes ahead of others of its tier",
        "then by age (received 2026-11-23)",
    )
