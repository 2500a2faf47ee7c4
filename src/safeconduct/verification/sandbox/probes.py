# SPDX-License-Identifier: Apache-2.0
"""Escape attempts, run inside the box: each returns what it got out of it, and nothing if it was contained.

The text of this file is sent into a box, after that of `pressures`, which it cannot import there; it uses the standard
library alone. The host sends one line of JSON (`port`, `abstract`, `absent`, `writable_bytes`, `layer`) and receives
one line: a finding for every probe, empty if contained.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Plan = dict[str, Any]
_LIBC = ctypes.CDLL(None, use_errno=True)
_MACHINE = platform.machine()
_CALLS = {
    "x86_64": {
        "keyctl": 250,
        "io_uring_setup": 425,
        "bpf": 321,
        "perf_event_open": 298,
        "userfaultfd": 323,
        "clone": 56,
        "clone3": 435,
        "process_vm_writev": 311,
        "clock_adjtime": 305,
        "landlock_create_ruleset": 444,
    },
    "aarch64": {
        "keyctl": 219,
        "io_uring_setup": 425,
        "bpf": 280,
        "perf_event_open": 241,
        "userfaultfd": 282,
        "clone": 220,
        "clone3": 435,
        "process_vm_writev": 271,
        "clock_adjtime": 266,
        "landlock_create_ruleset": 444,
    },
}[_MACHINE]
_CLONE_NEWUSER = 0x10000000
_PTRACE_ATTACH = 16
_TIOCSTI = 0x5412
_AF_ALG, _AF_VSOCK = 38, 40
_NOBODY = 65534


def _succeeds(result: int, what: str) -> str:
    """Tell of a call of the C library that should have failed."""
    return what if result >= 0 else ""


def _raw(name: str) -> str:
    """Try a system call by number with empty arguments; only the filter answers EPERM to all of them."""
    result = _LIBC.syscall(_CALLS[name], 0, 0, 0, 0, 0)
    return "" if result < 0 and ctypes.get_errno() == 1 else f"{name} reached the kernel"


def host_loopback(plan: Plan) -> str:
    """Reach a listener on the host's loopback."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET) as talk:
        talk.settimeout(1)
        talk.connect(("127.0.0.1", plan["port"]))
        return "a listener of the host answered"
    return ""


def abstract_socket(plan: Plan) -> str:
    """Reach an abstract unix socket of the host."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as talk:
        talk.connect("\0" + plan["abstract"])
        return "an abstract socket of the host answered"
    return ""


def interfaces(_plan: Plan) -> str:
    """Find a network interface other than loopback."""
    with contextlib.suppress(OSError):
        others = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text("ascii").splitlines()[2:]]
        return ", ".join(name for name in others if name != "lo")
    return ""


def sockets(_plan: Plan) -> str:
    """Open a socket of a family that leaves the box or widens the kernel's surface."""
    found = []
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, _AF_ALG, _AF_VSOCK):
        with contextlib.suppress(OSError):
            socket.socket(family, socket.SOCK_DGRAM).close()
            found.append(str(int(family)))
    return f"families {', '.join(found)}" if found else ""


def processes(_plan: Plan) -> str:
    """See processes of the host."""
    seen = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # as little as it can
    return f"{len(seen)} processes" if len(seen) > 3 else ""  # noqa: PLR2004  # the box's own


def secrets_of_host(plan: Plan) -> str:
    """Find files and folders of the host."""
    names = ["/etc/shadow", "/etc/passwd", "/root", "/home", "/var", "/srv", "/sys", "/run", "/boot", *plan["absent"]]
    return ", ".join(name for name in names if os.path.lexists(name))  # a link counts as well


def root_of_first_process(_plan: Plan) -> str:
    """Leave through the root of the first process."""
    found = []
    for name in ("etc/shadow", "home", "var"):
        # Where Landlock is in force nobody may walk there at all.
        with contextlib.suppress(PermissionError):
            found += [name] if Path("/proc/1/root", name).exists() else []
    return ", ".join(found)


def read_only_usr(_plan: Plan) -> str:
    """Write below /usr."""
    return _writes("/usr/bin/python3-box")


def read_only_root(_plan: Plan) -> str:
    """Write into the root folder."""
    return _writes("/box")


def read_only_dev(_plan: Plan) -> str:
    """Write into /dev."""
    return _writes("/dev/box")


def read_only_packages(_plan: Plan) -> str:
    """Write into the shown folders."""
    return _writes("/packages/0/box") or _writes("/packages/box")


def _writes(name: str) -> str:
    """Try to make a file."""
    with contextlib.suppress(OSError):
        Path(name).write_text("box", encoding="ascii")
        return name
    return ""


def mount(_plan: Plan) -> str:
    """Mount a file system."""
    return _succeeds(_LIBC.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None), "mounted")  # inside the box


def chroot(_plan: Plan) -> str:
    """Change the root."""
    return _succeeds(_LIBC.chroot(b"/tmp"), "changed")  # inside the box


