# SPDX-License-Identifier: Apache-2.0
"""Start Python code in the box, talk to it over standard input and output, and end the whole tree.

What the code sees: /usr read-only, the shown folders read-only, a fresh /proc and /dev, one bounded temporary folder,
no network but its own loopback, no environment but PATH, HOME and where the libraries of its interpreter are, no
descriptor but the three standard ones. It can hand out nothing but its standard output, which is read with a limit. A
box must be opened and used in one thread that lives at least as long: the kernel ends the box when the thread that
started it ends.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safeconduct.domain.bundle import Limits
from safeconduct.errors import SandboxError, TargetError
from safeconduct.verification.sandbox import landlock, launcher
from safeconduct.verification.sandbox.cgroups import Groups, groups_for
from safeconduct.verification.sandbox.seccomp import filter_program

BOX_UID: Final = 64123
"""The user to whom the superuser drops; it owns nothing and is nobody else's."""
MAX_LINE: Final = 1 << 20
MAX_OUTPUT: Final = 1 << 20
TEMPORARY_BYTES: Final = 64 << 20
_NOBODY: Final = "65534"
_ALL_MAY_READ: Final = 0o005
_INSTALL: Final = "install it with: apt-get install bubblewrap"
# The number of processes is limited inside, because there the kernel counts the processes of the box alone.
# Landlock comes on top where the kernel has it.
_PREAMBLE: Final = (
    "import resource as _r; _r.setrlimit(_r.RLIMIT_NPROC, ({0}, {0})); del _r\n"
    "exec({1!r}, {{'__name__': 'landlock'}})\n"
)
_LANDLOCK: Final = Path(landlock.__file__).read_text("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxResult:
    """What a finished box left: exit status (negative for a signal), output up to the limit, and how it ended."""

    status: int
    output: bytes
    complaint: str
    timed_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """How boxes are made on this machine."""

    bubblewrap: str
    uid: int = BOX_UID

    @classmethod
    def find(cls, *, path: str = "/usr/bin:/usr/local/bin:/bin") -> "Sandbox":
        """Return the sandbox of this machine; bubblewrap is looked for on the path and not where the caller's says.

        Raises:
            SandboxError: bubblewrap is not installed, or the machine is no Linux.
        """
        if sys.platform != "linux":
            raise SandboxError("the sandbox needs Linux", hint="run the verifier in a Linux virtual machine")
        found = shutil.which("bwrap", path=path)
        if found is None:
            raise SandboxError("bubblewrap is not installed", hint=_INSTALL)
        return cls(bubblewrap=found)

    async def run(self, source: str, *, stdin: bytes, limits: Limits, packages: Sequence[Path] = ()) -> BoxResult:
        """Run the code to its end, at most `limits.wall_seconds`, and return what it left.

        Raises:
            SandboxError: the box could not be made.
        """
        box = await self.open(source, limits=limits, packages=packages)
        timed_out = True
        output = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.wall_seconds):
                output = await box.exchange(stdin)
                timed_out = False
        is_cut = timed_out or len(output) == MAX_OUTPUT
        status = await box.close(grace_seconds=0.0 if is_cut else limits.wall_seconds)
        if status == launcher.FAILED:
            raise SandboxError("the box could not be made", hint=box.complaint)
        return BoxResult(status=status, output=output, complaint=box.complaint, timed_out=timed_out)

    async def open(self, source: str, *, limits: Limits, packages: Sequence[Path] = (), layered: bool = True) -> "Box":
        """Start the code and return its box; close it in the end. Only the self-check leaves Landlock out.

        Raises:
            SandboxError: a folder to be shown is missing or unreadable, or the launcher cannot be started.
        """
        for folder in packages:
            _require_readable(folder)
        groups = groups_for(limits, spare_bytes=TEMPORARY_BYTES)
        with _seccomp_descriptor() as descriptor:
            code = _PREAMBLE.format(limits.processes, _LANDLOCK if layered else "") + source
            plan = self._plan(code, limits=limits, packages=packages, descriptor=descriptor)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", launcher.__file__, json.dumps(plan | {"groups": groups.doors})),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    pass_fds=(descriptor,),
                    start_new_session=True,
                    env={},
                    cwd="/",
                    limit=MAX_LINE,
                )
            except OSError as error:
                await groups.remove()
                raise SandboxError("the box could not be started", hint=os.strerror(error.errno or 0)) from error
        return Box(process, groups=groups)

    def _plan(self, code: str, *, limits: Limits, packages: Sequence[Path], descriptor: int) -> dict[str, object]:
        """Return what the launcher is told."""
        python, home = _interpreter()
        shown = [*(str(folder.resolve()) for folder in packages), *([home] if home else [])]
        argv = [self.bubblewrap, *_profile(packages=len(packages), python=bool(home)), "--seccomp", str(descriptor)]
        return {
            "argv": [*argv, "--", python, "-I", "-B", "-c", code],
            "show": shown,
            "uid": self.uid,
            "keep": [descriptor],
            "limits": {
                "memory": limits.memory_bytes,
                "file": limits.file_bytes,
                "cpu": limits.cpu_seconds,
                "files": limits.open_files,
                "core": 0,
            },
        }


