# SPDX-License-Identifier: Apache-2.0
"""The meter on every target: the testing window, and the caps on calls, tokens, rate and money, of a grant.

A call is counted when it is begun, whatever becomes of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.safe_json import Json
from safeconduct.errors import NotPermittedError
from safeconduct.verification.transcript import Transcript

_MINUTE: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Spent:
    """What has been spent under the grant so far, the transcript of what left for it, and the check of its sandbox.

    A target on the network has no sandbox, and for one in the sandbox nothing leaves.
    """

    calls: int = 0
    tokens: int = 0
    transcript: Transcript = field(default_factory=Transcript, compare=False, repr=False)
    sandbox: Mapping[str, Json] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the meter needs from outside: the time of day, a monotonic clock in seconds, and a pause."""

    clock: Callable[[], datetime]
    seconds: Callable[[], float]
    pause: Callable[[float], Awaitable[None]]


class Meter:
    """Lets calls through one after the other, at the granted rate, as long as the grant covers them."""

    def __init__(self, grant: TargetGrant, watch: Watch) -> None:
        self.grant = grant
        self.watch = watch
        self.spent = Spent()
        self._gate = asyncio.Lock()
        self._next_at = 0.0

    async def begin_call(self) -> None:
        """Count one call, after waiting for the rate.

        Raises:
            NotPermittedError: the window is closed or a cap is reached.
        """
        async with self._gate:
            self._require_covered()
            rate = self.grant.caps.calls_per_minute
            if rate:
                wait = self._next_at - self.watch.seconds()
                if wait > 0:
                    await self.watch.pause(wait)
                self._next_at = max(self._next_at, self.watch.seconds()) + _MINUTE / rate
                self._require_covered()
            self.spent.calls += 1

    def count_tokens(self, tokens: int) -> None:
        """Count what a call has cost in tokens."""
        self.spent.tokens += max(0, tokens)

    def _require_covered(self) -> None:
        """Refuse a call outside the window or beyond a cap."""
        caps = self.grant.caps
        if not self.grant.is_open(now=self.watch.clock()):
            raise NotPermittedError("the testing window of the target is closed", hint="ask for another window")
        if self.spent.calls >= caps.calls:
            raise NotPermittedError("the granted calls are spent", hint="ask for more calls", cap=caps.calls)
        if self.spent.tokens >= caps.tokens:
            raise NotPermittedError("the granted tokens are spent", hint="ask for more tokens", cap=caps.tokens)
        if not self.grant.affords(calls=self.spent.calls, tokens=self.spent.tokens):
            raise NotPermittedError("the granted money is spent", hint="ask for more", cap=str(caps.spending))
