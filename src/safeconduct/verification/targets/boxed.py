# SPDX-License-Identifier: Apache-2.0
"""What the targets in the sandbox have in common: turns asked one by one, lines of the code in the box, shown words.

A target in a box keeps no conversation: each user's turn is asked for itself, and what others say is passed over. The
lines come from foreign code, which can write whatever it likes: an event that it invents speaks against itself.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from safeconduct.domain.bundle import Speaker
from safeconduct.domain.observed import EventKind
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.errors import MalformedError, TargetError, TooLargeError
from safeconduct.verification.meter import Meter, Spent
from safeconduct.verification.reply import Reply
from safeconduct.verification.sandbox import Sandbox
from safeconduct.verification.sandbox.selfcheck import checked
from safeconduct.verification.sightings import Seen
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.variants import Turn

# Numerical libraries start threads by the number of processors, which the limit on processes would refuse.
QUIET: Final = "import os as _o; _o.environ.update(OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1'); del _o\n"
_SHOWN: Final = 200
_MARK: Final = b'{"event"'


class BoxedTarget(ABC):
    """Asks something in a box, one turn at a time."""

    def __init__(self, *, sandbox: Sandbox, meter: Meter) -> None:
        """Keep the sandbox and the meter; nothing runs yet."""
        self._sandbox = sandbox
        self._meter = meter
        self._turn = asyncio.Lock()

    @property
    def spent(self) -> Spent:
        """Return what has been spent under the grant; what is in a box costs calls only."""
        return self._meter.spent

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return one reply for each user's turn.

        Raises:
            TargetError: it hung, failed, or answered garbage.
            NotPermittedError: the grant does not cover the call.
            SandboxError: the box could not be made.
        """
        started = self._meter.watch.seconds()
        sent, received = hashlib.sha256(), hashlib.sha256()
        replies = []
        async with self._turn:
            for turn in script:
                if turn.role is not Speaker.USER:
                    continue
                await self._meter.begin_call()
                asked, answered, reply = await self._one(turn)
                sent.update(asked)
                received.update(answered)
                replies.append(reply)
        return Answer(
            replies=tuple(replies),
            request_sha256=sent.hexdigest(),
            response_sha256=received.hexdigest(),
            tokens=0,
            seconds=self._meter.watch.seconds() - started,
        )

    @abstractmethod
    async def _one(self, turn: Turn) -> tuple[bytes, bytes, Reply]:
        """Return the bytes that were sent, those that came back, and the reply in them."""

    async def __aenter__(self) -> Self:
        """Check the sandbox.

        Raises:
            SandboxError: the sandbox is missing or did not pass its self-check.
        """
        self._meter.spent.sandbox = await checked(self._sandbox)
        return self

    async def __aexit__(  # noqa: B027  # most boxes have ended with their answer
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is left."""


def read_line(line: bytes) -> dict[str, Json]:
    """Return the line as an object.

    Raises:
        TargetError: it is none.
    """
    try:
        return read_object(line)
    except (MalformedError, TooLargeError) as error:
        raise TargetError("the classifier answered garbage", hint=error.message) from error


def seen_in(line: bytes) -> Seen | None:
    """Return the act that the line tells of; nothing if it is another line.

    Raises:
        TargetError: it cannot be read.
    """
    if not line.startswith(_MARK):
        return None
    document = read_line(line)
    kind = str(document.get("event"))
    if kind not in {member.value for member in EventKind}:
        raise TargetError("the classifier answered garbage", hint="an event of no kind")
    return Seen(kind=EventKind(kind), name=plain_words(document.get("name")))


def plain_words(value: Json) -> str:
    """Return a value as it may be shown."""
    return ascii(str(value))[1:-1][:_SHOWN]
