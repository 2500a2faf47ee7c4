# SPDX-License-Identifier: Apache-2.0
"""Background work of the record: chain what was written, seal the head into the log, publish what waits."""

from datetime import datetime

from safeconduct.server.audit import ledger, services


def beat(now: datetime) -> int:
    """Publish a checkpoint and return how many commitments it newly holds."""
    services.chain(now=now)
    return ledger.beat(now=now).published
