# SPDX-License-Identifier: Apache-2.0
"""A lock for the life of a process: held by an open file, gone with the process however it ends."""

import fcntl
import os
import time
from pathlib import Path

from safeconduct.errors import ConflictError

POLL_SECONDS = 0.2


def hold(path: Path, *, what: str, wait_seconds: float = 0.0) -> int:
    """Take the lock until this process ends, and return the open file.

    A server that was just killed leaves a child that notices only after a moment, hence the wait.

    Raises:
        ConflictError: another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                os.close(handle)
                raise ConflictError(f"{what} runs already on this home folder", hint="stop it first") from error
            time.sleep(POLL_SECONDS)
        else:
            return handle
