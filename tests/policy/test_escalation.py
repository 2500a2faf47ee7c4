# SPDX-License-Identifier: Apache-2.0
"""Escalation: silence, missed dates, leaks."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from safeconduct.domain.clock import CaseFacts, EscalationAction
from safeconduct.domain.instants import parse_instant
from safeconduct.domain.severity import Tier
from safeconduct.errors import ConfigurationError
from safeconduct.policy import tables
from safeconduct.policy.escalation import ACTION_WORDS, build_ladder, escalations

A = EscalationAction
MONDAY = parse_instant("2026-01-05T10:00Z")


def facts(**changes: Any) -> CaseFacts:
    base: dict[str, Any] = {
        "received_at": MONDAY,
        "acknowledged_at": MONDAY,
        "assessed_at": MONDAY,
        "status_at": MONDAY,
        "mitigated_at": MONDAY,
        "vendor_notified_at": MONDAY,
        "tier": Tier.LOW,
        "systemic": False,
    }
    return CaseFacts(**{**base, **changes})


def steps(known: CaseFacts, *, after: timedelta) -> list[tuple[EscalationAction, datetime, bool]]:
    return [(one.action, one.at, one.is_due) for one in escalations(known, now=MONDAY + after)]


def test_a_silent_vendor_climbs_the_ladder_to_publication() -> None:
    assert steps(facts(), after=timedelta(days=14)) == [
        (A.SECOND_CHANNEL, MONDAY + timedelta(days=7), True),
        (A.PEER_COORDINATOR, MONDAY + timedelta(days=14), True),
        (A.FINAL_NOTICE, MONDAY + timedelta(days=30), False),
        (A.PUBLISH_WITHOUT_VENDOR, MONDAY + timedelta(days=120), False),
    ]


@pytest.mark.parametrize("over", ["vendor_answered_at", "fixed_at", "published_at", "closed_at"])
def test_the_ladder_stops_with_an_answer_a_fix_or_the_end(over: str) -> None:
    answered = facts(**{over: MONDAY + timedelta(days=8)})

    assert steps(answered, after=timedelta(days=7))[0] == (A.SECOND_CHANNEL, MONDAY + timedelta(days=7), True)
    assert steps(answered, after=timedelta(days=9)) == []


def test_a_vendor_that_was_not_told_is_not_silent() -> None:
    assert steps(facts(vendor_notified_at=None), after=timedelta(days=9)) == []


def test_no_step_comes_after_publication_is_due() -> None:
    urgent = facts(harm_imminent_at=MONDAY, vendor_notified_at=MONDAY)

    assert [action for action, _, _ in steps(urgent, after=timedelta(hours=1))] == [A.PUBLISH_WITHOUT_VENDOR]


def test_a_missed_date_is_told_with_its_grounds() -> None:
    (missed,) = escalations(facts(vendor_notified_at=None, embargo_ends_at=MONDAY), now=MONDAY + timedelta(days=28))

    assert missed.action is A.TELL_COORDINATOR
    assert missed.at == MONDAY + timedelta(days=28)
    assert missed.rules[0] == "escalation-0.1.missed-status"
    assert missed.grounds[0] == "missed: tell the reporter the status by 2026-02-02 10:00 UTC"
    assert missed.key == "tell_coordinator@2026-02-02T10:00:00Z:escalation-0.1.missed-status"


def test_a_leak_is_told_to_all_parties_within_hours() -> None:
    leaked = facts(vendor_answered_at=MONDAY, leaked_at=MONDAY)

    assert steps(leaked, after=timedelta(hours=1)) == [(A.TELL_ALL_PARTIES, MONDAY + timedelta(hours=4), False)]
    assert steps(facts(leaked_at=MONDAY, closed_at=MONDAY), after=timedelta(hours=5)) == []


def test_before_the_receipt_nothing_escalates() -> None:
    assert steps(facts(), after=timedelta(seconds=-1)) == []


def test_every_action_has_words() -> None:
    assert set(ACTION_WORDS) == set(EscalationAction)


def test_a_ladder_out_of_order_is_refused() -> None:
    text = """
table = "escalation"
version = "1"
dated = 2026-11-23
source = "test"
license = "CC0-1.0"
silence = [{after = "14d", action = "final_notice"}, {after = "7d", action = "second_channel"}]
leak = {within = "4h", action = "tell_all_parties"}
"""
    with pytest.raises(ConfigurationError):
        tables.read(text, file_name="ladder.toml", build=build_ladder)
