# SPDX-License-Identifier: Apache-2.0
"""The terms of a grant as one writes them at the prompt: hours of the week, and a price."""

import re
from datetime import time
from typing import Final

from safeconduct.domain.authorization import WeeklyHours
from safeconduct.domain.price import Price, amount_of
from safeconduct.errors import MalformedError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS: Final = "mon-fri 09:00-17:00 Europe/Berlin"
PRICE: Final = "EUR 0.01 0.15 0.60"
_HOURS: Final = re.compile(r"(\S+)\s+(\d\d:\d\d)-(\d\d:\d\d)(?:\s+(\S+))?")
_MOST_AMOUNTS: Final = 4


def hours_in(text: str) -> WeeklyHours | None:
    """Return the hours of the week that a text such as `mon-fri 09:00-17:00 Europe/Berlin` names, if it names any.

    Raises:
        MalformedError: it cannot be read.
    """
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise MalformedError("the hours of the week cannot be read", hint=f"write them like {HOURS}")
    days, opens, closes, zone = found.groups()
    try:
        times = time.fromisoformat(opens), time.fromisoformat(closes)
        return WeeklyHours(days=_days_in(days), opens=times[0], closes=times[1], zone=zone or "UTC")
    except ValueError as error:
        raise MalformedError("the hours of the week cannot be read", hint=f"write them like {HOURS}") from error


def price_in(text: str) -> Price | None:
    """Return the price that a text names: currency, then what a call, a million tokens in and a million out cost.

    Raises:
        MalformedError: it cannot be read.
    """
    words = text.split()
    if not words:
        return None
    if len(words) > _MOST_AMOUNTS:
        raise MalformedError("the price cannot be read", hint=f"write it like {PRICE}")
    amounts = [amount_of(word) for word in words[1:]] + [amount_of("0")] * (_MOST_AMOUNTS - len(words))
    return Price(currency=words[0], per_call=amounts[0], per_million_in=amounts[1], per_million_out=amounts[2])


def _days_in(text: str) -> frozenset[int]:
    """Return the days of a text such as `mon-fri,sun`; a range may go over the end of the week."""
    days: set[int] = set()
    for part in text.casefold().split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        days |= {day % len(DAYS) for day in range(start, end + 1 if end >= start else end + len(DAYS) + 1)}
    return frozenset(days)
