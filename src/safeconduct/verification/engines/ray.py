# SPDX-License-Identifier: Apache-2.0
"""The engine on Ray: each target lives in a process of its own (an actor), the decisions stay here.

For targets whose work is computing (local models and classifiers) rather than waiting. What is asked next is decided by
the same code as in the local engine, from the same seed and in the same order, so the trials and the verdict are the
same, whatever the timing and wherever the answers come from.

Ray is an extra (`safeconduct[ray]`, Apache-2.0). Here it starts no dashboard, sends no usage statistics, and listens on
the loopback address alone; it is started for one campaign and ended after it. What makes a target must be picklable,
and a secret is not: it is taken from the environment in the process of the target.

Left out on purpose: several machines, GPUs, and repeating what a lost process was asked (a lost one is an error of the
target).
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from safeconduct.errors import (
    ConfigurationError,
    ConflictError,
    MissingExtraError,
    NotPermittedError,
    SafeconductError,
    SandboxError,
    TargetError,
)
from safeconduct.verification.engines.interface import Job, Result
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.meter import Spent
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.variants import Turn

_LOOPBACK: Final = "127.0.0.1"
_OBJECTS: Final = 80 << 20
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # Without it Ray takes another address of the machine for its own, even where the loopback address was given.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
_KNOWN: Final[dict[str, type[SafeconductError]]] = {
    kind.code: kind for kind in (TargetError, NotPermittedError, SandboxError, ConflictError, ConfigurationError)
}


class RayEngine:
    """Runs a campaign's targets in processes of Ray; use it in a `with` block, which starts and ends Ray."""

    def __init__(self, *, width: int = 1) -> None:
        """Prepare to run at most `width` calls at a time.

        Raises:
            MissingExtraError: Ray is not installed.
        """
        os.environ.update(_QUIET)
        try:
            import ray  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise MissingExtraError("Ray is not installed", hint="install safeconduct[ray]") from error
        self.width = width  # pragma: no cover  # runs only where Ray is
        self._ray: Any = ray  # pragma: no cover  # runs only where Ray is

    def __enter__(self) -> Self:  # pragma: no cover  # runs only where Ray is
        """Start Ray on this machine.

        Raises:
            ConfigurationError: it would listen on another address than the loopback one.
        """
        self._ray.init(
            address="local",
            num_cpus=2,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=_OBJECTS,
            _node_ip_address=_LOOPBACK,
        )
        if self._ray.util.get_node_ip_address() != _LOOPBACK:
            self._ray.shutdown()
            raise ConfigurationError(
                "Ray does not keep to the loopback address", hint="something else has set Ray up in this process"
            )
        return self

    def __exit__(  # pragma: no cover  # runs only where Ray is
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End Ray."""
        self._ray.shutdown()

    def place(self, make: Callable[[], Target]) -> Target:  # pragma: no cover  # runs only where Ray is
        """Return a target that is made in a process of its own when it is entered."""
        return RemoteTarget(self._ray, make, width=self.width)

    async def run(  # pragma: no cover  # runs only where Ray is
        self,
        *,
        next_job: Callable[[Sequence[Job]], Job | None],
        work: Callable[[Job], Awaitable[Result]],
        take: Callable[[Job, Result], bool],
    ) -> None:
        """Run as the interface says."""
        await LocalEngine(width=self.width).run(next_job=next_job, work=work, take=take)


class RemoteTarget:
    """Speaks for a target in a process of Ray."""

    def __init__(self, ray: Any, make: Callable[[], Target], *, width: int) -> None:
        """Remember how to make it."""
        self._ray, self._make, self._width = ray, make, width
        self._actor: Any = None
        self._fingerprint = ""
        self._spent = Spent()

    @property
    def fingerprint(self) -> str:
        """Return what is known of the target's identity."""
        return self._fingerprint

    @property
    def spent(self) -> Spent:
        """Return what has been spent under the grant."""
        return self._spent

    async def ask(self, script: Sequence[Turn]) -> Answer:  # pragma: no cover  # runs only where Ray is
        """Return the answer to one script.

        Raises:
            TargetError: it hung, failed or answered garbage, or its process is lost.
            NotPermittedError: the grant does not cover the call.
        """
        answer: Answer = await self._call("ask", tuple(script))
        return answer

    async def __aenter__(self) -> Self:  # pragma: no cover  # runs only where Ray is
        """Start the process, make the target in it and make that ready.

        Raises:
            SandboxError: the sandbox is missing or did not pass its self-check.
            TargetError: the target or its process cannot be started.
        """
        # One more than may be asked at a time, so that it can be left while a call hangs.
        holder = self._ray.remote(num_cpus=0, max_concurrency=self._width + 1, max_restarts=0)(Holder)
        self._actor = holder.remote()
        await self._call("enter", self._make)
        return self

    async def __aexit__(  # pragma: no cover  # runs only where Ray is
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the target and end its process."""
        try:
            await self._call("leave")
        except TargetError:
            # A process that is lost has let go of everything, and what was lost with it has been told.
            return
        finally:
            self._ray.kill(self._actor)

    async def _call(self, name: str, *arguments: object) -> Any:  # pragma: no cover  # runs only where Ray is
        """Return what the holder's method returns, or raise the error that it tells."""
        reference = getattr(self._actor, name).remote(*arguments)
        try:
            told = await reference
        except asyncio.CancelledError:
            self._ray.cancel(reference, force=False)
            raise
        except self._ray.exceptions.RayError as error:
            raise TargetError("the target's process is lost", hint="look at its memory and its logs") from error
        self._fingerprint, self._spent.calls, self._spent.tokens = told["state"]
        if told["failure"]:
            code, message, hint = told["failure"]
            raise _KNOWN.get(code, TargetError)(message, hint=hint)
        return told["value"]


class Holder:
    """Holds a target in a process of Ray; errors are told as plain data, so that they arrive as they were."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._target: Target | None = None

    async def enter(self, make: Callable[[], Target]) -> dict[str, Any]:
        """Make the target and make it ready."""

        async def act() -> None:
            self._target = make()
            await self._target.__aenter__()

        return await self._told(act())

    async def ask(self, script: Sequence[Turn]) -> dict[str, Any]:
        """Ask the target."""
        return await self._told(self._held().ask(script))

    async def leave(self) -> dict[str, Any]:
        """Leave the target, if it was entered."""

        async def act() -> None:
            if self._target is not None:
                await self._target.__aexit__(None, None, None)

        return await self._told(act())

    def _held(self) -> Target:
        if self._target is None:
            raise TargetError("the target was not entered", hint="this is a defect; report it")
        return self._target

    async def _told(self, work: Awaitable[object]) -> dict[str, Any]:
        """Return what came of some work, with the target's state."""
        value, failure = None, None
        try:
            value = await work
        except SafeconductError as error:
            failure = error.code, error.message, error.hint
        held = self._target
        state = ("", 0, 0) if held is None else (held.fingerprint, held.spent.calls, held.spent.tokens)
        return {"value": value, "failure": failure, "state": state}
