# SPDX-License-Identifier: Apache-2.0
"""Pages in threads, for clients that leave: no thread waits for nobody, and a request that broke off is not whole."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from safeconduct.server.project import asgi
from safeconduct.server.project.asgi import Pages
from safeconduct.server.project.lane import Message

SCOPE: Message = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "query_string": b"",
    "headers": [],
}
MANY = 100
Start = Callable[[str, list[tuple[str, str]]], Any]


def pages(answer: Callable[[dict[str, Any]], Iterable[bytes]]) -> Pages:
    """Return an application of one thread."""

    def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        start_response("200 OK", [])
        return answer(environ)

    whole: Any = WSGIMiddleware(application, workers=1)  # type: ignore[arg-type]  # states its types too narrowly
    return Pages(whole)


def long_answer(_environ: dict[str, Any]) -> Iterator[bytes]:
    return (b"piece" for _ in range(MANY))


class Client:
    """Says what it is told to, and takes an answer until it has enough."""

    def __init__(self, *said: Message, takes: int = 2 * MANY) -> None:
        self.said = list(said) or [{"type": "http.request", "body": b"", "more_body": False}]
        self.taken: list[Message] = []
        self.has_enough = asyncio.Event()
        self._takes = takes

    async def receive(self) -> Message:
        return self.said.pop(0)

    async def send(self, message: Message) -> None:
        if len(self.taken) >= self._takes:
            self.has_enough.set()
            await asyncio.Event().wait()
        self.taken.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.taken)


async def asked(application: Pages, client: Client, **scope: Any) -> bytes:
    async with asyncio.timeout(30):
        await application(SCOPE | scope, client.receive, client.send)
    return client.body


def test_a_client_that_leaves_in_the_middle_of_a_long_answer_frees_the_thread() -> None:
    async def story() -> bytes:
        application, leaves = pages(long_answer), Client(takes=3)
        answering = asyncio.create_task(application(SCOPE, leaves.receive, leaves.send))
        async with asyncio.timeout(30):
            await leaves.has_enough.wait()
            answering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await answering
        return await asked(application, Client())

    assert asyncio.run(story()) == b"piece" * MANY


def test_a_client_that_stops_taking_frees_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STALLED_SECONDS", 0.05)

    async def story() -> bytes:
        application = pages(long_answer)
        await asked(application, Client(takes=3))
        monkeypatch.setattr(asgi, "STALLED_SECONDS", 30)
        return await asked(application, Client())

    assert asyncio.run(story()) == b"piece" * MANY


def test_an_answer_that_cannot_be_sent_is_told_and_frees_the_thread() -> None:
    class Refuses(Client):
        async def send(self, message: Message) -> None:
            raise ValueError(message["type"])

    async def story() -> bytes:
        application = pages(long_answer)
        with pytest.raises(ValueError, match=r"http\.response\.start"):
            await asked(application, Refuses())
        return await asked(application, Client())

    assert asyncio.run(story()) == b"piece" * MANY


def test_a_body_that_breaks_off_is_not_taken_as_whole() -> None:
    seen: list[bytes] = []

    def reading(environ: dict[str, Any]) -> Iterable[bytes]:
        try:
            seen.append(environ["wsgi.input"].read(100))
        except OSError as error:
            return [type(error).__name__.encode()]
        return [b"whole"]

    left = Client({"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"})

    assert asyncio.run(asked(pages(reading), left)) == b"ConnectionResetError"
    assert seen == []


@pytest.mark.parametrize(("method", "body"), [("GET", b"piece" * MANY), ("HEAD", b"")])
def test_an_answer_to_head_has_no_body(method: str, body: bytes) -> None:
    assert asyncio.run(asked(pages(long_answer), Client(), method=method)) == body


def test_what_is_no_request_is_passed_on() -> None:
    client = Client({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})

    asyncio.run(asked(pages(long_answer), client, type="lifespan"))

    assert [message["type"] for message in client.taken] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
