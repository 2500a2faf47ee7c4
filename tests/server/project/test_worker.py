# SPDX-License-Identifier: Apache-2.0
"""The background work: what is due runs, nothing stops the rest, a killed holder frees its lock."""

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import NOON

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.outbox import queries
from safeconduct.server.project.locks import hold
from safeconduct.server.project.worker import Task, Worker, tasks


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Counter:
    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[datetime] = []
        self.error = error

    def __call__(self, now: datetime) -> int:
        self.calls.append(now)
        if self.error is not None:
            raise self.error
        return 1


def task(run, seconds: float = 10, name: str = "work") -> Task:
    return Task(name=name, run=run, every=timedelta(seconds=seconds))


def turn(worker: Worker) -> None:
    with ThreadPoolExecutor() as pool:
        worker.turn(pool)


def test_a_task_runs_again_when_its_time_has_passed() -> None:
    count, clock = Counter(), Clock()
    worker = Worker(tasks=[task(count)], clock=clock)

    turn(worker)
    turn(worker)
    clock.now += timedelta(seconds=10)
    turn(worker)

    assert count.calls == [NOON, NOON + timedelta(seconds=10)]


@pytest.mark.parametrize("error", [UnavailableError("full"), ValueError("a fault of ours")])
def test_what_a_task_raises_stops_neither_it_nor_the_others(error: Exception, caplog) -> None:
    bad, good, clock = Counter(error), Counter(), Clock()
    worker = Worker(tasks=[task(bad, name="bad"), task(good, name="good")], clock=clock)

    with caplog.at_level(logging.DEBUG, logger="safeconduct.worker"):
        for _ in range(3):
            turn(worker)
            clock.now += timedelta(seconds=10)

    assert len(bad.calls) == len(good.calls) == 3
    assert {record.facts["task"] for record in caplog.records} == {"bad", "good"}


def test_a_slow_task_delays_no_other_and_is_not_started_twice() -> None:
    go_on, slow_calls, quick, clock = threading.Event(), [], Counter(), Clock()

    def slow(now: datetime) -> int:
        slow_calls.append(now)
        go_on.wait()
        return 0

    worker = Worker(tasks=[task(slow, name="slow"), task(quick, name="quick")], clock=clock)
    with ThreadPoolExecutor() as pool:
        worker.turn(pool)
        while not quick.calls:
            pass
        clock.now += timedelta(seconds=10)
        worker._running["quick"].result()
        worker.turn(pool)
        go_on.set()

    assert len(slow_calls) == 1
    assert len(quick.calls) == 2


def test_the_worker_ends_when_it_is_told() -> None:
    stop, count = threading.Event(), Counter()

    def once(now: datetime) -> int:
        stop.set()
        return count(now)

    Worker(tasks=[task(once)]).run(stop, pause=0.01)

    assert len(count.calls) == 1


@pytest.mark.django_db
def test_every_task_runs_on_an_empty_house() -> None:
    assert {work.name for work in tasks()} >= {"heartbeat", "audit.beat", "outbox.deliver"}
    next(work for work in tasks() if work.name == "heartbeat").run(NOON)

    assert queries.last_heartbeat() == NOON


def test_a_second_holder_is_refused_and_a_killed_one_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    script = (
        "import sys,time; from pathlib import Path; from safeconduct.server.project.locks import hold; "
        "hold(Path(sys.argv[1]), what='x'); print('held', flush=True); time.sleep(600)"
    )
    first = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"

    with pytest.raises(ConflictError):
        hold(path, what="a worker")
    with pytest.raises(ConflictError):
        hold(path, what="a worker", wait_seconds=0.3)
    first.kill()
    first.communicate()

    assert hold(path, what="a worker", wait_seconds=10) > 0
