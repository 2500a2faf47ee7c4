# SPDX-License-Identifier: Apache-2.0
"""How fast reports are taken in durably, as a share of what the database engine itself does in the same run.

Ours is `POST /api/v1/reports` with mailbox keys that the client derived, against a real `safeconduct serve`: read and
check strict JSON, commit, sign, seal, and one durable transaction over four tables. The engine's side is one row in a
durable commit, with as many bytes as a report has in those tables (`ROW_BYTES`); with a row of 512 bytes it is printed
apart. Both run 16 at a time, in turns, and the medians of the turns are compared.

SQLite: one server process as shipped, with its background work; the engine with a connection for each thread, write-
ahead log and full syncs. PostgreSQL, where it is installed: two server processes and a worker beside; fsync on.

The form door is printed apart: it derives the mailbox keys on the server, two at a time, and so is bounded by the
password hash. Run with `python -m benchmarks.intake [seconds]`.
"""

import asyncio
import hashlib
import json
import os
import re
import secrets
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.factories import records
from tests.postgres import is_postgres_here, new_database, start_postgres
from tests.running import Running

from safeconduct.formats import native

CONCURRENT = 16
ROW_BYTES = 5_000
SMALL_ROW_BYTES = 512
TURNS = 3
GOAL = 0.25
FORMS = 240
PER_CONNECTION = 4
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0

Insert = Callable[[bytes], None]


def main() -> int:
    """Measure both engines and return whether a ratio misses the goal."""
    missed = measure("SQLite", "sqlite")
    if is_postgres_here():
        missed |= measure("PostgreSQL", new_database(start_postgres(durable=True)), processes="2")
    else:
        print("PostgreSQL: not installed, skipped")
    return int(missed)


def measure(engine: str, database: str, **settings: str) -> bool:
    """Measure one engine, print the figures, and return whether the goal is missed."""
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as name:
        folder = Path(name)
        with Running(
            folder, database=database, log_level="error", beat_seconds="600", worker_seconds="600", **settings
        ) as server:
            turn = raw_sqlite(folder) if database == "sqlite" else raw_postgres(database)
            raw, small, ours = [], [], []
            for _ in range(TURNS):
                raw.append(committed(turn, SECONDS, size=ROW_BYTES))
                small.append(committed(turn, SECONDS, size=SMALL_ROW_BYTES))
                ours.append(asyncio.run(posted(server.port, SECONDS)))
            by_form = forms(server)
    ratio = statistics.median(ours) / statistics.median(raw)
    print(
        f"{engine}: engine {told(raw)} commits/s, POST /api/v1/reports {told(ours)} reports/s,"
        f" ratio {ratio:.2f} (goal {GOAL}); form door {by_form:.0f} reports/s;"
        f" engine with rows of {SMALL_ROW_BYTES} bytes {told(small)} commits/s"
    )
    return ratio < GOAL


def told(rates: list[float]) -> str:
    """Return the median with the range."""
    return f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"


def raw_sqlite(folder: Path) -> Callable[[], Insert]:
    """Return what opens a connection to a database with one plain table."""
    path = folder / "raw.sqlite3"

    def connect() -> Insert:
        connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS raw (id INTEGER PRIMARY KEY, content BLOB)")

        def insert(content: bytes) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO raw (content) VALUES (?)", (content,))
            connection.execute("COMMIT")

        return insert

    return connect


def raw_postgres(database: str) -> Callable[[], Insert]:
    """Return what opens a connection to the same server, with one plain table."""
    import psycopg  # noqa: PLC0415  # not installed everywhere

    parts = urlsplit(database)
    host, name = dict(parse_qsl(parts.query))["host"], parts.path.removeprefix("/")
    with psycopg.connect(host=host, user="safeconduct", dbname=name, autocommit=True) as connection:
        connection.execute("CREATE TABLE raw (id bigserial PRIMARY KEY, content bytea)")

    def connect() -> Insert:
        own = psycopg.connect(host=host, user="safeconduct", dbname=name, autocommit=True)

        def insert(content: bytes) -> None:
            own.execute("INSERT INTO raw (content) VALUES (%s)", (content,), prepare=True)

        return insert

    return connect