def nested_user_namespace(_plan: Plan) -> str:
    """Make a user namespace, in which everything is allowed again, by either of the two old calls."""
    child = _LIBC.syscall(_CALLS["clone"], _CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child > 0:
        os.waitpid(child, 0)
    return _succeeds(child, "made by clone") or _succeeds(_LIBC.unshare(_CLONE_NEWUSER), "made by unshare")


def nested_user_namespace_newer(_plan: Plan) -> str:
    """Make a user namespace by the newer call, whose arguments no filter can read."""
    arguments = struct.pack("<8Q", _CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    child = _LIBC.syscall(_CALLS["clone3"], arguments, len(arguments))
    if child == 0:
        os._exit(0)
    if child > 0:
        os.waitpid(child, 0)
    return _succeeds(child, "made by clone3")


def setuid(_plan: Plan) -> str:
    """Become the superuser."""
    return _succeeds(_LIBC.setuid(0), "became")


def identity(_plan: Plan) -> str:
    """Be somebody, keep a capability, or run without the filter."""
    wrong = [] if os.getuid() == _NOBODY and os.getgid() == _NOBODY else ["uid"]
    return ", ".join([*wrong, *_powers("self")])


def first_process(_plan: Plan) -> str:
    """Gain power by writing into the first process of the box, which the same user may do."""
    return ", ".join(_powers("1"))


def _powers(process: str) -> list[str]:
    """Return what the process may do that nothing in the box may do."""
    lines = Path("/proc", process, "status").read_text("ascii").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    powers = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status[name], 16)]
    powers += [] if status["NoNewPrivs"] == "1" else ["NoNewPrivs"]
    return powers + ([] if status["Seccomp"] == "2" else ["Seccomp"])


def trace(_plan: Plan) -> str:
    """Trace another process of the box."""
    child = os.fork()
    if not child:
        time.sleep(20)
        os._exit(0)
    try:
        return _succeeds(_LIBC.ptrace(_PTRACE_ATTACH, child, None, None), "attached")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def memory_of_others(_plan: Plan) -> str:
    """Write into the memory of another process by the call for it."""
    return _raw("process_vm_writev")


def memory_of_first_process(_plan: Plan) -> str:
    """Open the memory of the first process of the box; only Landlock keeps that from the same user."""
    with contextlib.suppress(OSError):
        os.close(os.open("/proc/1/mem", os.O_RDWR))
        return "opened" if _has_landlock() else ""
    return ""


def own_settings(_plan: Plan) -> str:
    """Write a setting of its own process, which Landlock forbids where the kernel has it."""
    with contextlib.suppress(OSError):
        os.close(os.open("/proc/self/oom_score_adj", os.O_WRONLY))
        return "Landlock is not in force" if _has_landlock() else ""
    return ""


def _has_landlock() -> bool:
    """Tell whether the kernel has Landlock."""
    return bool(_LIBC.syscall(_CALLS["landlock_create_ruleset"], None, 0, 1) > 0)


def kernel_settings(_plan: Plan) -> str:
    """Change a setting of the kernel."""
    for name in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/user/max_user_namespaces"):
        with contextlib.suppress(OSError):
            os.close(os.open(name, os.O_WRONLY))
            return name
    return ""


def terminal_input(_plan: Plan) -> str:
    """Type into the terminal of whoever started the verifier."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, _TIOCSTI, b"x")
            return "typed"
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR))
        return "opened"
    return ""


def keyring(_plan: Plan) -> str:
    """Use the kernel's keys."""
    return _raw("keyctl")


def io_uring(_plan: Plan) -> str:
    """Use io_uring."""
    return _raw("io_uring_setup")


def kernel_programs(_plan: Plan) -> str:
    """Load a program into the kernel."""
    return _raw("bpf")


def performance_events(_plan: Plan) -> str:
    """Watch the machine through performance events."""
    return _raw("perf_event_open")


def user_faults(_plan: Plan) -> str:
    """Hold the kernel at a page fault."""
    return _raw("userfaultfd")


def clock(_plan: Plan) -> str:
    """Set the clock."""
    with contextlib.suppress(OSError):
        time.clock_settime(time.CLOCK_REALTIME, time.time())
        return "set"
    return ""


def clock_adjusted(_plan: Plan) -> str:
    """Change how fast the clock goes."""
    return _raw("clock_adjtime")


def descriptors(_plan: Plan) -> str:
    """Find an inherited descriptor."""
    found = []
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.append(str(number))
    return ", ".join(found)


def environment(_plan: Plan) -> str:
    """Find a variable of the host."""
    known = {"PATH", "HOME", "PWD", "LC_CTYPE"}
    if os.environ.get("LD_LIBRARY_PATH") == "/python/lib":
        known.add("LD_LIBRARY_PATH")
    return ", ".join(sorted(set(os.environ) - known))


def links_out(_plan: Plan) -> str:
    """Make a hard link to a file that is not the box's, and read the host through a symbolic one."""
    with contextlib.suppress(OSError):
        os.link("/usr/bin/env", "/tmp/hard")  # noqa: S108  # inside the box
        return "hard link"
    os.symlink("/etc/shadow", "/tmp/soft")  # noqa: PTH211, S108  # inside the box
    return "symbolic link" if Path("/tmp/soft").exists() else ""  # noqa: S108  # inside the box


PROBES: tuple[Callable[[Plan], str], ...] = (
    host_loopback,
    abstract_socket,
    interfaces,
    sockets,
    processes,
    secrets_of_host,
    root_of_first_process,
    read_only_usr,
    read_only_root,
    read_only_dev,
    read_only_packages,
    mount,
    chroot,
    nested_user_namespace,
    nested_user_namespace_newer,
    setuid,
    identity,
    trace,
    memory_of_others,
    first_process,
    kernel_settings,
    terminal_input,
    keyring,
    io_uring,
    kernel_programs,
    performance_events,
    user_faults,
    clock,
    clock_adjusted,
    descriptors,
    environment,
    links_out,
)


LAYER: tuple[Callable[[Plan], str], ...] = (own_settings, memory_of_first_process)
"""What only Landlock keeps from the code; made in a box of its own, because Landlock would hide that a box is weak."""


def main() -> None:
    """Make all attempts and tell what they got."""
    plan = json.loads(sys.stdin.readline())
    chosen = LAYER if plan["layer"] else (*PROBES, *globals()["PRESSURES"])
    findings = {probe.__name__: probe(plan) for probe in chosen}
    sys.stdout.write(json.dumps(findings) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    main()
