# SPDX-License-Identifier: Apache-2.0
"""Instants, durations and how they are shown: always UTC inside, always zone and UTC outside.

A duration is ISO 8601 in days, hours, minutes and seconds only (`P45D`, `P1DT12H`): a month or a year is no fixed
length, so an embargo given in months has no unambiguous end. A day here is 86,400 seconds.

A wall-clock time that a zone skips or repeats (daylight saving) names no instant or two; both are refused instead of
guessed. Leap seconds do not exist for this module, as they do not for POSIX time.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safeconduct.errors import MalformedError, UnknownValueError

MAX_DURATION: Final = timedelta(days=36_500)
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200

_DURATION: Final = re.compile(
    r"P(?:(?P<days>\d{1,9})D)?(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def utc(instant: datetime) -> datetime:
    """Return the same instant in UTC.

    Raises:
        MalformedError: the time names no zone.
    """
    if instant.tzinfo is None:
        raise MalformedError("a time without zone names no instant", hint="write it like 2026-12-07T09:00:00+01:00")
    return instant.astimezone(UTC)


def parse_instant(text: str) -> datetime:
    """Return the instant of an RFC 3339 text such as `2026-12-07T09:00:00+01:00`, in UTC.

    Raises:
        MalformedError: the text is no date and time, lacks the offset from UTC, or lies outside 1970 to 2199.
    """
    try:
        instant = utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise MalformedError("not a date and time", hint="write it like 2026-12-07T09:00:00+01:00") from error
    if not FIRST_YEAR <= instant.year < LAST_YEAR:
        raise MalformedError("the date lies outside the years 1970 to 2199", hint="look for a mistyped year")
    return instant


def find_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name such as `Europe/Berlin`.

    Raises:
        UnknownValueError: this machine knows no such zone.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownValueError(
            "this machine knows no such time zone", hint="use an IANA name such as Europe/Berlin, or UTC"
        ) from error


def is_zone(name: str) -> bool:
    """Tell whether this machine knows a time zone of that name."""
    try:
        find_zone(name)
    except UnknownValueError:
        return False
    return True


def local_instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the instant at which clocks in the zone show this time, in UTC.

    Raises:
        MalformedError: the time carries a zone already, or clocks there never show it, or twice.
    """
    if wall.tzinfo is not None:
        raise MalformedError("the time carries a zone already", hint="give either an offset or a zone")
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        raise MalformedError("clocks there skip this time", hint="give the time with its offset from UTC")
    if first != second:
        raise MalformedError("clocks there show this time twice", hint="give the time with its offset from UTC")
    return first


def parse_duration(text: str) -> timedelta:
    """Return the length of an ISO 8601 duration in days, hours, minutes and seconds.

    Raises:
        MalformedError: the text is no such duration, names years, months or weeks, is zero or beyond a century.
    """
    match = _DURATION.fullmatch(text)
    parts = {unit: int(count) for unit, count in match.groupdict().items() if count} if match else {}
    if not parts:
        raise MalformedError(
            "not a duration in days, hours, minutes and seconds",
            hint="write it like P45D or P1DT12H; a month has no fixed length",
        )
    length = _length(parts)
    if not timedelta() < length <= MAX_DURATION:
        raise MalformedError("a duration is more than nothing and at most a century", hint="write it like P45D")
    return length


def _length(parts: dict[str, int]) -> timedelta:
    """Add up the parts; nine digits of days pass what a timedelta holds."""
    try:
        return timedelta(**parts)
    except OverflowError as error:
        raise MalformedError("a duration is at most a century", hint="write it like P45D") from error


def show_duration(length: timedelta) -> str:
    """Return the length for a person, by its two largest units: `45 days`, `1 day 12 hours`, `less than a minute`."""
    minutes = int(abs(length) / timedelta(minutes=1))
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    parts = [
        f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in ((days, "day"), (hours, "hour"), (left, "minute")) if n
    ]
    return " ".join(parts[:2]) or "less than a minute"


def show_utc(instant: datetime) -> str:
    """Return the instant in UTC: `2026-12-07 08:00 UTC`."""
    return f"{utc(instant):%Y-%m-%d %H:%M} UTC"


def show(instant: datetime, zone: tzinfo) -> str:
    """Return the instant on the clocks of the zone and in UTC: `Mon 2026-12-07 09:00 CET (2026-12-07 08:00 UTC)`."""
    local = utc(instant).astimezone(zone)
    if zone is UTC:
        return f"{_WEEKDAYS[local.weekday()]} {show_utc(instant)}"
    return f"{_WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M %Z} ({show_utc(instant)})"


# Not %a: the locale of the machine must not change what is written into records.
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
