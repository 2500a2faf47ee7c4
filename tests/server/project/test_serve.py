# SPDX-License-Identifier: Apache-2.0
"""`safeconduct serve` as a process: it starts on an empty home, survives kill -9, keeps out a second one, knows nobody."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import RemoteDisconnected
from pathlib import Path

import pytest
from django.conf import settings
from tests.postgres import new_database

CANARIES = {"User-Agent": "canary-agent-7f3a", "X-Forwarded-For": "203.0.113.77", "Referer": "http://canary-referer/"}


class Server:
    """One running server and what it said."""

    def __init__(self, home: Path, port: int, *, log: Path, database: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.log = log
        environ = {
            # Without PYTHONUNBUFFERED, as an operator starts it: what it says must come through all the same.
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SAFECONDUCT_", "DJANGO_", "PYTHON"))
        }
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "safeconduct", "serve", "--bind", f"127.0.0.1:{port}", "--json"],
                env=environ
                | {
                    "SAFECONDUCT_HOME": str(home),
                    "SAFECONDUCT_BEAT_SECONDS": "1",
                    "SAFECONDUCT_DATABASE": database,
                    "SAFECONDUCT_WORKER_IN_SERVE": "yes",
                },
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def told(self) -> dict[str, str]:
        assert self.process.stdout is not None
        text = ""
        for line in self.process.stdout:
            text += line
            if line == "}\n":
                break
        assert text, f"the server ended at once, see {self.log}"
        return json.loads(text)

    def get(self, path: str, headers: dict[str, str] | None = None, *, within: float = 30) -> str:
        deadline = time.monotonic() + within
        while True:
            try:
                request = urllib.request.Request(self.base + path, headers=headers or {})
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 503 or time.monotonic() > deadline:
                        return error.read().decode()
            except (urllib.error.URLError, RemoteDisconnected, ConnectionError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=30)
        return self.process.returncode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    started: list[Server] = []
    on_sqlite = settings.SAFECONDUCT.on_sqlite
    database = "sqlite" if on_sqlite else new_database(settings.SAFECONDUCT.database)

    port = free_port()

    def start() -> Server:
        started.append(Server(tmp_path / "home", port, log=tmp_path / "log", database=database))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()
        if server.process.stdout is not None:
            server.process.stdout.close()


def test_a_fresh_home_serves_and_gives_the_first_administrator_a_link(serve, tmp_path: Path) -> None:
    server = serve()
    told = server.told()

    assert "administrator" in server.get(told["administrator_link"].removeprefix(server.base))
    assert json.loads(server.get("/readyz"))["ready"]
    assert "tree" not in server.get("/healthz")
    modes = {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "home" / "keys").iterdir()}
    assert modes == {"0o600"}
    assert server.stop() == 0


@pytest.mark.skipif(not settings.SAFECONDUCT.on_sqlite, reason="PostgreSQL takes many workers")
def test_a_killed_server_starts_again_at_once_and_a_second_one_is_refused(serve) -> None:
    first = serve()
    first.told()
    first.get("/readyz")
    first.kill()

    second = serve()
    assert second.told()["administrator_link"]
    assert json.loads(second.get("/readyz"))["ready"]
    environ = {**os.environ, "SAFECONDUCT_HOME": str(second.log.parent / "home")}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    environ = {name: value for name, value in environ.items() if name in {"PATH", "SAFECONDUCT_HOME"}}
    other = subprocess.run(
        [sys.executable, "-m", "safeconduct", "worker", "--json"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert other.returncode == 4
    assert json.loads(other.stderr)["error"]["code"] == "conflict"
    assert second.stop() == 0


def test_only_the_killed_parent_also_frees_the_home(serve) -> None:
    first = serve()
    first.told()
    first.get("/readyz")
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.communicate()

    second = serve()

    assert second.told()["url"] == second.base
    assert json.loads(second.get("/readyz"))["ready"]


def test_nothing_of_who_asks_is_kept_anywhere(serve, tmp_path: Path) -> None:
    server = serve()
    told = server.told()
    server.get("/readyz")
    link = told["administrator_link"].removeprefix(server.base)
    for path in ("/", "/nowhere/?q=canary-query", "/people/", "/account/sign-in/", link):
        server.get(path, CANARIES)
    with socket.create_connection(("127.0.0.1", int(server.base.rsplit(":", 1)[1]))) as raw:
        raw.sendall(b"CANARY / HTTP/9.9\r\nHost: canary-host\r\n\r\n")
        raw.recv(1000)
    server.stop()

    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    log = (tmp_path / "log").read_text()
    assert '"route": "parties:people"' in log
    assert link.split("/")[2] not in log
    for path in kept:
        content = path.read_bytes()
        assert re.search(rb"canary|203\.0\.113", content) is None, path.name
    assert "127.0.0.1" not in log
