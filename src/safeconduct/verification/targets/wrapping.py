# SPDX-License-Identifier: Apache-2.0
"""A target around a target: whoever wraps one changes how it is asked, and everything else is the inner one's."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from safeconduct.verification.meter import Spent
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.variants import Turn


class WrappedTarget(ABC):
    """Asks a target, and does something of its own before or after."""

    def __init__(self, target: Target) -> None:
        """Wrap the target; nothing is asked."""
        self._target = target

    @property
    def fingerprint(self) -> str:
        """Return what is known of the target's identity."""
        return self._target.fingerprint

    @property
    def spent(self) -> Spent:
        """Return what has been spent under the target's grant."""
        return self._target.spent

    @abstractmethod
    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return the answer to one script.

        Raises:
            TargetError: the target hung, failed or answered garbage.
            NotPermittedError: the call is not covered.
        """

    async def __aenter__(self) -> Self:
        """Make the target ready.

        Raises:
            SandboxError: the sandbox is missing or did not pass its self-check.
            TargetError: a local target cannot be loaded.
        """
        await self._target.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the target go."""
        await self._target.__aexit__(kind, error, trace)
