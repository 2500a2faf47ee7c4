# SPDX-License-Identifier: Apache-2.0
"""`safeconduct serve` on a disk that fills: reports are refused cleanly, nothing is lost, and room makes it whole again."""

import json
import os
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from tests.factories import records
from tests.server.project.test_serve import Server, serve  # noqa: F401  # the fixture
from tests.server.project.test_upkeep import post, send_report, wait_for_receipt

from safeconduct.crypto.mailbox import digest_of
from safeconduct.formats import native

MIB = 1024 * 1024

pytestmark = pytest.mark.skipif(not settings.SAFECONDUCT.on_sqlite, reason="PostgreSQL keeps its data elsewhere")


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """Put the home on a disk of 16 MiB."""
    home = tmp_path / "home"
    home.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk can be mounted as root only")
    options = ["-t", "tmpfs", "-o", f"size={16 * MIB}"]
    if subprocess.run(["mount", *options, "none", str(home)], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield home
    subprocess.run(["umount", "--lazy", str(home)], check=True)


def fill(home: Path) -> Path:
    """Take the last byte of the disk and return the file that has it."""
    path = home / "filler"
    with path.open("wb", buffering=0) as stream:
        for size in (64 * 1024, 4096, 1):
            try:
                while stream.write(b"\0" * size):
                    pass
            except OSError:
                continue
    return path


def refused(server: Server, path: str, body: bytes, media_type: str) -> tuple[int, str]:
    """Post something and return how it was refused."""
    request = urllib.request.Request(server.base + path, data=body, headers={"Content-Type": media_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def report_body() -> dict[str, Any]:
    """Return a report as a program sends it."""
    mailbox = {"lookup_sha256": digest_of(secrets.token_bytes(32)).hex(), "auth_sha256": secrets.token_hex(32)}
    return {"report": native.plain(records.report(description="x" * 50_000)), "mailbox": mailbox}


def test_a_full_disk_refuses_reports_and_loses_none(
    small_home: Path,
    serve: Callable[[], Server],  # noqa: F811  # the fixture
) -> None:
    server = serve()
    server.told()
    server.get("/healthz")
    kept = send_report(server)
    wait_for_receipt(server, kept)
    filler = fill(small_home)

    answers = [
        refused(server, "/api/v1/reports", json.dumps(report_body()).encode(), "application/json") for _ in range(3)
    ]

    for status, body in answers:
        assert status == 503, body
        assert "unavailable" in body
        assert "Traceback" not in body
    assert post(server, "/api/v1/mailbox", {"lookup": kept})["status"] == "received"
    assert not json.loads(server.get("/readyz", within=0.1))["checks"]["disk"]
    assert "<h1" in server.get("/report/")
    filler.unlink()
    after = send_report(server)
    wait_for_receipt(server, after)
    assert post(server, "/api/v1/mailbox", {"lookup": kept})["status"] == "received"
    server.kill()
    again = serve()
    again.told()
    again.get("/healthz")
    for lookup in (kept, after):
        assert post(again, "/api/v1/mailbox", {"lookup": lookup})["has_receipt"]
