# SPDX-License-Identifier: Apache-2.0
"""Connections of the web server: bounded in number and in idleness, and refused in our words.

gunicorn's worker for event loops counts connections without a bound, lets one that says nothing stay for ever, and
waits for idle ones when it stops. Here the one too many is closed at once, every head of a request has a deadline, idle
connections are closed when the server stops, and an answer that gunicorn makes by itself bears the strict headers and
nothing of what was sent.
"""

from http import HTTPStatus
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from safeconduct.server.project.middleware import headers


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn ships no types
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """Begin, with a deadline for the first head."""
        super().connection_made(transport)
        self.worker.connections.add(self)
        if len(self.worker.connections) > self.cfg.worker_connections:
            transport.abort()
        else:
            self._arm_keepalive_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.worker.connections.discard(self)
        super().connection_lost(exc)

    def close_if_idle(self) -> None:
        """End, unless a request is being answered."""
        if self._awaiting_request:
            self._keepalive_timeout()

    def _send_error_response(self, status: int, _message: str, extra_headers: tuple[tuple[str, str], ...] = ()) -> None:
        # The message of the library quotes the request.
        super()._send_error_response(status, HTTPStatus(status).phrase, (*extra_headers, *headers().items()))


class LoopWorker(gasgi.ASGIWorker):  # type: ignore[misc]  # gunicorn ships no types
    """The process that serves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with no connection."""
        super().__init__(*args, **kwargs)
        self.connections: set[Connection] = set()
        # The library takes the class of its connections from here and offers no other place to name one.
        gasgi.ASGIProtocol = Connection

    def handle_exit_signal(self) -> None:
        """Stop: nobody waits for those who ask nothing."""
        super().handle_exit_signal()
        for connection in tuple(self.connections):
            connection.close_if_idle()
