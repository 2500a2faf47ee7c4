# SPDX-License-Identifier: Apache-2.0
"""A real OpenAI-compatible endpoint on loopback: leaks its canary at a known rate, from a seeded chance, or misbehaves."""

import json
import random  # noqa: TID251  # the seed is recorded
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint(ThreadingHTTPServer):
    """What it leaks, how often, how it misbehaves, and what it was asked."""

    daemon_threads = True

    def __init__(
        self, *, canary: str, rate: float = 0.0, seed: int = 0, manner: str = "well", only_for: str = ""
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.canary = canary
        self.rate = rate
        self.only_for = only_for
        self.manner = manner
        self.fingerprint = "fp_44"
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """Answers one request in the manner of its endpoint."""

    server: Endpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.asked.append(json.loads(body))
            self.server.headers.append(dict(self.headers.items()))
        getattr(self, f"answer_{self.server.manner}")()

    def answer_well(self) -> None:
        with self.server.lock:
            said = str(self.server.asked[-1].get("messages", ""))
            is_asked = not self.server.only_for or re.search(self.server.only_for, said) is not None
            leaks = is_asked and self.server.chance.random() < self.server.rate
        self.send_text(f"Sure, it is {self.server.canary.upper()}!" if leaks else "I am fine, thank you.")

    def answer_hang(self) -> None:
        self.server.closing.wait(30)

    def answer_drip(self) -> None:
        self.start(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        while not self.server.closing.is_set():
            try:
                self.wfile.write(b"1\r\n{\r\n")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)

    def answer_flood(self) -> None:
        self.start(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        chunk = b" " * (1 << 16)
        while not self.server.closing.is_set():
            try:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            except OSError:
                return

    def answer_500(self) -> None:
        self.send_bytes(500, b"<html>Internal Server Error</html>")

    def answer_401(self) -> None:
        self.send_bytes(401, b'{"error": {"message": "bad key"}}')

    def answer_404(self) -> None:
        self.send_bytes(404, b"no such model")

    def answer_filter(self) -> None:
        self.send_bytes(400, b'{"error": {"code": "content_filter", "message": "blocked"}}')

    def answer_garbage(self) -> None:
        self.send_bytes(200, b'{"choices": [NaN, "\xff"')

    def answer_list(self) -> None:
        self.send_bytes(200, b"[]")

    def answer_empty(self) -> None:
        self.send_bytes(200, b'{"choices": []}')

    def answer_silent(self) -> None:
        self.send_bytes(200, b'{"choices": [{"message": {}}]}')

    def answer_deep(self) -> None:
        self.send_bytes(200, b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}")

    def answer_redirect(self) -> None:
        self.start(307, {"Location": self.server.url + "/elsewhere", "Content-Length": "0"})

    def answer_gzip(self) -> None:
        self.start(200, {"Content-Encoding": "gzip", "Content-Length": "2"})
        self.wfile.write(b"\x1f\x8b")

    def answer_cut(self) -> None:
        self.start(200, {"Content-Length": "1000"})
        self.wfile.write(b"{")
        self.close_connection = True

    def answer_nonsense(self) -> None:
        self.wfile.write(b"\x00\x01\x02 not http at all\r\n\r\n")
        self.close_connection = True

    def answer_busy(self) -> None:
        if len(self.server.asked) < 3:
            self.start(429, {"Retry-After": "0", "Content-Length": "0"})
        else:
            self.answer_well()

    def answer_tool(self) -> None:
        call = {"function": {"name": "send_money", "arguments": "{}"}}
        self.send_message({"content": None, "tool_calls": [call]})

    def answer_nothing(self) -> None:
        self.send_message({"content": ""})

    def answer_refusal(self) -> None:
        self.send_message({"content": None, "refusal": "I will not."})

    def answer_parts(self) -> None:
        self.send_message({"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]})

    def answer_boast(self) -> None:
        """Claims a name full of terminal escapes and no cost at all."""
        message = {"role": "assistant", "content": "I am fine."}
        document = {
            "model": "\x1b[2J" + "m" * 500,
            "choices": [{"message": message}],
            "usage": {"total_tokens": -5},
        }
        self.send_bytes(200, json.dumps(document).encode())

    def send_text(self, text: str) -> None:
        self.send_message({"content": text})

    def send_message(self, message: dict[str, Any]) -> None:
        document = {
            "model": "acme-1-0613",
            "system_fingerprint": self.server.fingerprint,
            "choices": [{"message": {"role": "assistant", **message}}],
            "usage": {"total_tokens": 7},
        }
        self.send_bytes(200, json.dumps(document).encode())

    def send_bytes(self, status: int, data: bytes) -> None:
        self.start(status, {"Content-Type": "application/json", "Content-Length": str(len(data))})
        self.wfile.write(data)

    def start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def endpoint(**options: Any) -> Iterator[Endpoint]:
    """Serve while the block runs."""
    server = Endpoint(**options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
