# SPDX-License-Identifier: Apache-2.0
"""The processes of the demonstration: started here, ended here, by their own ids and no others."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from safeconduct.errors import UnavailableError

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 20.0
START_SECONDS = 180.0
LOOK_SECONDS = 0.5
USUAL_PORT = 8000
OWN_VARIABLES = ("SAFECONDUCT_", "DJANGO_")
Found = TypeVar("Found")


class Process:
    """One process that tells on its first lines, as JSON, how it can be reached."""

    def __init__(self, name: str, arguments: list[str], *, log: Path, environ: Mapping[str, str] | None = None) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only the teller, who then ends it in order."""
        self.name, self._log = name, log
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=inherited | dict(environ or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        """Leave it running while the block runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def told(self) -> dict[str, Any]:
        """Return what it tells at its start.

        Raises:
            UnavailableError: it ended, or told nothing in time.
        """
        told: list[dict[str, Any]] = []
        reader = threading.Thread(target=self._listen, args=(told,), daemon=True)
        reader.start()
        reader.join(timeout=START_SECONDS)
        if not told:
            raise UnavailableError(f"{self.name} did not start", hint=self.last_words())
        return told[0]

    def last_words(self) -> str:
        """Return the end of what it wrote on standard error."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-800:].strip() or "it said nothing"

    def is_running(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end, and end it when it does not; nothing happens when it has ended."""
        if self._process.stdin:
            self._process.stdin.close()
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The whole session, because a server that hangs leaves its workers behind.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _listen(self, told: list[dict[str, Any]]) -> None:
        text = ""
        for line in self._process.stdout or ():
            text += line
            try:
                told.append(json.loads(text))
            except ValueError:
                continue
            return


def free_port(wanted: int = USUAL_PORT) -> int:
    """Return the wanted port of loopback if it is free, or any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UnavailableError("no port of the loopback is free", hint="end a program that listens")


def wait_for(what: str, look: Callable[[], Found | None], *, seconds: float, every: float = LOOK_SECONDS) -> Found:
    """Return what `look` finds as soon as it is something.

    Raises:
        UnavailableError: it finds nothing in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(every)
    raise UnavailableError(f"{what} took longer than {seconds:.0f} seconds", hint="the machine may be busy: try again")
