# SPDX-License-Identifier: Apache-2.0
"""Hours of the week and prices as they are written at the prompt."""

from datetime import time
from decimal import Decimal

import pytest

from safeconduct.cli.grant_texts import HOURS, PRICE, hours_in, price_in
from safeconduct.domain.authorization import WeeklyHours
from safeconduct.domain.price import Price
from safeconduct.errors import MalformedError


def test_hours_are_read_with_days_times_and_zone() -> None:
    assert hours_in(HOURS) == WeeklyHours(
        days=frozenset(range(5)), opens=time(9), closes=time(17), zone="Europe/Berlin"
    )
    assert hours_in(" ") is None


@pytest.mark.parametrize(
    ("days", "numbers"), [("mon", {0}), ("SAT,sun", {5, 6}), ("fri-mon", {4, 5, 6, 0}), ("mon-wed,sun", {0, 1, 2, 6})]
)
def test_days_are_names_and_ranges_also_over_the_week(days: str, numbers: set[int]) -> None:
    found = hours_in(f"{days} 22:00-06:00")

    assert found is not None
    assert (found.days, found.zone) == (numbers, "UTC")


@pytest.mark.parametrize("text", ["mon", "mon 9-17", "someday 09:00-17:00", "mon 25:00-26:00", "mon 09:00-17:00 A B"])
def test_hours_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="hours of the week"):
        hours_in(text)


def test_a_price_is_read_as_far_as_it_is_told() -> None:
    given = Price(
        currency="EUR", per_call=Decimal("0.01"), per_million_in=Decimal("0.15"), per_million_out=Decimal("0.60")
    )
    assert price_in(PRICE) == given
    assert price_in("USD 1") == Price(currency="USD", per_call=Decimal(1))
    assert price_in("") is None


@pytest.mark.parametrize("text", ["euro 1", "EUR one", "EUR 1 2 3 4", "EUR -1", "EUR NaN"])
def test_a_price_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        price_in(text)
