# SPDX-License-Identifier: Apache-2.0
"""A target: something that answers a conversation. It knows no oracle, no arm and no statistics.

Left out on purpose: streaming, tools, sampling per call, and batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from safeconduct.verification.meter import Spent
from safeconduct.verification.reply import Reply
from safeconduct.verification.variants import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the target said to one script, and what it cost: all tokens, and those it is known to have written.

    The digests are of the exact bytes sent and received; where the script took several exchanges, of all of them in
    their order.
    """

    replies: tuple[Reply, ...]
    request_sha256: str
    response_sha256: str
    tokens: int
    seconds: float
    tokens_out: int = 0


class Target(Protocol):
    """Answers scripts; entered before the first one and left after the last, in one event loop."""

    @property
    def fingerprint(self) -> str:
        """Return what is known of the target's identity, so that a silent change shows."""

    @property
    def spent(self) -> Spent:
        """Return what has been spent under the grant."""

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return the answer to one script.

        Raises:
            TargetError: it hung, failed or answered garbage; the trial is an error and the campaign goes on.
            NotPermittedError: the grant does not cover the call; the campaign ends.
        """

    async def __aenter__(self) -> Self:
        """Make the target ready.

        Raises:
            SandboxError: the sandbox is missing or did not pass its self-check.
            TargetError: a local classifier cannot be loaded.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of connections and boxes."""
