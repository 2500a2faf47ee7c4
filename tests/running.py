# SPDX-License-Identifier: Apache-2.0
"""A real server of its own: `safeconduct serve` as a process, on a free port, with a home folder and a database."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
from tests.postgres import new_database

BEAT_SECONDS = 2


def free_port() -> int:
    """Return a port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_of(config: Any) -> str:
    """Return a new database of the engine that the tests run on."""
    return "sqlite" if config.on_sqlite else new_database(config.database)


class Running:
    """One server; `log` holds all that it said."""

    def __init__(self, folder: Path, *, database: str = "sqlite", **settings: str) -> None:
        self.home, self.log = folder / "home", folder / "server.log"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        foreign = ("SAFECONDUCT_", "DJANGO_", "PYTEST_")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own = {
            "HOME": str(self.home),
            "DATABASE": database,
            "BEAT_SECONDS": str(BEAT_SECONDS),
            "WORKER_IN_SERVE": "yes",
        }
        given = own | {name.upper(): value for name, value in settings.items()}
        self.environ |= {f"SAFECONDUCT_{name}": value for name, value in given.items()}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "safeconduct", "serve", "--bind", f"127.0.0.1:{self.port}"],
                env=self.environ,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{self.base}/readyz").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(self.log.read_text()[-3000:])
            time.sleep(0.1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def workers(self) -> list[int]:
        """Return the processes that answer requests."""
        assert self.process is not None
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def peak_memory(self) -> int:
        """Return the most memory, in bytes, that the answering processes have held."""
        return sum(_status(pid, "VmHWM") * 1024 for pid in self.workers())

    def open_files(self) -> list[str]:
        """Return the names of all files that the answering processes hold open, deleted ones included."""
        links = [link for pid in self.workers() for link in Path(f"/proc/{pid}/fd").iterdir()]
        return [str(link.readlink()) for link in links if link.is_symlink()]

    def run(self, *arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of ours, as a person with no access to the server's home."""
        environ = {name: value for name, value in self.environ.items() if not name.startswith("SAFECONDUCT_")}
        return subprocess.run(
            [sys.executable, "-m", "safeconduct", *arguments],
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.log.parent,
        )

    def run_json(self, *arguments: str, stdin: str = "", cwd: Path | None = None) -> dict[str, Any]:
        """Run a command and return its JSON answer."""
        done = self.run(*arguments, "--json", stdin=stdin, cwd=cwd)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
