# SPDX-License-Identifier: Apache-2.0
"""The application as our server runs it: pages in threads, reports the short way.

`a2wsgi` lets a page run in a thread, and trusts the client to stay. `Pages` looks after those who leave: a body that
breaks off fails to be read and is never taken for a whole one; what is said to nobody is dropped, so that no thread
waits for it; and an answer to HEAD has no body.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from a2wsgi import WSGIMiddleware

from safeconduct.server.project.lane import Application, Message, Receive, ReportLane, Send
from safeconduct.server.project.wsgi import application as pages

STALLED_SECONDS = 120.0
"""A client that takes nothing of its answer for so long has left."""


class Line:
    """What one client and one page say to each other."""

    def __init__(self, receive: Receive, send: Send, *, bodiless: bool) -> None:
        """Keep the two ends."""
        self._receive = receive
        self._send = send
        self._bodiless = bodiless
        self._sending: asyncio.Future[None] | None = None
        self._is_cut = False

    async def receive(self) -> Message:
        """Return the next piece of the body.

        Raises:
            ConnectionResetError: the client left before its request was whole.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the request broke off")
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on and wait until it is taken, or drop it where nobody takes it."""
        if self._is_cut:
            return
        if self._bodiless and message.get("body"):
            message = message | {"body": b""}
        self._sending = asyncio.ensure_future(self._send(message))
        await asyncio.wait({self._sending}, timeout=STALLED_SECONDS)
        if not self._sending.done():
            self.cut()
        elif not self._sending.cancelled() and self._sending.exception():
            self._is_cut = True

    def cut(self) -> None:
        """Wait no longer for the client."""
        self._is_cut = True
        if self._sending is not None:
            self._sending.cancel()

    def require_sent(self) -> None:
        """Raise what the last part of the answer failed with, so that the server tells it."""
        if self._sending is not None and self._sending.done() and not self._sending.cancelled():
            self._sending.result()


class Pages:
    """Django's pages in threads (ASGI 3.0 outside, WSGI within)."""

    def __init__(self, whole: Application) -> None:
        """Keep the application that answers from its threads."""
        self._whole = whole

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer; a page whose client has left runs to its end all the same."""
        if scope["type"] != "http":
            await self._whole(scope, receive, send)
            return
        line = Line(receive, send, bodiless=scope["method"] == "HEAD")
        answering = asyncio.ensure_future(self._whole(scope, line.receive, line.send))
        try:
            await asyncio.shield(answering)
        except asyncio.CancelledError:
            line.cut()
            await asyncio.wait({answering})
            raise
        line.require_sent()


def application(*, threads: int) -> ReportLane:
    """Return the application; as many pages as there are `threads` are answered at a time."""
    # Both libraries state their types more narrowly than the two interfaces are.
    whole: Any = WSGIMiddleware(_answered, workers=threads)  # type: ignore[arg-type]  # Django's response is an iterable
    return ReportLane(Pages(whole))


def _answered(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    # The scope tells who asks. What is left of a body lives until the next collection, so it is given up here.
    del environ["asgi.scope"]
    try:
        return pages(environ, start_response)
    finally:
        environ["wsgi.input"].buffer.clear()