class Box:
    """One running box."""

    def __init__(self, process: asyncio.subprocess.Process, *, groups: Groups | None = None) -> None:
        self._process = process
        self._groups = groups or Groups()
        self.complaint = ""

    @property
    def pid(self) -> int:
        """Return the process that keeps the box; it is the leader of its process group."""
        return self._process.pid

    async def ask(self, line: bytes) -> bytes:
        """Send one line and return the next one.

        Raises:
            TargetError: the code ended, closed its output, or wrote a line beyond the limit.
        """
        stdin, _ = self._pipes()
        try:
            stdin.write(line + b"\n")
            await stdin.drain()
        except ConnectionError as error:
            raise TargetError("the code in the box broke off", hint="it ended or wrote too much") from error
        return await self.hear()

    async def hear(self) -> bytes:
        """Return the next line.

        Raises:
            TargetError: the code ended, closed its output, or wrote a line beyond the limit.
        """
        _, stdout = self._pipes()
        try:
            answer = await stdout.readline()
        except (ConnectionError, ValueError) as error:
            raise TargetError("the code in the box broke off", hint="it ended or wrote too much") from error
        if not answer.endswith(b"\n"):
            raise TargetError("the code in the box ended", hint="it crashed, or passed a limit on memory or time")
        return answer

    async def exchange(self, data: bytes) -> bytes:
        """Send everything, close, and return the output up to the limit."""
        stdin, stdout = self._pipes()
        with contextlib.suppress(ConnectionError):
            stdin.write(data)
            await stdin.drain()
            stdin.close()
        output = b""
        while len(output) < MAX_OUTPUT and (chunk := await stdout.read(1 << 16)):
            output += chunk
        return output[:MAX_OUTPUT]

    async def close(self, *, grace_seconds: float = 0.2) -> int:
        """End the whole tree, whatever it does, and return the status.

        Code that ends by itself within the grace keeps its own status. Ending the leader is enough: the kernel then
        ends the first process of the box, and with it all others.
        """
        stdin, _ = self._pipes()
        stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                return await self._end()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return await self._end()

    async def _end(self) -> int:
        """Read what is left until the pipes are closed, keep a little of the complaint, and return the status.

        The pipes come first: the process counts as ended only when nothing waits in them any more.
        """
        stdin, stdout = self._pipes()
        assert self._process.stderr is not None  # noqa: S101  # it was opened as a pipe
        await asyncio.gather(_discard(stdout), self._keep_complaint(self._process.stderr))
        with contextlib.suppress(ConnectionError):
            await stdin.wait_closed()
        status = await self._process.wait()
        await self._groups.remove()
        return status

    async def _keep_complaint(self, stderr: asyncio.StreamReader) -> None:
        """Keep the end of the first words on standard error, as they may be shown."""
        text = await stderr.read(2_000)
        if text:
            self.complaint = "".join(char for char in text.decode("ascii", "replace") if char.isprintable())[-300:]
        await _discard(stderr)

    def _pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        """Return the pipes to and from the code."""
        assert self._process.stdin is not None  # noqa: S101  # it was opened as a pipe
        assert self._process.stdout is not None  # noqa: S101  # it was opened as a pipe
        return self._process.stdin, self._process.stdout


async def _discard(stream: asyncio.StreamReader) -> None:
    """Read to the end and keep nothing."""
    while await stream.read(1 << 16):
        pass


def _require_readable(folder: Path) -> None:
    """Refuse a folder that the box could not read; the superuser's boxes run under a user that owns nothing."""
    if not folder.is_dir():
        raise SandboxError("a folder of packages is missing", hint="look at the path", folder=folder.name)
    if os.geteuid() == 0 and folder.stat().st_mode & _ALL_MAY_READ != _ALL_MAY_READ:
        raise SandboxError("the box cannot read a folder of packages", hint="chmod o+rx", folder=folder.name)


def _profile(*, packages: int, python: bool) -> list[str]:
    """Return the arguments of bubblewrap that make the box."""
    arguments = [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"),
        *("--cap-drop", "ALL", "--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "box"),
        *("--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/tmp"),  # noqa: S108  # inside the box
        *("--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
    ]
    arguments += _system_folders(Path("/"))
    for number in range(packages):
        arguments += ["--ro-bind", f"{{show{number}}}", f"/packages/{number}"]
    if python:
        arguments += ["--ro-bind", f"{{show{packages}}}", "/python", "--setenv", "LD_LIBRARY_PATH", "/python/lib"]
    size = str(TEMPORARY_BYTES)
    return [
        *arguments,
        *("--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--size", size),  # noqa: S108
        *("--tmpfs", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),  # noqa: S108
    ]


def _system_folders(root: Path) -> list[str]:
    """Return the arguments for /bin, /lib and /lib64: links into /usr, or folders where the system still has them."""
    arguments = []
    for name in ("bin", "lib", "lib64"):
        folder = root / name
        if folder.is_symlink():
            arguments += ["--symlink", f"usr/{name}", f"/{name}"]
        elif folder.is_dir():
            arguments += ["--ro-bind", str(folder), f"/{name}"]
    return arguments


def _interpreter() -> tuple[str, str]:
    """Return the interpreter's path in the box, and the folder to be shown as /python if it is not under /usr."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if executable.is_relative_to("/usr"):
        return str(executable), ""
    home = Path(sys.base_prefix).resolve()
    return str(Path("/python") / executable.relative_to(home)), str(home)


@contextlib.contextmanager
def _seccomp_descriptor() -> Iterator[int]:
    """Lend a descriptor from which the filter can be read."""
    descriptor = os.memfd_create("seccomp", 0)
    try:
        os.write(descriptor, filter_program())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
