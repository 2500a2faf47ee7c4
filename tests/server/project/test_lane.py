# SPDX-License-Identifier: Apache-2.0
"""The short way of reports, at a real server: it answers as the whole way does, and hands over what is not plain."""

import asyncio
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.conf import settings
from tests.factories import records
from tests.running import Running, database_of

from safeconduct.errors import UnavailableError
from safeconduct.formats import native
from safeconduct.server.intake import keeping
from safeconduct.server.project.lane import Batches

WHOLE_WAY = {"Accept-Language": "en"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("lane"), database=database_of(settings.SAFECONDUCT)) as running:
        yield running


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base, timeout=60) as made:
        yield made


def request(**changes: Any) -> dict[str, Any]:
    mailbox = {"lookup_sha256": secrets.token_hex(32), "auth_sha256": secrets.token_hex(32)}
    return {"report": native.plain(records.report()), "mailbox": mailbox, **changes}


def send(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/api/v1/reports", content=content, headers={"Content-Type": "application/json", **names})


def test_the_short_way_answers_as_the_whole_way(client: httpx.Client) -> None:
    short, whole = send(client, request()), send(client, request(), **WHOLE_WAY)

    assert short.status_code == whole.status_code == 201
    told, wholly = short.json(), whole.json()
    assert list(told) == list(wholly)
    assert [type(value) for value in told.values()] == [type(value) for value in wholly.values()]
    assert told["opening"].keys() == wholly["opening"].keys()
    assert len(told["receipt_due"]) == len(wholly["receipt_due"])
    of_pages_only = {"vary", "content-language"}
    assert set(short.headers) == set(whole.headers) - of_pages_only
    measured = {"content-length", "date"}
    assert {name: value for name, value in short.headers.items() if name not in measured} == {
        name: value for name, value in whole.headers.items() if name not in measured | of_pages_only
    }


def test_what_came_the_short_way_is_in_its_mailbox(client: httpx.Client) -> None:
    lookup = secrets.token_bytes(32)
    body = request()
    body["mailbox"]["lookup_sha256"] = hashlib.sha256(lookup).hexdigest()
    sent = send(client, body)

    found = client.post("/api/v1/mailbox", json={"lookup": lookup.hex()})

    assert found.json()["report_id"] == sent.json()["report_id"]


def test_the_same_request_twice_makes_one_report(client: httpx.Client) -> None:
    body, key = request(), secrets.token_hex(8)

    first, second = send(client, body, Idempotency_Key=key), send(client, body, Idempotency_Key=key)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["report_id"] == second.json()["report_id"]
    assert not second.json()["is_new"]


def test_many_at_once_are_kept_each_and_a_taken_mailbox_is_refused_alone(client: httpx.Client) -> None:
    taken = request()
    bodies = [taken, taken, *(request() for _ in range(38))]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda body: send(client, body), bodies))

    assert sorted(answer.status_code for answer in answers) == [201] * 39 + [409]
    assert len({answer.json()["report_id"] for answer in answers if answer.status_code == 201}) == 39


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"[]", 400, "malformed"),
        (b"{}", 400, "malformed"),
        (b'{"report": {}, "report": {}}', 400, "malformed"),
        (b"[" * 100_000, 413, "too_large"),
        (b"\xff\xfe{}", 400, "malformed"),
        (json.dumps({"report": {}, "mailbox": {}}).encode(), 400, "malformed"),
    ],
)
def test_what_is_refused_is_refused_as_ever(client: httpx.Client, body: bytes, status: int, code: str) -> None:
    short, whole = send(client, body), send(client, body, **WHOLE_WAY)

    assert (short.status_code, short.json()["error"]["code"]) == (status, code)
    assert short.json() == whole.json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "elsewhere.example"}, 400),
        ({"Idempotency-Key": "k" * 201}, 400),
        ({"Content-Type": "text/plain"}, 201),
        ({"Content-Type": "application/json; charset=utf-8"}, 201),
        ({"Cookie": "a=b"}, 201),
        ({"X-Forwarded-For": "203.0.113.9"}, 201),
    ],
)
def test_another_head_goes_the_whole_way(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    given = {"Content-Type": "application/json", **headers}

    answer = client.post("/api/v1/reports", content=json.dumps(request()).encode(), headers=given)

    assert answer.status_code == status
    assert "content-security-policy" in answer.headers


def test_a_body_in_pieces_of_unknown_length_goes_the_whole_way(client: httpx.Client) -> None:
    body = json.dumps(request()).encode()

    answer = client.post(
        "/api/v1/reports",
        content=iter([body[:100], body[100:]]),
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


def test_a_sender_that_breaks_off_leaves_nothing_and_harms_nobody(server: Running, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(
            b"POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 5000\r\n\r\n{"
        )

    assert send(client, request()).status_code == 201


def test_an_odd_path_is_answered(client: httpx.Client) -> None:
    assert client.get("/%ff%fe").status_code == 404
    assert client.get("/api/v1/reports").status_code == 405
    assert client.get("/api/v1/reports?x=1").status_code == 405


def test_a_failure_that_nobody_foresaw_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[Any] = []

    def fails_once(drafts: list[Any]) -> list[None]:
        if not stored:
            stored.append(drafts)
            raise KeyError("unforeseen")
        return [None] * len(drafts)

    monkeypatch.setattr(keeping, "keep_all", fails_once)

    async def story() -> list[Any]:
        batches: Any = Batches()
        async with asyncio.timeout(30):
            return await asyncio.gather(*(batches.keep(number) for number in range(3)), return_exceptions=True)

    first, *others = asyncio.run(story())

    assert isinstance(first, UnavailableError)
    assert others == [None, None]