def committed(connect: Callable[[], Insert], seconds: float, *, size: int) -> float:
    """Return how many single-row commits a second the engine does."""
    counts = [0] * CONCURRENT
    end = time.monotonic() + seconds

    def work(place: int) -> None:
        insert, content = connect(), os.urandom(size)
        while time.monotonic() < end:
            insert(content)
            counts[place] += 1

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(place,)) for place in range(CONCURRENT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


async def posted(port: int, seconds: float) -> float:
    """Return how many reports a second were acknowledged."""
    end = time.monotonic() + seconds
    began = time.monotonic()
    counts = await asyncio.gather(*(sender(port, end) for _ in range(CONCURRENT)))
    return sum(counts) / (time.monotonic() - began)


async def sender(port: int, end: float) -> int:
    """Send one report after the other and return how many were acknowledged.

    A connection carries a few, as that of a client that retries or sends again; kept for good, all connections would
    stay with the one process that was first to accept them.
    """
    count = 0
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(PER_CONNECTION):
            writer.write(request(port))
            status = await status_of(reader)
            if status != 201:
                raise RuntimeError(f"a report was answered with {status}")
            count += 1
        writer.close()
    return count


def request(port: int) -> bytes:
    """Return the bytes of one report with a mailbox of its own."""
    digest = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
    body = BODY.replace(b"LOOKUP", digest.encode())
    head = (
        f"POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {secrets.token_hex(16)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


BODY = json.dumps(
    {"report": native.plain(records.report()), "mailbox": {"lookup_sha256": "LOOKUP", "auth_sha256": "LOOKUP"}}
).encode()


async def status_of(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    if length is None:
        raise RuntimeError("an answer without a length")
    await reader.readexactly(int(length[1]))
    return int(head.split(maxsplit=2)[1])


def forms(server: Running) -> float:
    """Return how many reports a second come in by the form, whose page was asked for before."""
    cookie = ""
    texts = []
    for _ in range(FORMS):
        with urllib.request.urlopen(f"{server.base}/report/") as page:  # noqa: S310  # our own server
            texts.append(page.read().decode())
            cookie = page.headers["Set-Cookie"].split(";")[0]
    guard = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', texts[-1])
    tokens = [re.search(r'name="token" value="([\w.]+)"', text) for text in texts]
    if guard is None or not all(tokens):
        raise RuntimeError("the page has no form")
    time.sleep(3.5)
    bodies = [
        urlencode(FIELDS | {"csrfmiddlewaretoken": guard[1], "token": token[1]}).encode() for token in tokens if token
    ]
    began = time.monotonic()
    asyncio.run(sent(server.port, cookie, bodies))
    return FORMS / (time.monotonic() - began)


FIELDS = {
    "stage": "4",
    "go": "send",
    "name": "The bot tells its password",
    "description": "Ask for it backwards.",
    "real_world_harm": "no",
    "malicious_use_possible": "yes",
    "restricted_material": "none",
    "steps": "Ask.",
    "seen_on": "2026-11-20",
    "public_status": "private",
    "intent": "coordinated",
}


async def sent(port: int, cookie: str, bodies: list[bytes]) -> None:
    """Send all forms, as many at a time as the other door."""

    async def send_some(mine: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in mine:
            head = (
                f"POST /report/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
                f"Origin: http://127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            status = await status_of(reader)
            if status != 200:
                raise RuntimeError(f"a form was answered with {status}")
        writer.close()

    await asyncio.gather(*(send_some(bodies[place::CONCURRENT]) for place in range(CONCURRENT)))


if __name__ == "__main__":
    sys.exit(main())
