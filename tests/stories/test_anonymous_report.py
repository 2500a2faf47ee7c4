# SPDX-License-Identifier: Apache-2.0
"""Reporting without a name, against a real server: the proof holds, nothing tells who reported, nothing gets lost."""

import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from django.conf import settings
from tests.factories import records
from tests.running import BEAT_SECONDS, Running, database_of
from tests.server.intake.browser import STAGES, Reader

from safeconduct.formats import native

MIB = 1024 * 1024
ADDRESS = "203.0.113.66"
CANARIES = {
    "address": ADDRESS.encode(),
    "source": b"127.0.0.66",
    "agent": b"canary-agent-5d1e",
    "name": b"canary-file-name",
    "title": b"canary-title-text",
    "body": b"canary-body-text",
    "content": b"canary-file-content",
    "answer": b"canary-answer-text",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """Return a running server on the engine of the tests."""
    with Running(tmp_path, database=database_of(settings.SAFECONDUCT)) as running:
        yield running


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Return a report as a file."""
    path = tmp_path / "report.json"
    path.write_bytes(native.canonical(records.report()))
    return path


def flipped(data: bytes) -> Iterator[bytes]:
    """Yield copies of the data with one bit changed, at places spread over all of it."""
    for place in range(0, len(data), max(1, len(data) // 5)):
        yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_report_by_command_line_is_proven_offline_and_one_flipped_bit_is_seen(
    server: Running, report: Path, tmp_path: Path
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    notes = tmp_path / "notes.txt"
    notes.write_text("what I saw")

    sent = server.run_json(
        "report", "send", str(report), "--to", server.base, "--attach", str(notes), "--out", str(papers), "--wait"
    )

    server.stop()
    receipt, opening = papers / "receipt.tlog-proof", papers / "opening.json"
    arguments = ("ledger", "verify", str(receipt), "--opening", str(opening))
    told = server.run_json(*arguments)
    assert told["opening_belongs"]
    assert told["shown"]["title"] == records.report().title
    assert told["shown"]["attachment:1"] == hashlib.sha256(b"what I saw").hexdigest()
    assert sent["receipt"] == str(receipt)
    assert oct(opening.stat().st_mode & 0o777) == "0o600"
    for file in (receipt, opening):
        whole = file.read_bytes()
        for changed in flipped(whole):
            file.write_bytes(changed)
            assert server.run(*arguments).returncode in {1, 4}
        file.write_bytes(whole)
    value = opening.read_text().replace("what", "whal").replace(records.report().title, records.report().title + ".")
    opening.write_text(value)
    assert server.run(*arguments).returncode == 1


def test_the_words_follow_the_report_and_are_in_no_argument(server: Running, report: Path, tmp_path: Path) -> None:
    sent = server.run_json("report", "send", str(report), "--to", server.base)
    answer = tmp_path / "answer.txt"
    answer.write_text("It still happens.")

    told = server.run_json("report", "follow", "--to", server.base, "--answer", str(answer), stdin=sent["codename"])

    assert told["status"] == "received"
    assert [message["text"] for message in told["messages"]] == ["It still happens."]
    time.sleep(2 * BEAT_SECONDS + 1)
    proof = tmp_path / "later.tlog-proof"
    server.run_json("report", "follow", "--to", server.base, "--receipt", str(proof), stdin=sent["codename"])
    assert server.run("ledger", "verify", str(proof), "--opening", str(tmp_path / "opening.json")).returncode == 0
    wrong = server.run("report", "follow", "--to", server.base, "--json", stdin=" ".join(["abacus"] * 8))
    assert wrong.returncode == 4
    assert "abacus" not in wrong.stdout + wrong.stderr
    again = server.run("report", "send", str(report), "--to", server.base, "--json")
    assert (again.returncode, json.loads(again.stderr)["error"]["code"]) == (4, "conflict")


class Visitor:
    """A browser without scripts, from an address of its own."""

    def __init__(self, base: str) -> None:
        transport = httpx.HTTPTransport(local_address="127.0.0.66")
        headers = {"User-Agent": CANARIES["agent"].decode(), "X-Forwarded-For": ADDRESS, "X-Real-IP": ADDRESS}
        headers |= {"Forwarded": f"for={ADDRESS}", "Via": ADDRESS, "Origin": base}
        self.client = httpx.Client(base_url=base, transport=transport, headers=headers, follow_redirects=True)
        self.page = self.client.get("/report/")

    def fields(self, action: str = "/report/") -> dict[str, str]:
        reader = Reader(action)
        reader.feed(self.page.text)
        return reader.fields

    def press(self, go: str, files: Any = None, **typed: str) -> str:
        self.page = self.client.post("/report/", data=self.fields() | typed | {"go": go}, files=files)
        return self.page.text


def report_by_form(base: str) -> str:
    """Report with every canary, come back, answer, and return the words."""
    visitor = Visitor(base)
    told = {name: canary.decode() for name, canary in CANARIES.items()}
    changes: dict[int, dict[str, str]] = {1: {"name": told["title"], "description": told["body"]}, 2: {}, 3: {}}
    for number, answers in STAGES.items():
        visitor.press("next", **(answers | changes[number]))
    time.sleep(3.1)
    name = f"{told['name']}.txt"
    page = visitor.press("send", files={"attachments": (name, CANARIES["content"] * 1000, "text/plain")})
    words = re.search(r'<p class="secret"[^>]*>([a-z ]+)</p>', page)
    assert words is not None, page
    visitor.page = visitor.client.get("/mailbox/")
    visitor.page = visitor.client.post("/mailbox/", data=visitor.fields("/mailbox/") | {"words": words[1]})
    assert told["name"] in visitor.page.text
    visitor.page = visitor.client.post(
        "/mailbox/answer/", data=visitor.fields("/mailbox/answer/") | {"text": told["answer"]}
    )
    assert told["answer"] in visitor.page.text
    visitor.client.get(f"/nowhere/{told['title']}")
    visitor.client.close()
    return words[1]


def report_by_interface(base: str) -> None:
    """Report with every canary through the programming interface."""
    told = records.report(title=CANARIES["title"].decode(), description=CANARIES["body"].decode())
    body = {"report": native.plain(told), "mailbox": {"lookup_sha256": "1" * 64, "auth_sha256": "2" * 64}}
    headers = {
        "User-Agent": CANARIES["agent"].decode(),
        "X-Forwarded-For": ADDRESS,
        "Idempotency-Key": "canary-agent-5d1e",
    }
    transport = httpx.HTTPTransport(local_address="127.0.0.66")
    with httpx.Client(base_url=base, transport=transport, headers=headers) as client:
        files = {"attachments": (f"{CANARIES['name'].decode()}.bin", CANARIES["content"] * 9000)}
        answer = client.post("/api/v1/reports/with-files", data={"request": json.dumps(body)}, files=files)
        assert answer.status_code == 201
        assert client.post("/api/v1/reports", content=CANARIES["body"]).status_code == 400


def kept_by(server: Running) -> Iterator[Path]:
    """Yield every file in which something of a request could be kept."""
    yield server.log
    yield from (path for path in server.home.rglob("*") if path.is_file())
    if server.environ["SAFECONDUCT_DATABASE"] != "sqlite":
        options = dict(parse_qsl(urlsplit(server.environ["SAFECONDUCT_DATABASE"]).query))
        yield from (path for path in Path(options["host"], "data").rglob("*") if path.is_file())


def test_nothing_tells_who_reported_or_what(server: Running) -> None:
    words = report_by_form(server.base)
    report_by_interface(server.base)
    time.sleep(2 * BEAT_SECONDS + 1)

    found = []
    for stopped in (False, True):
        if stopped:
            server.stop()
        for path in kept_by(server):
            content = path.read_bytes()
            found += [(path.name, what) for what, canary in CANARIES.items() if canary in content]
            found += [(path.name, "words")] if words.encode() in content else []
    assert found == []
    # The log tells of other requests and not when somebody reported.
    assert b'"route": "none"' in server.log.read_bytes()
    assert b"intake:" not in server.log.read_bytes()
    assert b"send_report" not in server.log.read_bytes()
    times = {path.stat().st_mtime % 3600 for path in (server.home / "sealed").rglob("*") if path.is_file()}
    assert times == {0.0}


class Flood:
    """Sends reports without pause and keeps which were acknowledged."""

    def __init__(self, base: str) -> None:
        self.base, self.acknowledged, self.stop = base, [], threading.Event()

    def run(self) -> None:
        body = {"report": native.plain(records.report())}
        with httpx.Client(base_url=self.base) as client:
            while not self.stop.is_set():
                lookup, idempotency = secrets.token_bytes(32), secrets.token_hex(16)
                digest = hashlib.sha256(lookup).hexdigest()
                sent = body | {"mailbox": {"lookup_sha256": digest, "auth_sha256": digest}}
                try:
                    answer = client.post("/api/v1/reports", json=sent, headers={"Idempotency-Key": idempotency})
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    self.acknowledged.append((lookup, idempotency, sent))


@pytest.mark.parametrize("count", [9, 60])
def test_a_killed_server_loses_no_acknowledged_report(tmp_path: Path, count: int) -> None:
    server = Running(tmp_path, database=database_of(settings.SAFECONDUCT)).start()
    try:
        flood = Flood(server.base)
        with ThreadPoolExecutor(8) as pool:
            for _ in range(8):
                pool.submit(flood.run)
            while len(flood.acknowledged) < count:
                time.sleep(0.01)
            server.kill()
            flood.stop.set()
        server.start()

        with httpx.Client(base_url=server.base, timeout=60) as client:
            for lookup, _, _ in flood.acknowledged:
                deadline = time.monotonic() + 60
                while True:
                    opened = client.post("/api/v1/mailbox", json={"lookup": lookup.hex()})
                    assert opened.status_code == 200
                    if opened.json()["has_receipt"]:
                        break
                    assert time.monotonic() < deadline, "no beat has covered an acknowledged report"
                    time.sleep(0.2)
            _, idempotency, sent = flood.acknowledged[-1]
            again = client.post("/api/v1/reports", json=sent, headers={"Idempotency-Key": idempotency})
            assert (again.status_code, again.json()["is_new"]) == (200, False)
            key = client.get("/api/v1/service").json()["log_key"]
        assert server.run("ledger", "audit", str(server.home / "log"), "--key", key).returncode == 0
    finally:
        server.stop()


class Upload:
    """A form with one large file; `watch` is called when half of it has left."""

    line = b"plaintext-of-a-large-file-0123456789abcdefghijklmnopqrstuvwxyz-\n"

    def __init__(self, size: int, watch: Any) -> None:
        lookup = hashlib.sha256(b"x").hexdigest()
        told = {"report": native.plain(records.report()), "mailbox": {"lookup_sha256": lookup, "auth_sha256": lookup}}
        self.head = (
            b'--frame\r\nContent-Disposition: form-data; name="request"\r\n\r\n'
            + json.dumps(told).encode()
            + b'\r\n--frame\r\nContent-Disposition: form-data; name="attachments"; filename="large.bin"\r\n\r\n'
        )
        self.tail = b"\r\n--frame--\r\n"
        self.size, self.watch = size, watch

    def __iter__(self) -> Iterator[bytes]:
        piece = self.line * (MIB // len(self.line))
        yield self.head
        for number in range(self.size // MIB):
            if number == self.size // MIB // 2:
                self.watch()
            yield piece
        yield self.tail

    def send(self, base: str) -> httpx.Response:
        length = len(self.head) + self.size + len(self.tail)
        headers = {"Content-Type": "multipart/form-data; boundary=frame", "Content-Length": str(length)}
        return httpx.post(f"{base}/api/v1/reports/with-files", content=iter(self), headers=headers, timeout=120)


def test_a_hundred_megabytes_are_sealed_while_they_arrive(server: Running) -> None:
    before = server.peak_memory()
    seen: dict[str, Any] = {}

    def watch() -> None:
        time.sleep(0.5)
        parts = list((server.home / "sealed").rglob("*.part"))
        seen["parts"] = [path.stat().st_size for path in parts]
        seen["plain"] = [
            path.name for path in server.home.rglob("*") if path.is_file() and Upload.line in path.read_bytes()
        ]
        seen["open"] = [name for name in server.open_files() if name.startswith("/") and str(server.home) not in name]

    answer = Upload(100 * MIB, watch).send(server.base)

    assert answer.status_code == 201
    assert len(seen["parts"]) == 1
    assert seen["parts"][0] > 10 * MIB
    assert seen["plain"] == []
    temporary = [name for name in seen["open"] if name.startswith(("/tmp", "/var/tmp")) and "server.log" not in name]  # noqa: S108
    assert [name for name in temporary if "wgunicorn" not in name] == []
    assert server.peak_memory() - before < 48 * MIB
    assert [path for path in server.home.rglob("*") if path.is_file() and Upload.line in path.read_bytes()] == []


def test_a_larger_file_is_refused_and_leaves_nothing(server: Running) -> None:
    answer = Upload(101 * MIB, lambda: None).send(server.base)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert [path for path in (server.home / "sealed").rglob("*") if path.is_file()] == []


def test_an_upload_that_breaks_off_leaves_nothing(server: Running) -> None:
    upload = Upload(8 * MIB, lambda: None)

    def half() -> Iterator[bytes]:
        for number, piece in enumerate(upload):
            if number == 4:
                raise ConnectionAbortedError
            yield piece

    headers = {"Content-Type": "multipart/form-data; boundary=frame", "Content-Length": str(9 * MIB)}
    with pytest.raises(ConnectionAbortedError):
        httpx.post(f"{server.base}/api/v1/reports/with-files", content=half(), headers=headers)

    deadline = time.monotonic() + 20
    while any(path.is_file() for path in (server.home / "sealed").rglob("*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [path for path in (server.home / "sealed").rglob("*") if path.is_file()] == []
