# SPDX-License-Identifier: Apache-2.0
"""Background work of triage: assess what arrived, run what can be run."""

import logging
import time
from datetime import datetime, timedelta

from safeconduct.errors import SafeconductError
from safeconduct.server.intake.models import Report
from safeconduct.server.triage import gate, queries, services
from safeconduct.server.triage.models import GateState
from safeconduct.server.triage.running import Clock

AT_ONCE = 20
log = logging.getLogger("safeconduct.triage")


def assess(now: datetime) -> int:
    """Assess the reports that have no assessment yet, and those whose reporter has answered."""
    rows = [*queries.to_assess(AT_ONCE), *(found.report for found in queries.answered(AT_ONCE))]
    return sum(_assess(row, now=now) for row in rows)


def run_gate(now: datetime) -> int:
    """Close what a crash left, then run the gate for the reports that wait for it, one after the other."""
    gate.sweep(now=now)
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    return sum(_run(row, now=clock(), clock=clock) for row in queries.to_gate(now, AT_ONCE))


def take_over(now: datetime) -> int:
    """Let runs that a killed worker left be closed at once; for the one worker there is."""
    return gate.take_over(now)


def _assess(row: Report, *, now: datetime) -> bool:
    try:
        services.assess(row=row, now=now)
    except SafeconductError as error:
        # One report that cannot be read must not keep the others waiting.
        log.warning("not assessed", extra={"facts": {"report": row.pk, "code": error.code}})
        return False
    return True


def _run(row: Report, *, now: datetime, clock: Clock) -> bool:
    try:
        return gate.run(row, now=now, clock=clock).state != GateState.NOT_RUN
    except SafeconductError as error:
        log.warning("gate not run", extra={"facts": {"report": row.pk, "code": error.code}})
        return False
