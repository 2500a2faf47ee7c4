# SPDX-License-Identifier: Apache-2.0
"""The grant to test a target: which one, with which caps, when, and with which secret (by name).

A grant is given by a coordinator or by the target's owner and is the only thing that lets a bundle reach a network
address; what a bundle itself names as its target grants nothing.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from safeconduct.domain.bundle import Adapter
from safeconduct.domain.instants import find_zone
from safeconduct.domain.price import Price

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that may be spent under a grant. Zero calls per minute means no stated rate.

    `spending` is in the currency of the grant's price; without it nothing bounds the money.
    """

    calls: int = 1000
    tokens: int = 500_000
    tokens_per_call: int = 256
    calls_per_minute: int = 0
    call_seconds: float = 60.0
    spending: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyHours:
    """On which days of the week (0 is Monday) and between which times of day a target may be tested, in its zone.

    `opens` belongs to the hours, `closes` does not. Hours that close before they open reach into the next day and
    belong to the day on which they open; two equal times mean the whole day.
    """

    days: frozenset[int]
    opens: time
    closes: time
    zone: str = "UTC"

    def cover(self, now: datetime) -> bool:
        """Tell whether the instant lies within the hours.

        Raises:
            UnknownValueError: this machine knows no such zone.
        """
        local = now.astimezone(find_zone(self.zone))
        today, before = local.weekday() in self.days, (local - _DAY).weekday() in self.days
        at = local.time()
        if self.opens < self.closes:
            return today and self.opens <= at < self.closes
        return (today and at >= self.opens) or (before and at < self.closes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGrant:
    """One target that may be tested.

    For a chat endpoint `url` is the base address (to which `/chat/completions` is added). For a local classifier
    `entry` is `module:function` and `packages` the folder that is shown to the box, read-only; several are separated
    by colons, as on a search path. `secret_name` names the secret that the broker adds as a bearer token. Private and
    loopback addresses are refused unless `allow_private`. `price` is what its operator says it costs.
    """

    model: str
    adapter: Adapter = Adapter.OPENAI_CHAT
    url: str = ""
    entry: str = ""
    packages: str = ""
    caps: Caps = Caps()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    hours: WeeklyHours | None = None
    secret_name: str = ""
    allow_private: bool = False
    price: Price | None = None

    def is_open(self, *, now: datetime) -> bool:
        """Say whether the testing window is open: `starts_at` belongs to it, `ends_at` does not.

        Raises:
            UnknownValueError: this machine does not know the zone of the weekly hours.
        """
        if self.starts_at is not None and now < self.starts_at:
            return False
        if self.ends_at is not None and now >= self.ends_at:
            return False
        return self.hours is None or self.hours.cover(now)

    def cost_of(self, *, calls: int, tokens: int) -> Decimal:
        """Return what so many calls and tokens cost at most: every token counts at the dearer of both prices."""
        if self.price is None:
            return Decimal(0)
        if self.price.per_million_in > self.price.per_million_out:
            return self.price.of(calls=calls, tokens_in=tokens, tokens_out=0)
        return self.price.of(calls=calls, tokens_in=0, tokens_out=tokens)

    def affords(self, *, calls: int, tokens: int) -> bool:
        """Tell whether one more call may be begun for the money, after these calls and tokens."""
        most = self.caps.spending
        return most is None or (
            self.cost_of(calls=calls, tokens=tokens) < most and self.cost_of(calls=calls + 1, tokens=tokens) <= most
        )
