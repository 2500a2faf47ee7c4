# SPDX-License-Identifier: Apache-2.0
"""Landlock as an extra layer inside the box: a process that gives up rights of its own, for good (landlock(7)).

The text of this file is sent into the box and run before anything else; it uses the standard library alone. Where the
kernel has Landlock the code can then write below its temporary folders only, use no TCP, reach no abstract socket and
signal no process outside of its own kind, whatever became of the namespaces around it. Where the kernel has none,
nothing happens: it is never a substitute for the box, and the self-check does not count it as one.
"""

import ctypes
import os
import struct

CREATE, ADD_RULE, RESTRICT = 444, 445, 446
ASK_VERSION, PATH_BENEATH = 1, 1
WRITE, REFER, TRUNCATE, IOCTL = 1 << 1, 1 << 13, 1 << 14, 1 << 15
MAKE_DEVICES = 1 << 6 | 1 << 11
CHANGE_FOLDERS = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12
TCP, SCOPES = 0b11, 0b11
FOLDERS = ("/tmp", "/dev/shm")  # noqa: S108  # inside the box
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_LIBC = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Return the version of Landlock that the kernel speaks, 0 if none."""
    found: int = _LIBC.syscall(CREATE, None, 0, ASK_VERSION)
    return max(0, found)


def confine() -> int:
    """Give up the rights and return the version of Landlock, 0 where the kernel has none.

    Raises:
        OSError: the kernel has it and refuses; then the code must not run.
    """
    known = version()
    if not known:
        return 0
    handled = WRITE | MAKE_DEVICES | CHANGE_FOLDERS
    # Each version of the interface added rights: 2 moving between folders, 3 cutting, 4 TCP, 5 devices, 6 scopes.
    handled |= sum(right for least, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL)) if known >= least)
    words = [handled, *([TCP] if known >= 4 else []), *([SCOPES] if known >= 6 else [])]  # noqa: PLR2004
    rules = struct.pack(f"<{len(words)}Q", *words)
    ruleset = _call(CREATE, rules, len(rules), 0)
    try:
        for name in FOLDERS:
            _allow(ruleset, name, handled & (WRITE | CHANGE_FOLDERS | REFER | TRUNCATE))
        for name in DEVICES:
            _allow(ruleset, name, handled & (WRITE | TRUNCATE))
        _call(RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, name: str, rights: int) -> None:
    """Keep these rights at and below a path; one that is not there keeps none."""
    try:
        place = os.open(name, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("<Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: int | bytes) -> int:
    result: int = _LIBC.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock refuses")
    return result


if __name__ == "landlock":  # pragma: no cover  # true in the box alone
    confine()
