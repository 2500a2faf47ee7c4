# SPDX-License-Identifier: Apache-2.0
"""Instants, durations, zones: read strictly, shown twice."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.domain.instants import (
    find_zone,
    local_instant,
    parse_duration,
    parse_instant,
    show,
    show_duration,
    show_utc,
    utc,
)
from safeconduct.errors import MalformedError, UnknownValueError

BERLIN = find_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P45D", timedelta(days=45)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("PT72H", timedelta(hours=72)),
        ("PT90M", timedelta(minutes=90)),
        ("PT1S", timedelta(seconds=1)),
        ("P0DT1S", timedelta(seconds=1)),
    ],
)
def test_a_duration_of_fixed_units_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "P1M",
        "P1Y",
        "P2W",
        "45D",
        "P-1D",
        "P1.5D",
        "P0D",
        "P999999999D",
        "P999999999DT999999999H",
        "P36501D",
        "p1d",
        "P1D ",
        "P１D",
        "P1D\n",
    ],
)
def test_another_duration_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-12-07",
        "2026-12-07T09:00:00",
        "2026-02-30T09:00:00Z",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_a_text_that_names_no_instant_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_instant(text)


def test_an_instant_is_kept_in_utc() -> None:
    assert parse_instant("2026-12-07T09:00:00+01:00") == datetime(2026, 12, 7, 8, tzinfo=UTC)
    with pytest.raises(MalformedError):
        utc(datetime(2026, 12, 7))  # noqa: DTZ001  # the point of the test


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe/\0", "Europe"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownValueError):
        find_zone(name)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_time_on_the_wall_becomes_an_instant() -> None:
    assert local_instant(wall("2026-07-01T12:00"), BERLIN) == parse_instant("2026-07-01T10:00Z")
    assert local_instant(wall("2026-12-01T12:00"), BERLIN) == parse_instant("2026-12-01T11:00Z")


@pytest.mark.parametrize("text", ["2026-03-29T02:30", "2026-10-25T02:30", "2026-10-25T02:30+02:00"])
def test_a_time_that_clocks_skip_or_repeat_or_that_has_a_zone_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        local_instant(wall(text), BERLIN)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_a_time_on_the_wall_is_read_as_it_is_shown_or_refused(moment: datetime) -> None:
    try:
        instant = local_instant(moment, BERLIN)
    except MalformedError:
        return
    assert instant.astimezone(BERLIN).replace(tzinfo=None) == moment


def test_an_instant_is_shown_in_zone_and_utc() -> None:
    instant = parse_instant("2026-12-07T08:00Z")

    assert show(instant, BERLIN) == "Mon 2026-12-07 09:00 CET (2026-12-07 08:00 UTC)"
    assert show(instant, UTC) == "Mon 2026-12-07 08:00 UTC"
    assert show_utc(instant.astimezone(BERLIN)) == "2026-12-07 08:00 UTC"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=45), "45 days"),
        (timedelta(days=1, hours=12), "1 day 12 hours"),
        (timedelta(hours=1, minutes=1), "1 hour 1 minute"),
        (timedelta(days=-2, minutes=-5), "2 days 5 minutes"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(0), "less than a minute"),
    ],
)
def test_a_length_is_told_by_its_two_largest_units(length: timedelta, text: str) -> None:
    assert show_duration(length) == text
