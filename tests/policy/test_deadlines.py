# SPDX-License-Identifier: Apache-2.0
"""Deadlines: worked scenarios with hand-computed dates, and properties that hold for any facts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.domain.clock import (
    INSTANTS,
    CaseFacts,
    Deadline,
    DeadlineKind,
    DeadlineState,
    Extension,
    ExtensionReason,
    Pause,
    PauseReason,
    Remediability,
)
from safeconduct.domain.instants import find_zone, parse_instant
from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import ConflictError, MalformedError, UnknownValueError
from safeconduct.policy.calendars import Calendar, Period
from safeconduct.policy.deadline_policy import balanced, read_policy
from safeconduct.policy.deadlines import deadlines, describe, next_check
from safeconduct.policy.decision import Outcome
from safeconduct.policy.extensions import may_extend, may_pause

K = DeadlineKind
S = DeadlineState


def at(text: str) -> datetime:
    return parse_instant(text)


MONDAY = at("2026-01-05T10:00Z")
"""The report of every scenario that says nothing else arrives on this Monday, and the vendor is told on it."""


def facts(**changes: Any) -> CaseFacts:
    base: dict[str, Any] = {
        "received_at": MONDAY,
        "acknowledged_at": MONDAY,
        "assessed_at": MONDAY,
        "vendor_notified_at": MONDAY,
        "tier": Tier.HIGH,
        "systemic": False,
    }
    return CaseFacts(**{**base, **changes})


def by_kind(known: CaseFacts, now: datetime = MONDAY) -> dict[DeadlineKind, Deadline]:
    return {deadline.kind: deadline for deadline in deadlines(known, now=now)}


def due(known: CaseFacts, kind: DeadlineKind, now: datetime = MONDAY) -> datetime | None:
    found = by_kind(known, now).get(kind)
    return found.due if found else None


def extension(days: float = 14, *, kind: DeadlineKind = K.PUBLISH, **changes: Any) -> Extension:
    base: dict[str, Any] = {
        "kind": kind,
        "length": timedelta(days=days),
        "reason": ExtensionReason.ACTIVE_PROGRESS,
        "granted_at": MONDAY,
        "evidence": "a candidate fix in review",
    }
    return Extension(**{**base, **changes})


def pause(start: str, until: str, reason: PauseReason = PauseReason.AWAITING_REPORTER, **changes: Any) -> Pause:
    return Pause(reason=reason, started_at=at(start), until=at(until), **changes)


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        # acknowledge, assess, status, mitigate, remediate, publish; 5 January 2026 10:00 UTC is a Monday
        (
            Tier.CRITICAL,
            [
                "2026-01-06T10:00Z",
                "2026-01-07T10:00Z",
                "2026-01-08T10:00Z",
                "2026-01-12T10:00Z",
                "2026-02-04T10:00Z",
                "2026-02-19T10:00Z",
            ],
        ),
        (
            Tier.HIGH,
            # 90 days lead to Sunday 5 April: published on Monday the 6th from nine o'clock
            [
                "2026-01-07T10:00Z",
                "2026-01-10T10:00Z",
                "2026-01-12T10:00Z",
                "2026-02-04T10:00Z",
                "2026-03-06T10:00Z",
                "2026-04-06T09:00Z",
            ],
        ),
        (
            Tier.MEDIUM,
            [
                "2026-01-08T10:00Z",
                "2026-01-12T10:00Z",
                "2026-01-19T10:00Z",
                "2026-03-06T10:00Z",
                "2026-04-05T10:00Z",
                "2026-04-06T09:00Z",
            ],
        ),
        (
            Tier.LOW,
            [
                "2026-01-12T10:00Z",
                "2026-01-19T10:00Z",
                "2026-02-02T10:00Z",
                None,
                "2026-07-04T10:00Z",
                "2026-05-05T10:00Z",
            ],
        ),
        (
            Tier.NONE,
            # 180 days lead to Saturday 4 July
            ["2026-01-12T10:00Z", "2026-01-19T10:00Z", "2026-02-02T10:00Z", None, None, "2026-07-06T09:00Z"],
        ),
    ],
)
def test_each_tier_has_its_dates(tier: Tier, expected: list[str | None]) -> None:
    found = by_kind(facts(tier=tier))

    kinds = [K.ACKNOWLEDGE, K.ASSESS, K.STATUS, K.MITIGATE, K.REMEDIATE, K.PUBLISH]
    assert [found[kind].due if kind in found else None for kind in kinds] == [
        at(text) if text else None for text in expected
    ]


@pytest.mark.parametrize(
    ("what", "changes", "kind", "expected"),
    [
        (
            "received on Friday: two working days end on Tuesday",
            {"received_at": at("2026-01-02T15:00Z")},
            K.ACKNOWLEDGE,
            "2026-01-06T15:00Z",
        ),
        (
            "received on Saturday: Monday is the first day",
            {"received_at": at("2026-01-03T12:00Z")},
            K.ACKNOWLEDGE,
            "2026-01-06T12:00Z",
        ),
        (
            "a holiday is no working day",
            {"holidays": frozenset({date(2026, 1, 6)})},
            K.ACKNOWLEDGE,
            "2026-01-08T10:00Z",
        ),
        (
            "Friday evening in Berlin is still a working day although it is Saturday in Tokyo",
            {"received_at": at("2026-01-02T22:00Z"), "zone": "Europe/Berlin"},
            K.ACKNOWLEDGE,
            "2026-01-06T22:00Z",
        ),
        (
            "on the clocks of Tokyo it is Saturday morning: counted from Monday",
            {"received_at": at("2026-01-02T22:00Z"), "zone": "Asia/Tokyo"},
            K.ACKNOWLEDGE,
            "2026-01-05T22:00Z",
        ),
        (
            "working days keep the time of day over the change to summer time",
            {"received_at": at("2026-03-27T09:00Z"), "zone": "Europe/Berlin"},
            K.ACKNOWLEDGE,
            "2026-03-31T08:00Z",
        ),
        (
            "days are 24 hours each over the change to summer time",
            {"received_at": at("2026-03-27T09:00Z"), "zone": "Europe/Berlin"},
            K.ASSESS,
            "2026-04-01T09:00Z",
        ),
        (
            "a time of day that summer time skips is read with the earlier offset",
            {"received_at": at("2026-04-21T22:30Z"), "zone": "Africa/Cairo"},
            K.ACKNOWLEDGE,
            "2026-04-23T22:30Z",
        ),
        (
            "a time of day that winter time repeats is the first of the two",
            {"received_at": at("2026-10-27T20:30Z"), "zone": "Africa/Cairo"},
            K.ACKNOWLEDGE,
            "2026-10-29T20:30Z",
        ),
        (
            "a leap day counts",
            {
                "received_at": at("2028-02-27T12:00Z"),
                "vendor_notified_at": at("2028-02-27T12:00Z"),
                "tier": Tier.CRITICAL,
            },
            K.MITIGATE,
            "2028-03-05T12:00Z",
        ),
        (
            "the same days without a leap day",
            {
                "received_at": at("2027-02-27T12:00Z"),
                "vendor_notified_at": at("2027-02-27T12:00Z"),
                "tier": Tier.CRITICAL,
            },
            K.MITIGATE,
            "2027-03-06T12:00Z",
        ),
        (
            "the turn of the year",
            {"received_at": at("2026-12-31T23:59Z"), "tier": Tier.CRITICAL},
            K.ACKNOWLEDGE,
            "2027-01-01T23:59Z",
        ),
        ("systemic: 30 days more, on Tuesday 5 May", {"systemic": True}, K.PUBLISH, "2026-05-05T10:00Z"),
        (
            "systemic and critical: 75 days, the cap, although it is a Saturday",
            {"systemic": True, "tier": Tier.CRITICAL},
            K.PUBLISH,
            "2026-03-21T10:00Z",
        ),
        ("systemic and low: at most 120 days", {"systemic": True, "tier": Tier.LOW}, K.PUBLISH, "2026-05-05T10:00Z"),
        ("not known to be systemic: no time is added", {"systemic": None}, K.PUBLISH, "2026-04-06T09:00Z"),
        (
            "extended by 14 days: Sunday 19 April becomes Monday",
            {"extensions": (extension(14),)},
            K.PUBLISH,
            "2026-04-20T09:00Z",
        ),
        (
            "an extension beyond the bound is cut: high has 14 days",
            {"extensions": (extension(60),)},
            K.PUBLISH,
            "2026-04-20T09:00Z",
        ),
        (
            "only the first extension counts",
            {"extensions": (extension(2), extension(14, granted_at=MONDAY))},
            K.PUBLISH,
            "2026-04-07T10:00Z",
        ),
        (
            "an extension for retraining has 30 days more while a mitigation is in place: 134 days, cut at the cap of 120",
            {"mitigated_at": MONDAY, "extensions": (extension(60, reason=ExtensionReason.RETRAIN_REQUIRED),)},
            K.PUBLISH,
            "2026-05-05T10:00Z",
        ),
        (
            "without mitigation retraining gives no more than any reason",
            {"extensions": (extension(60, reason=ExtensionReason.RETRAIN_REQUIRED),)},
            K.PUBLISH,
            "2026-04-20T09:00Z",
        ),
        (
            "remediation may be extended apart",
            {"extensions": (extension(10, kind=K.REMEDIATE),)},
            K.REMEDIATE,
            "2026-03-16T10:00Z",
        ),
        (
            "mitigation is not extended",
            {"extensions": (extension(10, kind=K.MITIGATE),)},
            K.MITIGATE,
            "2026-02-04T10:00Z",
        ),
        (
            "retraining with a mitigation: the root cause has 90 days",
            {"remediability": Remediability.RETRAIN, "mitigated_at": MONDAY},
            K.REMEDIATE,
            "2026-04-05T10:00Z",
        ),
        (
            "retraining without a mitigation: no more time",
            {"remediability": Remediability.RETRAIN},
            K.REMEDIATE,
            "2026-03-06T10:00Z",
        ),
        (
            "where the tier has no mitigation clock a split remedy has one of 90 days",
            {"remediability": Remediability.RETRAIN, "tier": Tier.LOW},
            K.MITIGATE,
            "2026-04-05T10:00Z",
        ),
        (
            "no patch will come: there is no remediation clock",
            {"remediability": Remediability.IRRECOVERABLE},
            K.REMEDIATE,
            None,
        ),
        (
            "no patch will come: the mitigation clock is the tier's",
            {"remediability": Remediability.MITIGATION},
            K.MITIGATE,
            "2026-02-04T10:00Z",
        ),
        (
            "a pause of five days moves the dates by five days",
            {"pauses": (pause("2026-01-10T10:00Z", "2026-01-15T10:00Z"),)},
            K.MITIGATE,
            "2026-02-09T10:00Z",
        ),
        (
            "a pause that ended early counts only as long as it was",
            {"pauses": (pause("2026-01-10T10:00Z", "2026-01-15T10:00Z", ended_at=at("2026-01-11T10:00Z")),)},
            K.MITIGATE,
            "2026-02-05T10:00Z",
        ),
        (
            "a pause is cut after 14 days",
            {"pauses": (pause("2026-01-10T10:00Z", "2026-03-15T10:00Z"),)},
            K.MITIGATE,
            "2026-02-18T10:00Z",
        ),
        (
            "a second pause does not count",
            {
                "pauses": (
                    pause("2026-01-10T10:00Z", "2026-01-11T10:00Z"),
                    pause("2026-01-12T10:00Z", "2026-01-13T10:00Z"),
                )
            },
            K.MITIGATE,
            "2026-02-05T10:00Z",
        ),
        (
            "a legal order stops the clock for as long as it says",
            {"pauses": (pause("2026-01-10T10:00Z", "2026-03-11T10:00Z", PauseReason.LEGAL_ORDER),)},
            K.MITIGATE,
            "2026-04-05T10:00Z",
        ),
        (
            "two pauses at the same time are counted once",
            {
                "pauses": (
                    pause("2026-01-10T10:00Z", "2026-01-20T10:00Z", PauseReason.LEGAL_ORDER),
                    pause("2026-01-15T10:00Z", "2026-01-25T10:00Z"),
                )
            },
            K.MITIGATE,
            "2026-02-19T10:00Z",
        ),
        (
            "a pause within another adds nothing",
            {
                "pauses": (
                    pause("2026-01-10T10:00Z", "2026-01-20T10:00Z", PauseReason.LEGAL_ORDER),
                    pause("2026-01-12T10:00Z", "2026-01-13T10:00Z"),
                )
            },
            K.MITIGATE,
            "2026-02-14T10:00Z",
        ),
        (
            "a pause before the clock began counts from its start",
            {
                "vendor_notified_at": at("2026-01-11T10:00Z"),
                "pauses": (pause("2026-01-10T10:00Z", "2026-01-12T10:00Z"),),
            },
            K.MITIGATE,
            "2026-02-11T10:00Z",
        ),
        (
            "a pause after the date does not bring it back",
            {"tier": Tier.CRITICAL, "pauses": (pause("2026-01-13T10:00Z", "2026-01-20T10:00Z"),)},
            K.MITIGATE,
            "2026-01-12T10:00Z",
        ),
        (
            "acknowledging is not paused",
            {"pauses": (pause("2026-01-05T11:00Z", "2026-01-06T11:00Z"),)},
            K.ACKNOWLEDGE,
            "2026-01-07T10:00Z",
        ),
        (
            "exploitation known on day 10: published seven days later",
            {"exploited_at": at("2026-01-15T10:00Z"), "exploitation": Exploitation.ACTIVE},
            K.PUBLISH,
            "2026-01-22T10:00Z",
        ),
        (
            "exploitation known on day 10: mitigated 72 hours later",
            {"exploited_at": at("2026-01-15T10:00Z"), "exploitation": Exploitation.ACTIVE},
            K.MITIGATE,
            "2026-01-18T10:00Z",
        ),
        (
            "exploitation shortly before the date never gives more time",
            {"tier": Tier.CRITICAL, "exploited_at": at("2026-02-18T10:00Z")},
            K.PUBLISH,
            "2026-02-19T10:00Z",
        ),
        (
            "exploited when reported: counted from the vendor's notification",
            {"exploitation": Exploitation.ACTIVE},
            K.REMEDIATE,
            "2026-01-12T10:00Z",
        ),
        (
            "a flaw of no tier with a mitigation clock once exploited",
            {"tier": Tier.NONE, "exploitation": Exploitation.ACTIVE},
            K.MITIGATE,
            "2026-01-08T10:00Z",
        ),
        (
            "a public exploit of a high flaw is no emergency",
            {"exploit_public_at": MONDAY},
            K.MITIGATE,
            "2026-02-04T10:00Z",
        ),
        (
            "a public exploit of a critical flaw is one",
            {"exploit_public_at": MONDAY, "tier": Tier.CRITICAL},
            K.MITIGATE,
            "2026-01-08T10:00Z",
        ),
        ("imminent harm is one", {"harm_imminent_at": MONDAY}, K.MITIGATE, "2026-01-08T10:00Z"),
        (
            "after a leak the least facts follow within 24 hours",
            {"leaked_at": at("2026-01-20T10:00Z")},
            K.PUBLISH,
            "2026-01-21T10:00Z",
        ),
        (
            "a leak does not wait for a vendor",
            {"leaked_at": at("2026-01-20T10:00Z"), "vendor_notified_at": None},
            K.PUBLISH,
            "2026-01-21T10:00Z",
        ),
        (
            "an emergency publishes without a vendor as well",
            {"harm_imminent_at": at("2026-01-20T10:00Z"), "vendor_notified_at": None},
            K.PUBLISH,
            "2026-01-27T10:00Z",
        ),
        (
            "an extension granted in the emergency counts, up to seven days",
            {"harm_imminent_at": MONDAY, "extensions": (extension(20, granted_at=at("2026-01-06T10:00Z")),)},
            K.PUBLISH,
            "2026-01-19T10:00Z",
        ),
        (
            "an extension granted before the emergency does not",
            {"harm_imminent_at": at("2026-01-15T10:00Z"), "extensions": (extension(14),)},
            K.PUBLISH,
            "2026-01-22T10:00Z",
        ),
        (
            "the reporter's silence does not stop an emergency",
            {"harm_imminent_at": MONDAY, "pauses": (pause("2026-01-06T10:00Z", "2026-01-10T10:00Z"),)},
            K.PUBLISH,
            "2026-01-12T10:00Z",
        ),
        (
            "a legal order does",
            {
                "harm_imminent_at": MONDAY,
                "pauses": (pause("2026-01-06T10:00Z", "2026-01-10T10:00Z", PauseReason.LEGAL_ORDER),),
            },
            K.PUBLISH,
            "2026-01-16T10:00Z",
        ),
        (
            "the status counts from the last one told",
            {"status_at": at("2026-01-09T10:00Z")},
            K.STATUS,
            "2026-01-16T10:00Z",
        ),
        ("the embargo ends as agreed", {"embargo_ends_at": at("2026-03-01T12:00Z")}, K.EMBARGO, "2026-03-01T12:00Z"),
        ("without embargo it has no end", {}, K.EMBARGO, None),
        (
            "publication on a Thursday at seven waits for nine on the clocks of the zone",
            {"tier": Tier.CRITICAL, "vendor_notified_at": at("2026-01-05T06:00Z"), "zone": "Europe/Berlin"},
            K.PUBLISH,
            "2026-02-19T08:00Z",
        ),
        (
            "publication on a Friday moves to Monday, in the summer time that began on Sunday",
            {"tier": Tier.CRITICAL, "vendor_notified_at": at("2026-02-10T10:00Z"), "zone": "Europe/Berlin"},
            K.PUBLISH,
            "2026-03-30T07:00Z",
        ),
        (
            "publication does not fall on a holiday",
            {"tier": Tier.CRITICAL, "holidays": frozenset({date(2026, 2, 19)})},
            K.PUBLISH,
            "2026-02-23T09:00Z",
        ),
        ("not assessed: the strictest row counts", {"tier": None, "assessed_at": None}, K.ASSESS, "2026-01-07T10:00Z"),
    ],
)
def test_a_worked_scenario(what: str, changes: dict[str, Any], kind: DeadlineKind, expected: str | None) -> None:
    later = at("2030-01-01T00:00Z")

    assert due(
        facts(**{"acknowledged_at": None, "assessed_at": None, **changes} if "received_at" in changes else changes),
        kind,
        later,
    ) == (at(expected) if expected else None)


def test_each_deadline_tells_its_rules_and_grounds() -> None:
    publish = by_kind(facts(systemic=True, extensions=(extension(14),)))[K.PUBLISH]

    assert publish.rules == (
        "deadlines.balanced-0.1.high.publish",
        "deadlines.systemic",
        "deadlines.extension",
        "deadlines.cap",
    )
    assert publish.grounds == (
        "90 days after the notification of the vendor on 2026-01-05 10:00 UTC, for the tier “high”",
        "30 days more: the flaw is systemic",
        "extended by 14 days on 2026-01-05 10:00 UTC: active progress",
        "never later than 120 days after the notification of the vendor",
    )


@pytest.mark.parametrize(
    ("changes", "kind", "rule"),
    [
        ({"tier": None}, K.ASSESS, "deadlines.unassessed"),
        ({"remediability": Remediability.MITIGATION}, K.MITIGATE, "deadlines.mitigation-only"),
        ({"remediability": Remediability.RETRAIN}, K.REMEDIATE, "deadlines.root-cause"),
        ({"extensions": (extension(1), extension(2))}, K.PUBLISH, "deadlines.extension"),
        ({"pauses": (pause("2026-01-05T10:00Z", "2026-01-06T10:00Z"),)}, K.PUBLISH, "deadlines.pause"),
        ({"harm_imminent_at": MONDAY}, K.PUBLISH, "deadlines.emergency"),
        ({"leaked_at": MONDAY}, K.PUBLISH, "deadlines.leak"),
        ({}, K.PUBLISH, "deadlines.publication-day"),
        ({"vendor_notified_at": None}, K.MITIGATE, "deadlines.waiting"),
        ({"embargo_ends_at": MONDAY}, K.EMBARGO, "deadlines.embargo"),
    ],
)
def test_what_moved_a_date_is_named(changes: dict[str, Any], kind: DeadlineKind, rule: str) -> None:
    assert rule in by_kind(facts(**changes))[kind].rules


@pytest.mark.parametrize(
    ("changes", "kind", "now", "state"),
    [
        ({}, K.ACKNOWLEDGE, "2026-01-06T10:00Z", S.MET),
        ({"acknowledged_at": at("2026-01-08T10:00Z")}, K.ACKNOWLEDGE, "2026-01-09T10:00Z", S.LATE),
        ({"acknowledged_at": at("2026-01-07T10:00Z")}, K.ACKNOWLEDGE, "2026-01-09T10:00Z", S.MET),
        ({"acknowledged_at": None}, K.ACKNOWLEDGE, "2026-01-07T09:59Z", S.RUNNING),
        ({"acknowledged_at": None}, K.ACKNOWLEDGE, "2026-01-07T10:00Z", S.MISSED),
        ({"acknowledged_at": None, "closed_at": at("2026-01-06T10:00Z")}, K.ACKNOWLEDGE, "2026-01-09T10:00Z", S.WAIVED),
        ({"acknowledged_at": None}, K.STATUS, "2026-01-07T10:00Z", S.WAITING),
        ({"vendor_notified_at": None}, K.PUBLISH, "2026-01-07T10:00Z", S.WAITING),
        ({"vendor_notified_at": None, "closed_at": MONDAY}, K.PUBLISH, "2026-01-07T10:00Z", S.WAIVED),
        ({"vendor_notified_at": None, "fixed_at": MONDAY}, K.REMEDIATE, "2026-01-07T10:00Z", S.MET),
        ({"pauses": (pause("2026-01-10T10:00Z", "2026-01-12T10:00Z"),)}, K.MITIGATE, "2026-01-11T10:00Z", S.PAUSED),
        ({"pauses": (pause("2026-01-10T10:00Z", "2026-01-12T10:00Z"),)}, K.MITIGATE, "2026-01-12T10:00Z", S.RUNNING),
        ({"fixed_at": at("2026-01-20T10:00Z")}, K.MITIGATE, "2026-01-21T10:00Z", S.MET),
        ({"mitigated_at": at("2026-02-20T10:00Z")}, K.MITIGATE, "2026-02-21T10:00Z", S.LATE),
        ({"published_at": at("2026-02-20T10:00Z")}, K.PUBLISH, "2026-02-21T10:00Z", S.MET),
        ({"embargo_ends_at": at("2026-02-01T10:00Z")}, K.EMBARGO, "2026-02-01T10:00Z", S.MISSED),
        (
            {"embargo_ends_at": at("2026-02-01T10:00Z"), "embargo_ended_at": at("2026-01-20T10:00Z")},
            K.EMBARGO,
            "2026-02-01T10:00Z",
            S.MET,
        ),
    ],
)
def test_a_deadline_knows_where_it_stands(
    changes: dict[str, Any], kind: DeadlineKind, now: str, state: DeadlineState
) -> None:
    assert by_kind(facts(**changes), at(now))[kind].state is state


@pytest.mark.parametrize("over", ["published_at", "closed_at"])
def test_no_status_is_due_once_the_case_is_over(over: str) -> None:
    assert K.STATUS not in by_kind(facts(**{over: at("2026-01-20T10:00Z")}), at("2026-01-21T10:00Z"))


def test_an_unverified_fix_and_a_longer_embargo_are_remarked() -> None:
    found = by_kind(facts(fixed_at=MONDAY, embargo_ends_at=at("2026-12-01T10:00Z")))

    assert found[K.REMEDIATE].grounds[-1] == "the vendor states that it is fixed; it is not verified yet"
    assert found[K.PUBLISH].grounds[-1] == "the embargo runs longer than this: shorten it, or extend this date"
    verified = by_kind(facts(fixed_at=MONDAY, verified_at=MONDAY))
    assert "verified" not in verified[K.REMEDIATE].grounds[-1]


def test_before_the_receipt_nothing_is_due() -> None:
    assert deadlines(facts(), now=MONDAY - timedelta(seconds=1)) == ()


def test_a_case_is_replayed_as_it_was_known() -> None:
    today = facts(
        assessed_at=at("2026-01-08T10:00Z"),
        exploited_at=at("2026-01-20T10:00Z"),
        exploitation=Exploitation.ACTIVE,
        extensions=(extension(14, granted_at=at("2026-01-15T10:00Z")),),
        pauses=(
            pause("2026-01-09T10:00Z", "2026-01-12T10:00Z", ended_at=at("2026-01-10T10:00Z")),
            pause("2026-01-25T10:00Z", "2026-01-26T10:00Z", PauseReason.LEGAL_ORDER),
        ),
    )

    then = today.known_at(at("2026-01-09T12:00Z"))
    assert (then.exploited_at, then.exploitation, then.extensions) == (None, None, ())
    assert then.pauses == (pause("2026-01-09T10:00Z", "2026-01-12T10:00Z"),)
    assert today.known_at(at("2026-01-07T10:00Z")).tier is None
    assert due(today, K.MITIGATE, at("2026-01-19T10:00Z")) == at("2026-02-05T10:00Z")
    assert due(today, K.MITIGATE, at("2026-01-20T10:00Z")) == at("2026-01-23T10:00Z")


def test_the_next_check_is_the_next_open_date() -> None:
    known = facts(acknowledged_at=None)

    assert next_check(deadlines(known, now=MONDAY), now=MONDAY) == at("2026-01-07T10:00Z")
    assert next_check((), now=MONDAY) is None


def test_another_due_date_is_another_firing() -> None:
    first = by_kind(facts())[K.STATUS]
    second = by_kind(facts(status_at=at("2026-01-09T10:00Z")), at("2026-01-09T10:00Z"))[K.STATUS]

    assert first.key == "status@2026-01-12T10:00:00Z"
    assert second.key == "status@2026-01-16T10:00:00Z"
    assert by_kind(facts(vendor_notified_at=None))[K.PUBLISH].key == "publish"


def test_a_deadline_is_shown_in_zone_and_utc_and_as_distance() -> None:
    berlin = find_zone("Europe/Berlin")
    found = by_kind(facts(acknowledged_at=at("2026-01-08T12:00Z")), at("2026-01-09T10:00Z"))
    now = at("2026-01-09T10:00Z")

    assert describe(found[K.ACKNOWLEDGE], zone=berlin, now=now) == (
        "acknowledge the report by Wed 2026-01-07 11:00 CET (2026-01-07 10:00 UTC), 2 days ago: "
        "done late, on 2026-01-08 12:00 UTC"
    )
    assert describe(found[K.MITIGATE], zone=UTC, now=now) == (
        "have a mitigation in place by Wed 2026-02-04 10:00 UTC, in 26 days: open"
    )
    waiting = by_kind(facts(vendor_notified_at=None))[K.PUBLISH]
    assert describe(waiting, zone=UTC, now=now) == ("publish the advisory: the clock has not started")


@pytest.mark.parametrize(
    ("changes", "asked", "rules"),
    [
        ({"mitigated_at": MONDAY}, extension(14), ("deadlines.extension",)),
        ({}, extension(14), ("deadlines.extension-mitigation",)),
        ({"tier": Tier.LOW}, extension(60), ("deadlines.extension",)),
        ({"mitigated_at": MONDAY}, extension(15), ("deadlines.extension-bound",)),
        ({"mitigated_at": MONDAY}, extension(40, reason=ExtensionReason.RETRAIN_REQUIRED), ("deadlines.extension",)),
        ({"mitigated_at": MONDAY}, extension(1, evidence=" "), ("deadlines.extension-evidence",)),
        ({"mitigated_at": MONDAY, "extensions": (extension(1),)}, extension(1), ("deadlines.extension-once",)),
        ({"mitigated_at": MONDAY}, extension(1, kind=K.MITIGATE), ("deadlines.extension-kind",)),
        ({"mitigated_at": MONDAY, "vendor_notified_at": None}, extension(1), ("deadlines.extension-open",)),
        ({"mitigated_at": MONDAY, "published_at": MONDAY}, extension(1), ("deadlines.extension-open",)),
        (
            {"mitigated_at": MONDAY, "remediability": Remediability.IRRECOVERABLE},
            extension(1, kind=K.REMEDIATE),
            ("deadlines.extension-open",),
        ),
        ({"mitigated_at": MONDAY, "harm_imminent_at": MONDAY}, extension(8), ("deadlines.extension-bound",)),
        (
            {"mitigated_at": MONDAY, "leaked_at": MONDAY - timedelta(days=2)},
            extension(1),
            ("deadlines.extension-late",),
        ),
    ],
)
def test_more_time_is_granted_only_for_cause(changes: dict[str, Any], asked: Extension, rules: tuple[str, ...]) -> None:
    decision = may_extend(facts(**changes), asked, now=MONDAY)

    assert decision.rules == rules
    assert decision.outcome is (Outcome.ALLOWED if rules == ("deadlines.extension",) else Outcome.BLOCKED)
    assert bool(decision.reasons) is (decision.outcome is Outcome.BLOCKED)


@pytest.mark.parametrize(
    ("changes", "asked", "rules"),
    [
        ({}, pause("2026-01-05T10:00Z", "2026-01-19T10:00Z"), ("deadlines.pause",)),
        ({}, pause("2026-01-05T10:00Z", "2026-01-20T10:00Z"), ("deadlines.pause-bound",)),
        ({}, pause("2026-01-05T10:00Z", "2027-01-20T10:00Z", PauseReason.LEGAL_ORDER), ("deadlines.pause",)),
        (
            {"pauses": (pause("2026-01-05T10:00Z", "2026-01-06T10:00Z"),)},
            pause("2026-01-05T10:00Z", "2026-01-06T10:00Z"),
            ("deadlines.pause-once",),
        ),
        ({"closed_at": MONDAY}, pause("2026-01-05T10:00Z", "2026-01-06T10:00Z"), ("deadlines.pause-over",)),
    ],
)
def test_clocks_stop_once_and_for_a_bounded_time(changes: dict[str, Any], asked: Pause, rules: tuple[str, ...]) -> None:
    assert may_pause(facts(**changes), asked, now=MONDAY).rules == rules


@pytest.mark.parametrize(
    "broken",
    [
        lambda: facts(received_at=datetime(2026, 1, 5, 10)),  # noqa: DTZ001  # the point of the test
        lambda: extension(0),
    ],
)
def test_an_instant_without_zone_or_an_extension_of_nothing_is_refused(broken) -> None:
    with pytest.raises(MalformedError):
        broken()


@pytest.mark.parametrize(
    "changes",
    [
        {"acknowledged_at": MONDAY - timedelta(seconds=1)},
        {"published_at": MONDAY - timedelta(days=1)},
        {"verified_at": MONDAY},
        {"verified_at": MONDAY, "fixed_at": MONDAY + timedelta(days=1)},
    ],
)
def test_back_dated_facts_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConflictError):
        facts(**changes)


def test_a_pause_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ConflictError):
        pause("2026-01-06T10:00Z", "2026-01-05T10:00Z")
    with pytest.raises(ConflictError):
        pause("2026-01-05T10:00Z", "2026-01-06T10:00Z", ended_at=at("2026-01-07T10:00Z"))


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(UnknownValueError):
        deadlines(facts(zone="Mars/Olympus"), now=MONDAY)


def test_periods_speak_and_refuse() -> None:
    assert [str(Period.parse(text)) for text in ("1h", "24h", "1bd", "45d")] == [
        "1 hour",
        "24 hours",
        "1 working day",
        "45 days",
    ]
    with pytest.raises(ValueError, match="is no period"):
        Period.parse("0d")


def test_a_year_of_holidays_ends_the_search() -> None:
    all_year = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(800))
    calendar = Calendar(UTC, all_year)

    assert calendar.working_days_after(MONDAY, 2) == MONDAY + timedelta(days=2)


# --- properties ---

DAY = timedelta(days=1)
instants = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants naive bounds
lengths = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=90))
offsets = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=200))
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
)


@st.composite
def any_facts(draw: st.DrawFn) -> CaseFacts:
    received = draw(instants)
    happened = {
        name: received + draw(offsets)
        for name in INSTANTS
        if name not in {"received_at", "verified_at"} and draw(st.booleans())
    }
    return CaseFacts(
        received_at=received,
        **happened,  # type: ignore[arg-type]  # all of them are instants
        tier=draw(st.sampled_from([None, *Tier])),
        remediability=draw(st.sampled_from(Remediability)),
        systemic=draw(st.sampled_from([None, True, False])),
        exploitation=draw(st.sampled_from([None, *Exploitation])),
        extensions=tuple(
            Extension(
                kind=draw(st.sampled_from([K.PUBLISH, K.REMEDIATE])),
                length=draw(lengths),
                reason=draw(st.sampled_from(ExtensionReason)),
                granted_at=received + draw(offsets),
            )
            for _ in range(draw(st.integers(0, 2)))
        ),
        pauses=tuple(
            Pause(reason=draw(st.sampled_from(PauseReason)), started_at=start, until=start + draw(lengths))
            for start in [received + draw(offsets) for _ in range(draw(st.integers(0, 3)))]
        ),
        zone=draw(zones),
        holidays=frozenset(draw(st.sets(st.dates(date(2024, 1, 1), date(2033, 1, 1)), max_size=20))),
    )


def dues(known: CaseFacts, now: datetime) -> dict[DeadlineKind, datetime]:
    return {one.kind: one.due for one in deadlines(known, now=now) if one.due}


LATER = datetime(2100, 1, 1, tzinfo=UTC)


@given(any_facts())
def test_a_higher_tier_never_has_more_time(known: CaseFacts) -> None:
    ladder = [dues(replace(known, tier=tier), LATER) for tier in Tier]

    for milder, worse in pairwise(ladder):
        for kind, instant in milder.items():
            assert worse[kind] <= instant


@given(any_facts(), st.sampled_from(["exploited_at", "harm_imminent_at", "leaked_at", "exploit_public_at"]), offsets)
def test_bad_news_never_gives_more_time(known: CaseFacts, news: str, offset: timedelta) -> None:
    calm = replace(
        known, exploitation=None, exploited_at=None, harm_imminent_at=None, leaked_at=None, exploit_public_at=None
    )
    alarmed = replace(calm, **{news: calm.received_at + offset})

    before, after = dues(calm, LATER), dues(alarmed, LATER)

    assert set(before) <= set(after)
    assert all(after[kind] <= instant for kind, instant in before.items())


@given(any_facts())
def test_not_being_assessed_never_gives_more_time(known: CaseFacts) -> None:
    unassessed = dues(replace(known, tier=None), LATER)

    for tier in Tier:
        for kind, instant in dues(replace(known, tier=tier), LATER).items():
            assert unassessed[kind] <= instant


@given(any_facts(), offsets)
def test_what_happens_later_does_not_change_what_was_due(known: CaseFacts, offset: timedelta) -> None:
    now = known.received_at + offset

    assert deadlines(known, now=now) == deadlines(known.known_at(now), now=now)


@given(any_facts(), offsets)
def test_time_alone_never_moves_a_date_and_never_undoes_a_state(known: CaseFacts, offset: timedelta) -> None:
    still = known.known_at(known.received_at)
    first = deadlines(still, now=still.received_at)
    later = deadlines(still, now=still.received_at + offset)

    assert [one.due for one in first] == [one.due for one in later]
    assert all(after.state is one.state for one, after in zip(first, later, strict=True) if not one.is_open)


@given(any_facts())
def test_publication_is_never_beyond_the_cap_but_for_pauses(known: CaseFacts) -> None:
    unpaused = replace(known, pauses=())
    instant = dues(unpaused, LATER).get(K.PUBLISH)
    row = balanced().tiers[known.tier or Tier.CRITICAL]

    if instant and known.vendor_notified_at:
        assert instant <= known.vendor_notified_at + row.cap


@given(any_facts())
def test_every_deadline_has_rules_and_grounds_and_is_in_utc(known: CaseFacts) -> None:
    for one in deadlines(known, now=LATER):
        assert one.rules
        assert one.grounds
        assert one.due is None or one.due.tzinfo is UTC


@given(instants, st.integers(1, 30), zones)
def test_working_days_keep_the_time_of_day_on_the_clocks(anchor: datetime, count: int, zone: str) -> None:
    calendar = Calendar(ZoneInfo(zone))

    end = calendar.working_days_after(anchor, count)

    local, started = end.astimezone(calendar.zone), anchor.astimezone(calendar.zone)
    assert calendar.is_working_day(local.date())
    assert end - anchor >= count * DAY - timedelta(hours=2)
    skipped = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    assert skipped or local.time() == started.time()


@given(instants, instants, zones)
def test_the_publishing_time_keeps_the_order(one: datetime, other: datetime, zone: str) -> None:
    calendar = Calendar(ZoneInfo(zone))
    first, second = sorted((one, other))

    moved = [calendar.publishing_time(instant, avoid=frozenset({4, 5, 6}), from_hour=9) for instant in (first, second)]

    assert moved == sorted(moved)
    assert all(instant.astimezone(calendar.zone).weekday() < 4 for instant in moved)
    assert moved[0] >= first


# --- the profile ---


def shipped() -> str:
    from importlib.resources import files

    return files("safeconduct.policy").joinpath("data", "deadlines.toml").read_text(encoding="utf-8")


def test_an_operator_may_replace_the_profile() -> None:
    policy = read_policy(shipped().replace('publish = "45d"', 'publish = "40d"').replace('"0.1"', '"house-1"'))

    found = {one.kind: one for one in deadlines(facts(tier=Tier.CRITICAL), now=MONDAY, policy=policy)}

    assert found[K.PUBLISH].rules[0] == "deadlines.balanced-house-1.critical.publish"
    assert found[K.PUBLISH].due == at("2026-02-16T09:00Z")
