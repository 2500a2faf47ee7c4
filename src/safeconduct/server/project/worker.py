# SPDX-License-Identifier: Apache-2.0
"""The background work: a list of tasks, each run again and again in a thread of its own.

A task takes the instant and returns how much it did; it finds its work in the database and may run twice without harm.
A slow task never delays another one. What a task raises is logged, and the task is tried again at its next turn.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from safeconduct.errors import SafeconductError
from safeconduct.server.audit import tasks as audit_tasks
from safeconduct.server.campaigns import tasks as campaigns_tasks
from safeconduct.server.clock import tasks as clock_tasks
from safeconduct.server.intake import tasks as intake_tasks
from safeconduct.server.outbox import services as outbox
from safeconduct.server.outbox import tasks as outbox_tasks
from safeconduct.server.triage import tasks as triage_tasks

log = logging.getLogger("safeconduct.worker")
HEARTBEAT = timedelta(seconds=5)
SWEEP = timedelta(seconds=5)
TIDY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One kind of background work and the time between two runs."""

    name: str
    run: Callable[[datetime], int]
    every: timedelta


def tasks() -> tuple[Task, ...]:
    """Return all background work; a slice joins by one line here."""
    often = timedelta(seconds=settings.SAFECONDUCT.worker_seconds)
    return (
        Task(name="heartbeat", run=_heartbeat, every=HEARTBEAT),
        Task(name="audit.beat", run=audit_tasks.beat, every=timedelta(seconds=settings.SAFECONDUCT.beat_seconds)),
        Task(name="outbox.deliver", run=outbox_tasks.deliver, every=often),
        Task(name="intake.tidy", run=intake_tasks.tidy, every=TIDY),
        Task(name="triage.assess", run=triage_tasks.assess, every=often),
        Task(name="triage.gate", run=triage_tasks.run_gate, every=often),
        Task(name="clock.sweep", run=clock_tasks.sweep, every=max(often, SWEEP)),
        Task(name="campaigns.run", run=campaigns_tasks.run, every=often),
        Task(name="campaigns.probe", run=campaigns_tasks.probe, every=often),
        Task(name="campaigns.watch", run=campaigns_tasks.watch, every=max(often, SWEEP)),
        Task(name="campaigns.join_suites", run=campaigns_tasks.join_suites, every=TIDY),
    )


def take_over(now: datetime) -> None:
    """Let what a killed worker left be picked up at once, where no other worker can be there."""
    if settings.SAFECONDUCT.on_sqlite:
        campaigns_tasks.take_over(now)
        triage_tasks.take_over(now)


@dataclass(slots=True)
class Worker:
    """Runs the tasks until it is told to stop."""

    tasks: Sequence[Task]
    clock: Callable[[], datetime] = timezone.now
    _running: dict[str, Future[int]] = field(default_factory=dict)
    _began: dict[str, datetime] = field(default_factory=dict)

    def run(self, stop: threading.Event, *, pause: float) -> None:
        """Start what is due, look again after the pause, and end when `stop` is set."""
        pool = ThreadPoolExecutor(max_workers=len(self.tasks), thread_name_prefix="work")
        while not stop.is_set():
            self.turn(pool)
            stop.wait(pause)
        pool.shutdown(wait=True, cancel_futures=True)
        self._collect()

    def turn(self, pool: ThreadPoolExecutor) -> None:
        """Start every task that is due and not running."""
        self._collect()
        now = self.clock()
        for task in self.tasks:
            last = self._began.get(task.name)
            if task.name not in self._running and (last is None or now - last >= task.every):
                self._began[task.name] = now
                self._running[task.name] = pool.submit(_run, task, now)

    def _collect(self) -> None:
        for name, future in list(self._running.items()):
            if future.done():
                del self._running[name]
                _tell(name, future)


def _run(task: Task, now: datetime) -> int:
    close_old_connections()
    try:
        return task.run(now)
    finally:
        close_old_connections()


def _tell(name: str, future: Future[int]) -> None:
    if future.cancelled():
        return
    match future.exception():
        case None:
            if future.result():
                log.debug("worked", extra={"facts": {"task": name, "count": future.result()}})
        case SafeconductError() as error:
            log.warning("task refused", extra={"facts": {"task": name, "code": error.code}})
        case error:
            log.error("task failed", extra={"facts": {"task": name}}, exc_info=error)


def _heartbeat(now: datetime) -> int:
    outbox.give_heartbeat(f"{os.getpid()}", now=now)
    return 0
