# SPDX-License-Identifier: Apache-2.0
"""Background work of intake: end visits, and remove what crashes left of files."""

from datetime import datetime

from safeconduct.server.intake import queries, storage, visits


def tidy(now: datetime) -> int:
    """Remove ended visits and abandoned files, and return how many there were."""
    left = storage.abandoned(named=queries.named_blobs(), now=now)
    for path in left:
        path.unlink(missing_ok=True)
    return len(left) + visits.forget_ended(now=now)
