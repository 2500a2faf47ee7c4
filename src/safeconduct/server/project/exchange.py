# SPDX-License-Identifier: Apache-2.0
"""Putting a folder in the place of another in one step.

Linux exchanges two folders at once (`renameat2` with RENAME_EXCHANGE). Where the file system or the C library cannot,
the old folder is moved away first, and for a moment there is none.
"""

import ctypes
import errno
import os
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
UNABLE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


def put_in_place(fresh: Path, target: Path) -> None:
    """Put `fresh` in the place of `target`; what was there is afterwards at `fresh`, if there was anything.

    Raises:
        OSError: the file system refuses.
    """
    if not target.exists() or not any(target.iterdir()):
        fresh.rename(target)
    elif not _exchange(fresh, target):
        old = fresh.with_name(f"{fresh.name}.old")
        target.rename(old)
        fresh.rename(target)
        old.rename(fresh)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders; tell whether that can be done here."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in UNABLE:
        return False
    raise OSError(number, os.strerror(number))
