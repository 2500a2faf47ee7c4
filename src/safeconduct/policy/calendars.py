# SPDX-License-Identifier: Apache-2.0
"""Periods and working days: hours and days are elapsed time, working days are counted on the clocks of a zone.

    24h   24 hours later; nights and weekends count
    5d    5 times 24 hours later, whatever daylight saving does to the clocks meanwhile
    2bd   the same time of day, two working days later; an anchor on a weekend counts from there

Where daylight saving skips or repeats the resulting time of day, the earlier reading is taken. Without a list of
holidays only Saturdays and Sundays are left out: earlier, so cautious.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, assert_never

WEEKEND: Final = frozenset({5, 6})
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIOD: Final = re.compile(r"([1-9]\d{0,3})(h|d|bd)", re.ASCII)
_ONE_DAY: Final = timedelta(days=1)


class Unit(StrEnum):
    """What a period counts."""

    HOURS = "h"
    DAYS = "d"
    WORKING_DAYS = "bd"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of a table, such as `45d`."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Return the period of a text such as `24h`, `5d` or `2bd`.

        Raises:
            ValueError: the text is none.
        """
        match = _PERIOD.fullmatch(text)
        if not match:
            raise ValueError(f"“{text}” is no period such as 24h, 5d or 2bd")
        return cls(int(match[1]), Unit(match[2]))

    def after(self, anchor: datetime, calendar: "Calendar") -> datetime:
        """Return the instant one period after the anchor, in UTC."""
        match self.unit:
            case Unit.HOURS:
                return anchor.astimezone(UTC) + timedelta(hours=self.count)
            case Unit.DAYS:
                return anchor.astimezone(UTC) + timedelta(days=self.count)
            case Unit.WORKING_DAYS:
                return calendar.working_days_after(anchor, self.count)
            case _:
                assert_never(self.unit)

    @property
    def length(self) -> timedelta:
        """Return the elapsed time; for working days the least it can be."""
        return timedelta(hours=self.count) if self.unit is Unit.HOURS else timedelta(days=self.count)

    def __str__(self) -> str:
        unit = {Unit.HOURS: "hour", Unit.DAYS: "day", Unit.WORKING_DAYS: "working day"}[self.unit]
        return f"{self.count} {unit}{'' if self.count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The clocks of a zone and its holidays."""

    zone: tzinfo
    holidays: frozenset[date] = frozenset()

    def is_working_day(self, day: date) -> bool:
        """Say whether people work on that day."""
        return day.weekday() not in WEEKEND and day not in self.holidays

    def working_days_after(self, anchor: datetime, count: int) -> datetime:
        """Return the same time of day, `count` working days later, in UTC."""
        local = anchor.astimezone(self.zone)
        day = local.date()
        for _ in range(count):
            day = next_day(day + _ONE_DAY, self.is_working_day)
        return datetime.combine(day, local.time(), self.zone).astimezone(UTC)

    def publishing_time(self, instant: datetime, *, avoid: frozenset[int], from_hour: int) -> datetime:
        """Return the instant, or the next one at which publishing finds people at work.

        That is any time from the hour on, on a day that is neither avoided (0 is Monday) nor a holiday.
        """
        local = instant.astimezone(self.zone)
        good = next_day(local.date(), lambda day: day.weekday() not in avoid and day not in self.holidays)
        opening = datetime.combine(good, time(from_hour), self.zone).astimezone(UTC)
        return max(instant.astimezone(UTC), opening)


def next_day(day: date, fits: Callable[[date], bool]) -> date:
    """Return the first day from this one on that fits; a calendar of nothing but holidays ends the search."""
    for ahead in range(366):
        candidate = day + timedelta(days=ahead)
        if fits(candidate):
            return candidate
    return day
