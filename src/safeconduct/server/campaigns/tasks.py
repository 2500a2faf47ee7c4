# SPDX-License-Identifier: Apache-2.0
"""Background work: run campaigns, probes and the turns of watches that wait, each kind one after the other."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from safeconduct.errors import SafeconductError
from safeconduct.server.campaigns import probing, queries, runner, suites, turning
from safeconduct.server.campaigns.models import Campaign, Probe, Watch

Item = TypeVar("Item", Campaign, Probe, Watch)
log = logging.getLogger("safeconduct.campaigns")


def run(now: datetime) -> int:
    """Run the campaigns that wait, and go on with those that a crash left behind."""
    clock = _clock_from(now)
    return _each(queries.to_run(now), lambda one: runner.run(one, now=clock(), clock=clock))


def probe(now: datetime) -> int:
    """Run the probes that wait, and end the checks whose probes have all ended."""
    clock = _clock_from(now)
    done = _each(probing.to_run(now), lambda one: probing.run(one, now=clock(), clock=clock))
    for check in suites.to_end():
        suites.end(check, now=clock())
    return done


def watch(now: datetime) -> int:
    """Take the turns of watches that are due."""
    clock = _clock_from(now)
    return _each(turning.due(now), lambda one: turning.take(one, now=clock(), clock=clock))


def join_suites(now: datetime) -> int:
    """Put the flaws that were closed or published since into the suites of their model families."""
    return suites.join(now)


def take_over(now: datetime) -> int:
    """Let what a killed worker left be picked up at once; for the one worker there is."""
    return runner.take_over(now)


def _clock_from(now: datetime) -> Callable[[], datetime]:
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def _each(waiting: Sequence[Item], act: Callable[[Item], object]) -> int:
    for item in waiting:
        try:
            act(item)
        except SafeconductError as error:
            # One that cannot be written down must not keep the others waiting.
            log.warning("not run", extra={"facts": {"id": item.pk, "code": error.code}})
    return len(waiting)
