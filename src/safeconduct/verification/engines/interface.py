# SPDX-License-Identifier: Apache-2.0
"""An engine runs jobs side by side and hands their results over in the order in which the jobs were submitted.

The order matters: results in the order of completion would favor quick answers, and refusals are quick. Jobs are asked
for one by one, and a job is asked for only after every result that may decide about it has been handed over, so the
same answers lead to the same jobs whatever the timing.

An engine also says where the targets live, because that is where the work of a call is done: in this process, or in
another one. What is asked next is decided in one place in either case.

Left out on purpose: retries (the broker's), priorities, and any state that outlives a run.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from safeconduct.verification.targets.interface import Target

Job = TypeVar("Job")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs the jobs of one campaign, and holds its targets."""

    @property
    def width(self) -> int:
        """Return how many jobs are in flight at most."""

    def place(self, make: Callable[[], Target]) -> Target:
        """Return a target, not yet entered, that lives where the engine puts it; `make` makes it there."""

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
