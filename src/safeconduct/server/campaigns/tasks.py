# SPDX-License-Identifier: Apache-2.0
"""Background work of campaigns: run what waits, one after the other."""

from datetime import datetime

from safeconduct.server.campaigns import queries, runner


def run(now: datetime) -> int:
    """Run the campaigns that wait."""
    waiting = queries.to_run(now)
    for campaign in waiting:
        runner.run(campaign, now=now)
    return len(waiting)
