# SPDX-License-Identifier: Apache-2.0
"""Background work of the clock: fire what is due, and take note of answers that never came.

A sweep may run twice, at once or after a crash, without harm: whether something is due is derived from stored facts,
and what has fired is stored.
"""

from datetime import datetime

from safeconduct.server.cases import negotiation, waiting
from safeconduct.server.clock import queries, services


def sweep(now: datetime) -> int:
    """Fire what has come due and return how much it was."""
    fired = [services.fire(due=one, now=now) for one in queries.due(now)]
    for case in waiting.to_lapse(now):
        negotiation.lapse(case=case, now=now)
    return sum(firing is not None for firing in fired)
