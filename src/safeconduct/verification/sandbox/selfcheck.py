# SPDX-License-Identifier: Apache-2.0
"""The self-check of the sandbox: escape attempts inside a real box, made before every campaign, failing closed.

Some attempts need a bait on the host (a listener on loopback, an abstract socket, a file that must not be seen), and
some are looked at from outside: under which user the box runs, and what a second, unruly box leaves, which writes
without end, sends escapes to the terminal and hides a process in a session of its own. A probe that breaks is a probe
that did not pass.
"""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from safeconduct.domain.bundle import Limits
from safeconduct.domain.safe_json import Json
from safeconduct.errors import SandboxError, TargetError
from safeconduct.verification.sandbox import landlock, launcher, pressures, probes
from safeconduct.verification.sandbox.box import MAX_OUTPUT, TEMPORARY_BYTES, Box, BoxResult, Sandbox

_SECONDS: Final = 30.0
_SOURCE: Final = "".join(Path(str(part.__file__)).read_text("utf-8") for part in (pressures, probes))
_UNRULY: Final = """
import os, sys, time
sys.stderr.write(chr(27) + "]0;yours" + chr(7) + chr(27) + "[2J")
sys.stderr.flush()
if not os.fork():
    os.setsid()
    while True:
        time.sleep(60)
while True:
    os.write(1, bytes([27]) * 65536)
"""
_LIMITS: Final = Limits(memory_bytes=512 << 20, processes=32, file_bytes=32 << 20, cpu_seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One attempt: its name, what it tries, whether the box held, and what it got if not."""

    name: str
    about: str
    passed: bool
    detail: str = ""


def self_check(sandbox: Sandbox) -> tuple[CheckResult, ...]:
    """Make every attempt and return the results, in a fixed order.

    Raises:
        SandboxError: the box could not be made at all.
    """
    return asyncio.run(check_sandbox(sandbox))


def require_sound(results: tuple[CheckResult, ...]) -> None:
    """Refuse a sandbox that did not hold every attempt.

    Raises:
        SandboxError: at least one attempt got out; the message names them.
    """
    failed = [result.name for result in results if not result.passed]
    if failed or not results:
        raise SandboxError(
            f"the sandbox did not hold: {', '.join(failed) or 'nothing was checked'}",
            hint="nothing was run; see `safeconduct doctor`",
            failed=failed,
        )


async def check_sandbox(sandbox: Sandbox) -> tuple[CheckResult, ...]:
    """Make every attempt; the asynchronous form of `self_check`.

    Raises:
        SandboxError: the box could not be made at all.
    """
    with _baits() as plan:
        findings, uid = await _attempts(sandbox, plan | {"layer": False})
        layer, _ = await _attempts(sandbox, plan | {"layer": True})
    outside = CheckResult(
        name="host_user", about="Run under the superuser of the host.", passed=bool(uid), detail="" if uid else "uid 0"
    )
    attempts = (*probes.PROBES, *pressures.PRESSURES)
    inside = (_result(probe.__name__, probe.__doc__ or "", findings) for probe in attempts)
    layered = (_result(probe.__name__, probe.__doc__ or "", layer) for probe in probes.LAYER)
    return (*inside, *layered, outside, *await _unruly(sandbox))


async def _attempts(sandbox: Sandbox, plan: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return what the attempts of one box got, and the user under whom it ran.

    The box itself is tried without Landlock, which would hide that it is weak.
    """
    limits = replace(_LIMITS, wall_seconds=_SECONDS)
    box = await sandbox.open(_SOURCE, limits=limits, packages=[Path(plan["folder"])], layered=plan["layer"])
    try:
        findings = await _ask(box, plan)
        uid = _uid_of(box.pid)
    finally:
        status = await box.close()
    if findings is None:
        reason = box.complaint or f"the probes ended with status {status}"
        raise SandboxError(
            "the box could not be made" if status == launcher.FAILED else "the self-check broke", hint=reason
        )
    return findings, uid


async def checked(sandbox: Sandbox) -> dict[str, Json]:
    """Make every attempt, refuse a sandbox that did not hold, and return what is said of the check.

    Raises:
        SandboxError: the box could not be made, or an attempt got out.
    """
    results = await check_sandbox(sandbox)
    require_sound(results)
    return summary(results)


def summary(results: tuple[CheckResult, ...]) -> dict[str, Json]:
    """Return what a certificate says of a self-check: how many attempts were made, which, and which got out."""
    return {
        "attempts": len(results),
        "failed": [result.name for result in results if not result.passed],
        "names": [result.name for result in results],
        "landlock": landlock.version(),
    }


async def _unruly(sandbox: Sandbox) -> tuple[CheckResult, ...]:
    """Run code that does not want to end, and look at what it leaves."""
    left = BoxResult(status=0, output=b"", complaint="", timed_out=True)
    has_ended = False
    with contextlib.suppress(TimeoutError, TargetError):
        async with asyncio.timeout(_SECONDS):
            left = await sandbox.run(_UNRULY, stdin=b"", limits=replace(_LIMITS, wall_seconds=_SECONDS / 2))
            has_ended = not left.timed_out
    is_cut, is_plain = 0 < len(left.output) <= MAX_OUTPUT, bool(left.complaint) and left.complaint.isprintable()
    return (
        CheckResult(name="huge_output", about="Write without end.", passed=is_cut),
        CheckResult(
            name="terminal_escapes", about="Move the terminal of whoever reads the complaint.", passed=is_plain
        ),
        CheckResult(name="process_tree", about="Live on in a session of its own.", passed=has_ended),
    )


async def _ask(box: Box, plan: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the probes say, or nothing if they broke."""
    with contextlib.suppress(TargetError, TimeoutError, ValueError):
        async with asyncio.timeout(_SECONDS):
            findings = json.loads(await box.ask(json.dumps(plan).encode()))
            return findings if isinstance(findings, dict) else None
    return None


def _result(name: str, about: str, findings: dict[str, Any]) -> CheckResult:
    """Return the result of one probe; only an empty text is a pass."""
    found = findings.get(name)
    detail = "the probe did not answer" if not isinstance(found, str) else ascii(found)[1:-1][:200]
    return CheckResult(name=name, about=about, passed=found == "", detail=detail)


@contextlib.contextmanager
def _baits() -> Iterator[dict[str, Any]]:
    """Lay the baits on the host and tell where they are."""
    abstract = f"safeconduct-{secrets.token_hex(8)}"
    with (
        tempfile.TemporaryDirectory(prefix="safeconduct-check-") as folder,
        tempfile.NamedTemporaryFile(prefix="safeconduct-bait-") as bait,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind("\0" + abstract)
        unix.listen()
        Path(folder).chmod(0o755)
        yield {
            "port": listener.getsockname()[1],
            "abstract": abstract,
            "absent": [bait.name, os.path.abspath(__file__)],  # noqa: PTH100  # as text
            "writable_bytes": TEMPORARY_BYTES,
            "folder": folder,
        }


def _uid_of(pid: int) -> int:
    """Return the user of a process, 0 when it cannot be told."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
            if line.startswith("Uid:"):
                return min(int(number) for number in line.split()[1:])
    return 0
