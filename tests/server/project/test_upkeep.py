# SPDX-License-Identifier: Apache-2.0
"""Upkeep of a real home: backup while it runs, restore into an empty one, no fork, examination, the site as files."""

import json
import os
import secrets
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from tests.factories import records
from tests.server.project.test_serve import Server, serve  # noqa: F401  # the fixture

from safeconduct.crypto.mailbox import digest_of
from safeconduct.formats import native


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours on a home."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SAFECONDUCT_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-m", "safeconduct", *arguments],
        env=environ | {"SAFECONDUCT_HOME": str(home), "SAFECONDUCT_BASE_URL": "http://127.0.0.1:8000"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def post(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post JSON to the interface."""
    request = urllib.request.Request(
        server.base + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def send_report(server: Server) -> str:
    """Send a report and return the key that opens its mailbox."""
    lookup = secrets.token_bytes(32)
    mailbox = {"lookup_sha256": digest_of(lookup).hex(), "auth_sha256": secrets.token_hex(32)}
    post(server, "/api/v1/reports", {"report": native.plain(records.report()), "mailbox": mailbox})
    return lookup.hex()


def wait_for_receipt(server: Server, lookup: str) -> None:
    """Wait until the log holds the report."""
    for _ in range(100):
        if post(server, "/api/v1/mailbox", {"lookup": lookup})["has_receipt"]:
            return
        time.sleep(0.2)
    pytest.fail("the receipt never came")


@pytest.fixture
def identity(tmp_path: Path) -> tuple[str, Path]:
    """Return an age recipient and the file with its identity."""
    made = pyrage.x25519.Identity.generate()
    path = tmp_path / "identity.txt"
    path.write_text(f"# kept elsewhere\n{made}\n")
    return str(made.to_public()), path


@pytest.fixture
def on_sqlite(settings: Any) -> None:
    """Run on the embedded database only; the copy of PostgreSQL is made by its own tools."""
    if not settings.SAFECONDUCT.on_sqlite:
        pytest.skip("the embedded database is tested here")


@pytest.mark.usefixtures("on_sqlite")
def test_a_backup_of_a_running_home_restores_into_an_empty_one(
    serve: Callable[[], Server],  # noqa: F811  # the fixture
    tmp_path: Path,
    identity: tuple[str, Path],
) -> None:
    server = serve()
    server.told()
    server.get("/healthz")
    lookup = send_report(server)
    wait_for_receipt(server, lookup)
    recipient, key_file = identity

    made = command(tmp_path / "home", "backup", str(tmp_path / "copies"), "--recipient", recipient, "--json")

    assert made.returncode == 0, made.stderr
    facts = json.loads(made.stdout)
    with tarfile.open(facts["archive"]) as archive:
        assert not [name for name in archive.getnames() if "key" in name.lower()]
    server.stop()
    (tmp_path / "home").rename(tmp_path / "lost")
    restored = command(
        tmp_path / "home", "restore", facts["archive"], "--keys", facts["keys"], "--identity", str(key_file)
    )
    assert restored.returncode == 0, restored.stderr
    again = serve()
    again.told()
    again.get("/healthz")
    assert post(again, "/api/v1/mailbox", {"lookup": lookup})["status"] == "received"
    another = send_report(again)
    wait_for_receipt(again, another)


@pytest.mark.usefixtures("on_sqlite")
def test_a_backup_from_before_signs_no_fork(
    serve: Callable[[], Server],  # noqa: F811  # the fixture
    tmp_path: Path,
    identity: tuple[str, Path],
) -> None:
    server = serve()
    server.told()
    server.get("/healthz")
    wait_for_receipt(server, send_report(server))
    recipient, key_file = identity
    old = json.loads(
        command(tmp_path / "home", "backup", str(tmp_path / "old"), "--recipient", recipient, "--json").stdout
    )
    wait_for_receipt(server, send_report(server))
    newest = tmp_path / "checkpoint"
    newest.write_text(server.get("/log/checkpoint"))
    server.stop()
    home = tmp_path / "second"

    restored = command(
        home, "restore", old["archive"], "--keys", old["keys"], "--identity", str(key_file), "--checkpoint", str(newest)
    )

    assert restored.returncode == 0, restored.stderr
    found = {item["check"]: item for item in json.loads(command(home, "doctor", "--json").stdout)["findings"]}
    assert found["log"]["health"] == "bad"
    assert found["database"]["health"] == "good"
    assert found["record"]["health"] == "good"


def test_a_restore_overwrites_nothing(tmp_path: Path, identity: tuple[str, Path]) -> None:
    home = tmp_path / "used"
    (home / "keys").mkdir(parents=True)
    archive = tmp_path / "archive.tar"
    archive.write_bytes(b"")

    refused = command(home, "restore", str(archive), "--keys", str(archive), "--identity", str(identity[1]))

    assert refused.returncode == 4
    assert "conflict" in refused.stderr


@pytest.mark.parametrize("content", [b"", b"not a tar at all", b"\0" * 10240])
def test_what_is_no_backup_is_refused_and_leaves_an_empty_home(
    tmp_path: Path, identity: tuple[str, Path], content: bytes
) -> None:
    archive = tmp_path / "archive.tar"
    archive.write_bytes(content)

    refused = command(tmp_path / "new", "restore", str(archive), "--keys", str(archive), "--identity", str(identity[1]))

    assert refused.returncode == 4
    assert "malformed" in refused.stderr
    assert list((tmp_path / "new").iterdir()) == []


def test_a_backup_without_an_outside_recipient_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command(home, "doctor")

    refused = command(home, "backup", str(tmp_path / "copies"))

    assert refused.returncode == 4


@pytest.mark.usefixtures("on_sqlite")
def test_the_public_side_is_written_as_files(serve: Callable[[], Server], tmp_path: Path) -> None:  # noqa: F811
    server = serve()
    server.told()
    server.get("/healthz")
    wait_for_receipt(server, send_report(server))
    site = tmp_path / "site"

    written = command(tmp_path / "home", "publish", str(site), "--json")

    assert written.returncode == 0, written.stderr
    assert "<h1>" in (site / "index.html").read_text()
    assert (site / "register" / "index.html").exists()
    assert (site / "static" / "safeconduct.css").exists()
    key = tmp_path / "log.vkey"
    key.write_text(json.loads(server.get("/api/v1/service"))["log_key"])
    audited = command(tmp_path / "home", "ledger", "audit", str(site / "log"), "--key", str(key))
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert command(tmp_path / "home", "publish", str(site)).returncode == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    assert command(tmp_path / "home", "publish", str(tmp_path / "other")).returncode == 4
