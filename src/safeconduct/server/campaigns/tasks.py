# SPDX-License-Identifier: Apache-2.0
"""Background work of campaigns: run what waits, one after the other."""

import logging
import time
from datetime import datetime, timedelta

from safeconduct.errors import SafeconductError
from safeconduct.server.campaigns import queries, runner
from safeconduct.server.campaigns.models import Campaign

log = logging.getLogger("safeconduct.campaigns")


def run(now: datetime) -> int:
    """Run the campaigns that wait, and close those that a crash left behind."""
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    waiting = queries.to_run(now)
    for campaign in waiting:
        try:
            runner.run(campaign, now=clock(), clock=clock)
        except SafeconductError as error:
            # One campaign that cannot be written down must not keep the others waiting.
            _tell(campaign, error)
    return len(waiting)


def _tell(campaign: Campaign, error: SafeconductError) -> None:
    log.warning("campaign not run", extra={"facts": {"campaign": campaign.pk, "code": error.code}})
