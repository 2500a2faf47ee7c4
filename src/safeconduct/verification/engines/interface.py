# SPDX-License-Identifier: Apache-2.0
"""An engine runs jobs side by side and hands their results over in the order in which the jobs were submitted.

The order matters: results in the order of completion would favor quick answers, and refusals are quick. Jobs are asked
for one by one, and a job is asked for only after every result that may decide about it has been handed over, so the
same answers lead to the same jobs whatever the timing.

Left out on purpose: retries (the broker's), priorities, and any state that outlives a run.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs the jobs of one campaign."""

    async def run(
        self,
        *,
        next_job: Callable[[Sequence[Job]], Job | None],
        work: Callable[[Job], Awaitable[Result]],
        take: Callable[[Job, Result], bool],
    ) -> None:
        """Run until there is no job, or until `take` says that it is enough; then end what is still in flight.

        `next_job` gets the jobs in flight, oldest first, and returns nothing when there is no job before one of them is
        answered. What `work` or `take` raises ends the run and what is in flight, and is passed on.
        """
