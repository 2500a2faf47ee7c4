# SPDX-License-Identifier: Apache-2.0
"""A seccomp filter as classic BPF (`struct sock_filter`), generated here and handed to bubblewrap.

It is a deny list on top of the namespaces, against the parts of the kernel that code in the box never needs and that
past escapes used: tracing, keys, io_uring, BPF, performance events, mounts, modules, handles, foreign clocks, the
terminal's input, and every socket that is not a unix socket. A call of another architecture ends the process.
"""

import platform
import struct
from collections.abc import Mapping
from typing import Final

from safeconduct.errors import SandboxError

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # 0x0005: return an error, here EPERM
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_AF_UNIX, _TIOCSTI, _TIOCLINUX = 1, 0x5412, 0x541C
_X32: Final = 0x40000000

# Call numbers from the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h).
_DENIED: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {
        "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155, "chroot": 161, "acct": 163,
        "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
        "init_module": 175, "delete_module": 176, "quotactl": 179, "clock_settime": 227, "kexec_load": 246,
        "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
        "name_to_handle_at": 303, "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
        "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
        "pidfd_getfd": 438, "mount_setattr": 442,
    },
    "aarch64": {
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "quotactl": 60, "acct": 89, "personality": 92,
        "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112,
        "syslog": 116, "ptrace": 117, "reboot": 142, "settimeofday": 170, "add_key": 217, "request_key": 218,
        "keyctl": 219, "swapon": 224, "swapoff": 225, "perf_event_open": 241, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
        "kexec_file_load": 294, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
        "pidfd_getfd": 438, "mount_setattr": 442,
    },
}  # fmt: skip
_SOCKET: Final = {"x86_64": 41, "aarch64": 198}
_IOCTL: Final = {"x86_64": 16, "aarch64": 29}
_AUDIT_ARCHITECTURE: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def filter_program(machine: str = "") -> bytes:
    """Return the filter for the machine, by default for this one.

    Raises:
        SandboxError: there is no table for this kind of processor.
    """
    machine = machine or platform.machine()
    if machine not in _DENIED:
        raise SandboxError(
            "there is no seccomp filter for this processor", hint="use x86_64 or aarch64", machine=machine
        )
    program = [
        *_unless(_ARCHITECTURE, _AUDIT_ARCHITECTURE[machine], _KILL),
        _step(_LOAD, _NUMBER),
        *((_step(_JUMP_AT_LEAST, _X32, otherwise=1), _step(_RETURN, _KILL)) if machine == "x86_64" else ()),
    ]
    for number in _DENIED[machine].values():
        program += [_step(_JUMP_EQUAL, number, otherwise=1), _step(_RETURN, _REFUSE)]
    program += _on_call(_SOCKET[machine], _unless(_FIRST_ARGUMENT, _AF_UNIX, _REFUSE))
    program += _on_call(
        _IOCTL[machine],
        [
            _step(_LOAD, _SECOND_ARGUMENT),
            *(_step(_JUMP_EQUAL, _TIOCSTI, then=1), _step(_JUMP_EQUAL, _TIOCLINUX, otherwise=1)),
            _step(_RETURN, _REFUSE),
        ],
    )
    program.append(_step(_RETURN, _ALLOW))
    return b"".join(program)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one instruction; `then` and `otherwise` say how many to skip."""
    return struct.pack("<HBBI", code, then, otherwise, value)


def _unless(offset: int, value: int, answer: int) -> list[bytes]:
    """Return the answer unless the word at the offset has the value."""
    return [_step(_LOAD, offset), _step(_JUMP_EQUAL, value, then=1), _step(_RETURN, answer)]


def _on_call(number: int, body: list[bytes]) -> list[bytes]:
    """Run the body on one call only, then allow it; the call's number must be in the accumulator."""
    body = [*body, _step(_RETURN, _ALLOW)]
    return [_step(_JUMP_EQUAL, number, otherwise=len(body)), *body]
