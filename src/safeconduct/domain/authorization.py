# SPDX-License-Identifier: Apache-2.0
"""The grant to test a target: which one, with which caps, when, and with which secret (by name).

A grant is given by a coordinator or by the target's owner and is the only thing that lets a bundle reach a network
address; what a bundle itself names as its target grants nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.bundle import Adapter
from safeconduct.domain.price import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that may be spent under a grant. Zero calls per minute means no stated rate."""

    calls: int = 1000
    tokens: int = 500_000
    tokens_per_call: int = 256
    calls_per_minute: int = 0
    call_seconds: float = 60.0


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
    secret_name: str = ""
    allow_private: bool = False
    price: Price | None = None

    def is_open(self, *, now: datetime) -> bool:
        """Say whether the testing window is open: `starts_at` belongs to it, `ends_at` does not."""
        if self.starts_at is not None and now < self.starts_at:
            return False
        return self.ends_at is None or now < self.ends_at
