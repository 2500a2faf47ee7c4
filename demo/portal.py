# SPDX-License-Identifier: Apache-2.0
"""A portal of our own: `safeconduct serve` on an empty home folder, started and ended here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from demo.processes import Process, free_port, wait_for

BEAT_SECONDS = 2
READY_SECONDS = 120.0
TARGETS = Path("keys") / "targets"
OK = 200


class Portal(Process):
    """The running portal, and what it told at its start."""

    def __init__(self, home: Path, *, port: int, log: Path, database: str = "sqlite") -> None:
        """Start it on that port of loopback, or on any free one if that is taken."""
        self.home = home
        self.base_url = f"http://127.0.0.1:{free_port(port)}"
        environ = {
            "SAFECONDUCT_HOME": str(home),
            "SAFECONDUCT_DATABASE": database,
            "SAFECONDUCT_WORKER_IN_SERVE": "yes",
            "SAFECONDUCT_BEAT_SECONDS": str(BEAT_SECONDS),
        }
        bind = self.base_url.removeprefix("http://")
        super().__init__(
            "the portal", ["-m", "safeconduct", "serve", "--bind", bind, "--json"], log=log, environ=environ
        )

    def ready(self) -> str:
        """Wait until it answers; return the one-time link of the first administrator.

        Raises:
            UnavailableError: it does not start.
        """
        link = str(self.told()["administrator_link"])
        wait_for("the portal", self._answers, seconds=READY_SECONDS)
        return link

    def facts(self) -> dict[str, Any]:
        """Return what the service tells everyone of itself: its keys, limits, and the salt of mailboxes."""
        told: dict[str, Any] = httpx.get(f"{self.base_url}/api/v1/service", timeout=READY_SECONDS).json()
        return told

    def keep_secrets(self, secrets: Mapping[str, str]) -> None:
        """Write the keys of targets where the broker reads them, as an operator does: files of mode 600."""
        folder = self.home / TARGETS
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, value in secrets.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(value, encoding="utf-8")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/readyz", timeout=READY_SECONDS).status_code == OK
        except httpx.TransportError:
            return False
