# SPDX-License-Identifier: Apache-2.0
"""Background work of triage: assess what arrived, run what can be run."""

from datetime import datetime

from safeconduct.server.triage import gate, queries, services

AT_ONCE = 20


def assess(now: datetime) -> int:
    """Assess the reports that have no assessment yet."""
    waiting = queries.to_assess(AT_ONCE)
    for row in waiting:
        services.assess(row=row, now=now)
    return len(waiting)


def run_gate(now: datetime) -> int:
    """Run the gate for the reports that wait for it, one after the other."""
    waiting = queries.to_gate(now, AT_ONCE)
    return sum(gate.run(row, now=now).started_at is not None for row in waiting)
