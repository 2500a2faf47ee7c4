# SPDX-License-Identifier: Apache-2.0
"""The default engine: tasks of one event loop, at most `width` in flight."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.verification.engines.interface import Job, Result
from safeconduct.verification.targets.interface import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEngine:
    """Runs jobs in the event loop of the caller; overshoot is at most `width` - 1 calls."""

    width: int = 1

    def place(self, make: Callable[[], Target]) -> Target:
        """Make the target here."""
        return make()

    async def run(
        self,
        *,
        next_job: Callable[[Sequence[Job]], Job | None],
        work: Callable[[Job], Awaitable[Result]],
        take: Callable[[Job, Result], bool],
    ) -> None:
        """Run as the interface says."""
        flying: deque[tuple[Job, asyncio.Task[Result]]] = deque()
        try:
            while True:
                while len(flying) < self.width:
                    job = next_job([waiting for waiting, _ in flying])
                    if job is None:
                        break
                    flying.append((job, asyncio.create_task(_start(work, job))))
                if not flying:
                    return
                job, task = flying[0]
                result = await task
                flying.popleft()
                if take(job, result):
                    return
        finally:
            await _end([task for _, task in flying])


async def _start(work: Callable[[Job], Awaitable[Result]], job: Job) -> Result:
    """Do the job; nothing of it has begun if the task is canceled before its first step."""
    return await work(job)


async def _end(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Cancel the tasks and wait until they have ended, whatever they end with."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
