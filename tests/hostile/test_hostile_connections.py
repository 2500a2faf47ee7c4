# SPDX-License-Identifier: Apache-2.0
"""Clients that break off, speak no HTTP or hold on, at a real server."""

import json
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from tests.factories import records
from tests.running import Running, database_of

from safeconduct.formats import native

SECRET = "very-secret-words"  # no password


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("hostile"), database=database_of(settings.SAFECONDUCT)) as running:
        yield running


def said_back(server: Running, sent: bytes) -> bytes:
    """Send raw bytes and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(sent)
        return b"".join(iter(lambda: line.recv(65536), b""))


def request() -> dict[str, Any]:
    mailbox = {"lookup_sha256": secrets.token_hex(32), "auth_sha256": secrets.token_hex(32)}
    return {"report": native.plain(records.report()), "mailbox": mailbox}


def part(name: str, content: bytes, *, file: str = "") -> bytes:
    named = f'; filename="{file}"' if file else ""
    return f'--frame\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def test_a_form_that_breaks_off_between_two_files_is_not_taken_as_whole(server: Running) -> None:
    first = part("request", json.dumps(request()).encode()) + part("attachments", b"A" * 70_000, file="a.txt")
    whole = first + part("attachments", b"B" * 70_000, file="b.txt") + b"--frame--\r\n"
    key, form = secrets.token_hex(8), "multipart/form-data; boundary=frame"
    head = (
        f"POST /api/v1/reports/with-files HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: {form}\r\nContent-Length: {len(whole)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(head + first + b"--frame\r\nContent-Disp")
        line.shutdown(socket.SHUT_WR)
        assert b" 201 " not in line.recv(1000)

    again = httpx.post(
        f"{server.base}/api/v1/reports/with-files",
        content=whole,
        headers={"Content-Type": form, "Idempotency-Key": key},
        timeout=60,
    )

    assert (again.status_code, again.json().get("is_new")) == (201, True)
    assert not list((server.home / "sealed").rglob("*.part"))
    assert len([path for path in (server.home / "sealed").rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize(
    "sent",
    [
        f"{SECRET}\r\n\r\n".encode(),
        f"GET /{SECRET} HTTP/1.1\r\nHost: 127.0.0.1\r\n({SECRET}): x\r\n\r\n".encode(),
        f"GET /?{SECRET}\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode("latin-1"),
        f"{SECRET}\xd6 / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode("latin-1"),
        f"GET /{SECRET * 1000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +{SECRET}\r\n\r\n".encode(),
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ],
)
def test_what_is_not_http_is_refused_under_our_headers_and_not_repeated(server: Running, sent: bytes) -> None:
    answer = said_back(server, sent)

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 414 "))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert SECRET.encode() not in answer
    assert len(body) < 40
    assert SECRET not in server.log.read_text()


def test_a_head_request_is_told_by_our_own_log_alone(server: Running) -> None:
    answer = httpx.head(f"{server.base}/")

    assert (answer.status_code, answer.content) == (200, b"")
    assert '"logger": "gunicorn' not in server.log.read_text()


def test_a_long_report_goes_the_whole_way_and_is_taken(server: Running) -> None:
    body = json.dumps(request()).encode() + b" " * 100_000

    answer = httpx.post(
        f"{server.base}/api/v1/reports", content=body, headers={"Content-Type": "application/json"}, timeout=60
    )

    assert answer.status_code == 201
    assert "content-language" in answer.headers


def test_long_bodies_that_never_end_are_not_held_in_memory(tmp_path: Path) -> None:
    head = (
        b"POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2000000\r\n\r\n"
    )
    with Running(tmp_path, threads="2") as server:
        before = server.peak_memory()
        lines = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(100)]
        for line in lines:
            line.setblocking(False)  # the library's signature
            line.send(head + b" " * 1_900_000)
        for line in lines:
            line.close()
        assert httpx.get(f"{server.base}/healthz", timeout=60).status_code == 200
        assert server.peak_memory() - before < 100 * 1_000_000
