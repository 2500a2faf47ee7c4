# SPDX-License-Identifier: Apache-2.0
"""Whether the service can do its work: database, keys, disk and background work, each yes or no."""

import shutil
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError

from safeconduct.crypto.keys import MARKER
from safeconduct.server.outbox import queries as outbox

SILENCE = timedelta(seconds=60)


def readiness(*, now: datetime) -> dict[str, bool]:
    """Return for each part whether it is ready. Nothing here tells more than yes or no."""
    try:
        is_worker_alive = outbox.is_worker_alive(now=now, within=SILENCE)
        has_database = True
    except DatabaseError:
        is_worker_alive = has_database = False
    return {"database": has_database, "keys": has_keys(), "disk": has_disk(), "worker": is_worker_alive}


def has_keys() -> bool:
    """Tell whether the key ring is whole."""
    return (settings.SAFECONDUCT.keys / MARKER).exists()


def has_disk() -> bool:
    """Tell whether there is room to write."""
    free: int = shutil.disk_usage(settings.SAFECONDUCT.home).free
    return free >= settings.SAFECONDUCT.minimum_free_bytes
