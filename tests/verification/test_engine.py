# SPDX-License-Identifier: Apache-2.0
"""The local engine: results in the order of submission, and nothing left in flight."""

import asyncio
from collections.abc import Sequence

import pytest

from safeconduct.verification.engines.local import LocalEngine


class Jobs:
    """Numbered jobs, of which odd ones take longer, one never ends and one fails."""

    def __init__(self, *, width: int, count: int = 10, enough: int = 1000, slow: int = -1, broken: int = -1) -> None:
        self.width = width
        self.waiting = iter(range(count))
        self.enough = enough
        self.slow = slow
        self.broken = broken
        self.taken: list[int] = []
        self.canceled: list[int] = []

    def next_job(self, flying: Sequence[int]) -> int | None:
        assert len(flying) < self.width
        assert list(flying) == sorted(flying)
        return next(self.waiting, None)

    async def work(self, job: int) -> int:
        try:
            await asyncio.sleep(600 if job == self.slow else 0.005 * (job % 2))
        except asyncio.CancelledError:
            self.canceled.append(job)
            raise
        if job == self.broken:
            raise ZeroDivisionError
        return job

    def take(self, job: int, result: int) -> bool:
        assert job == result
        self.taken.append(job)
        return len(self.taken) >= self.enough

    async def all(self) -> None:
        try:
            await LocalEngine(width=self.width).run(next_job=self.next_job, work=self.work, take=self.take)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("width", [1, 2, 3, 10, 50])
def test_results_come_in_the_order_of_submission(width: int) -> None:
    jobs = Jobs(width=width)

    asyncio.run(jobs.all())

    assert (jobs.taken, jobs.canceled) == (list(range(10)), [])


@pytest.mark.parametrize("enough", [1, 2, 3])
def test_enough_ends_what_is_in_flight(enough: int) -> None:
    jobs = Jobs(width=4, enough=enough, slow=3)

    asyncio.run(jobs.all())

    assert jobs.taken == list(range(enough))
    assert 3 in jobs.canceled


def test_a_failure_ends_what_is_in_flight_and_is_passed_on() -> None:
    jobs = Jobs(width=4, slow=3, broken=2)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(jobs.all())

    assert jobs.taken == [0, 1]
    assert 3 in jobs.canceled


def test_no_jobs_are_a_short_run() -> None:
    jobs = Jobs(width=3, count=0)

    asyncio.run(jobs.all())

    assert jobs.taken == []
