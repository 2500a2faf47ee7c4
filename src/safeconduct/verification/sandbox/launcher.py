# SPDX-License-Identifier: Apache-2.0
"""The step between the verifier and the box: show folders, give up privilege, take limits, become bubblewrap.

It runs as a process of its own, by path, with the standard library only, and never imports the rest of the house. Its
one argument is JSON: `argv` of bubblewrap, `show` (folders that the box sees), `uid` (0: stay), `limits`, `groups`
(doors of control groups to enter) and `keep` (the descriptor of the seccomp filter). Started as the superuser it makes
private mounts of the folders first, because the unprivileged user to whom it drops may not be able to walk to them (a
checkout under /root, for example).

In `argv` the words `{show0}`, `{show1}`, … stand for the folders. It ends with status 125 and one line on standard
error when it cannot do its part; then nothing of the box has started.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
from typing import Any

FAILED = 125
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_STAGES = ("/tmp", "/mnt", "/var/tmp")  # noqa: S108  # covered by a private mount before anything is put there
_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "file": resource.RLIMIT_FSIZE,
    "cpu": resource.RLIMIT_CPU,
    "files": resource.RLIMIT_NOFILE,
    "core": resource.RLIMIT_CORE,
}


def main() -> None:
    """Do the step and become bubblewrap."""
    plan = json.loads(sys.argv[1])
    try:
        _offer_to_oom_killer()
        _join(plan["groups"])
        shown = list(plan["show"])
        if os.geteuid() == 0:
            shown = _stage(shown, beside=plan["argv"][0])
            _drop(int(plan["uid"]))
        _limit(plan["limits"])
        marks = {f"{{show{number}}}": folder for number, folder in enumerate(shown)}
        argv = [marks.get(word, word) for word in plan["argv"]]
        for descriptor in plan["keep"]:
            os.set_inheritable(descriptor, True)
        os.execv(argv[0], argv)  # noqa: S606  # no shell is wanted
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"launcher: {type(error).__name__}: {error}\n")
        sys.exit(FAILED)


def _stage(folders: list[str], *, beside: str) -> list[str]:
    """Mount the folders where every user can walk to, visible to this process and its children only.

    The stage hides what lies below it, so it is not above `beside`.
    """
    stage = next(name for name in _STAGES if os.path.isdir(name) and not beside.startswith(name + "/"))  # noqa: PTH112
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.unshare(_CLONE_NEWNS), "unshare")
    _call(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "make the mounts private")
    handles = [os.open(folder, os.O_PATH | os.O_DIRECTORY) for folder in folders]
    _call(libc.mount(b"tmpfs", stage.encode(), b"tmpfs", 0, b"mode=0755,size=64k"), "mount a stage")
    staged = []
    for number, handle in enumerate(handles):
        target = f"{stage}/{number}"
        os.mkdir(target, 0o755)  # noqa: PTH102  # the launcher loads as little as it can
        source = f"/proc/self/fd/{handle}".encode()
        _call(libc.mount(source, target.encode(), None, _MS_BIND | _MS_REC, None), "show a folder")
        os.close(handle)
        staged.append(target)
    return staged


def _call(result: int, what: str) -> None:
    """Raise if a call of the C library failed."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot {what}: {os.strerror(code)}")


def _drop(uid: int) -> None:
    """Become the unprivileged user for good, without groups."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if os.geteuid() == 0 or os.getuid() == 0:
        raise OSError("the superuser's rights were not given up")


def _offer_to_oom_killer() -> None:
    """Let the kernel take the box first when memory is short."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123  # as little as it can
        file.write("1000")


def _join(doors: list[str]) -> None:
    """Enter the control groups, which bound the box as a whole; a group is never needed."""
    for door in doors:
        with contextlib.suppress(OSError), open(door, "w", encoding="ascii") as file:  # noqa: PTH123  # as little
            file.write("0")


def _limit(limits: dict[str, Any]) -> None:
    """Take the limits, soft and hard, never above what is allowed already."""
    for name, value in limits.items():
        _, hard = resource.getrlimit(_LIMITS[name])
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(_LIMITS[name], (bound, bound))


if __name__ == "__main__":
    main()
