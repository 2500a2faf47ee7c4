# SPDX-License-Identifier: Apache-2.0
"""Connections of the web server are bounded in number and idleness, and idle ones do not hold up its stop."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from tests.running import Running

from safeconduct.server.project.connections import Connection, LoopWorker

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def says_hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[tuple[LoopWorker, Connect]]:
    """Serve on a free port, as the worker does, but in this process."""
    config = Config()
    for name, value in settings.items():
        config.set(name, value)
    worker = LoopWorker(0, 0, [], None, 30, config, Logger(config))
    worker.asgi, worker.loop = says_hello, asyncio.get_running_loop()
    server = await worker.loop.create_server(lambda: Connection(worker), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        streams = await asyncio.open_connection("127.0.0.1", port)
        made.append(streams[1])
        return streams

    async with asyncio.timeout(30), server:
        yield worker, connect
        for writer in made:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await emptied(worker)
    worker.tmp.close()


async def emptied(worker: LoopWorker) -> None:
    while worker.connections:  # noqa: ASYNC110  # the worker tells nobody
        await asyncio.sleep(0.01)


async def answer_of(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(ASKED)
    return await reader.readuntil(b"hello")


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_who_never_finishes_the_head_of_a_request_is_cut_off(said: bytes) -> None:
    async def story() -> bytes:
        async with served(keepalive=1) as (_, connect):
            reader, writer = await connect()
            writer.write(said)
            return await reader.read()

    assert asyncio.run(story()) == b""


def test_one_connection_too_many_is_closed_at_once_and_the_others_stay() -> None:
    async def story() -> list[bytes]:
        async with served(worker_connections=2) as (_, connect):
            stay = [await connect(), await connect()]
            for streams in stay:
                await answer_of(streams)
            reader, _ = await connect()
            with suppress(ConnectionError):
                assert await reader.read() == b""
            return [await answer_of(streams) for streams in stay]

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in asyncio.run(story()))


def test_who_left_makes_room() -> None:
    async def story() -> bytes:
        async with served(worker_connections=1) as (worker, connect):
            first = await connect()
            await answer_of(first)
            first[1].close()
            await emptied(worker)
            return await answer_of(await connect())

    assert asyncio.run(story()).startswith(b"HTTP/1.1 200")


def test_idle_connections_end_when_the_server_stops() -> None:
    async def story() -> bytes:
        async with served(keepalive=600) as (worker, connect):
            streams = await connect()
            await answer_of(streams)
            worker.handle_exit_signal()
            return await streams[0].read()

    assert asyncio.run(story()) == b""


def test_a_server_with_idle_clients_stops_by_itself(tmp_path: Path) -> None:
    with Running(tmp_path) as server:
        lines = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        for line in lines:
            line.settimeout(30)
        lines[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert lines[0].recv(1000).startswith(b"HTTP/1.1 200")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert [line.recv(1000) for line in lines[1:]] == [b"", b""]
        server.stop()
        assert server.process.returncode == 0
        assert "gunicorn" not in server.log.read_text()
        for line in lines:
            line.close()
