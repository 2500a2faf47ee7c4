# SPDX-License-Identifier: Apache-2.0
"""Attempts to take more than allowed, run inside the box: memory, files, room, processes, and the limits themselves.

The text of this file is sent into a box before that of `probes`, which makes these attempts too; it uses the standard
library alone. Each attempt returns what it got, and nothing if it was contained.
"""

import contextlib
import mmap
import os
import resource
import signal
import time
from collections.abc import Callable
from typing import Any

Plan = dict[str, Any]


def memory(_plan: Plan) -> str:
    """Take more memory than allowed."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    try:
        mmap.mmap(-1, limit + (64 << 20)).close()
    except (OSError, ValueError, OverflowError, MemoryError):
        return ""
    return "taken"


def file_size(_plan: Plan) -> str:
    """Write a larger file than allowed, and fill the temporary folder."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    written = 0
    try:
        with open("/tmp/large", "wb", buffering=0) as file:  # noqa: PTH123, S108  # inside the box
            while written <= limit:
                written += file.write(bytes(1 << 20))
    except OSError:
        return ""
    finally:
        os.unlink("/tmp/large")  # noqa: PTH108, S108  # inside the box
    return f"{written} bytes"


def temporary_space(plan: Plan) -> str:
    """Fill the temporary folder with many files."""
    room = os.statvfs("/tmp")  # noqa: S108  # inside the box
    size = room.f_blocks * room.f_frsize
    return f"{size} bytes" if size > plan["writable_bytes"] else ""


def forks(_plan: Plan) -> str:
    """Make more processes than allowed."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    children: list[int] = []
    try:
        while len(children) <= limit:
            child = os.fork()
            if not child:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except OSError:
        return ""
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
    return f"{len(children)} processes"


def limits_raised(_plan: Plan) -> str:
    """Raise a limit again."""
    raised = []
    for name in ("RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_CORE"):
        _, hard = resource.getrlimit(getattr(resource, name))
        if hard == resource.RLIM_INFINITY:
            raised.append(name)
            continue
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (hard + 1, hard + 1))
            raised.append(name)
    return ", ".join(raised)


PRESSURES: tuple[Callable[[Plan], str], ...] = (memory, file_size, temporary_space, forks, limits_raised)
