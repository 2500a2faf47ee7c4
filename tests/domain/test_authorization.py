# SPDX-License-Identifier: Apache-2.0
"""When a grant is open and what it affords: windows, hours of the week across midnight and zones, money."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from safeconduct.domain.authorization import Caps, TargetGrant, WeeklyHours
from safeconduct.domain.price import Price
from safeconduct.errors import UnknownValueError

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(**changes: Any) -> WeeklyHours:
    return WeeklyHours(**{"days": frozenset({0, 1}), "opens": time(9), "closes": time(17), **changes})


@pytest.mark.parametrize(
    ("at", "is_covered"),
    [(8.99, False), (9, True), (16.99, True), (17, False), (24 + 9, True), (48 + 9, False), (7 * 24 + 9, True)],
)
def test_hours_cover_their_beginning_and_not_their_end_on_their_days(at: float, *, is_covered: bool) -> None:
    assert hours().cover(MONDAY + at * HOUR) is is_covered


@pytest.mark.parametrize(
    ("at", "is_covered"),
    [(21, False), (22, True), (30, True), (30.1, False), (46, True), (48 + 5, True), (48 + 23, False)],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_open(at: float, *, is_covered: bool) -> None:
    assert hours(opens=time(22), closes=time(6, 5)).cover(MONDAY + at * HOUR) is is_covered


def test_two_equal_times_are_a_whole_day() -> None:
    whole = hours(opens=time(), closes=time())

    assert [whole.cover(MONDAY + number * HOUR) for number in (-1, 0, 23, 47, 48)] == [False, True, True, True, False]


def test_hours_are_those_of_their_zone_also_after_the_clocks_change() -> None:
    berlin = hours(days=frozenset(range(7)), zone="Europe/Berlin")

    assert berlin.cover(datetime(2026, 7, 1, 7, 30, tzinfo=UTC))
    assert not berlin.cover(datetime(2026, 12, 1, 7, 30, tzinfo=UTC))
    with pytest.raises(UnknownValueError):
        hours(zone="Mars/Olympus").cover(MONDAY)


def test_a_grant_is_open_within_its_window_and_its_hours() -> None:
    grant = TargetGrant(model="m", starts_at=MONDAY, ends_at=MONDAY + 12 * HOUR, hours=hours())

    assert [grant.is_open(now=MONDAY + at * HOUR) for at in (-1, 8, 9, 11.9, 12)] == [False, False, True, True, False]
    assert TargetGrant(model="m").is_open(now=MONDAY)


def price(**changes: Any) -> Price:
    return Price(**{"currency": "EUR", "per_call": Decimal("0.5"), **changes})


def test_a_call_is_afforded_as_long_as_it_fits_into_the_money() -> None:
    grant = TargetGrant(model="m", price=price(), caps=Caps(spending=Decimal("1.2")))

    assert [grant.affords(calls=calls, tokens=0) for calls in (0, 1, 2)] == [True, True, False]


@pytest.mark.parametrize(("inward", "outward"), [(3, 10), (10, 3)])
def test_every_token_counts_at_the_dearer_price(inward: int, outward: int) -> None:
    dear = price(per_call=Decimal(0), per_million_in=Decimal(inward), per_million_out=Decimal(outward))
    grant = TargetGrant(model="m", price=dear, caps=Caps(spending=Decimal(10)))

    assert grant.cost_of(calls=5, tokens=100_000) == 1
    assert grant.affords(calls=0, tokens=999_999)
    assert not grant.affords(calls=0, tokens=1_000_000)


def test_without_a_price_or_a_cap_money_bounds_nothing() -> None:
    assert TargetGrant(model="m").cost_of(calls=9, tokens=9) == 0
    assert TargetGrant(model="m", price=price()).affords(calls=10**6, tokens=10**9)
