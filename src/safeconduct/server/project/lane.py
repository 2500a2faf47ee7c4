# SPDX-License-Identifier: Apache-2.0
"""The short way of `POST /api/v1/reports`: what pages need and reports do not is left out.

Reports come in floods, and sessions, languages, accounts and the general reading of a request cost more than taking a
report in. A request that is as documented is received here, through the same edge and with the same answer. Whatever
is not (another address or header, a body that is refused, a mailbox that is taken, a disk that is full) goes the whole
way, with its body put back, and gets there what it deserves: nothing is refused here.

The event loop reads, seals and signs. One thread stores, always all reports that wait, in one transaction; a report is
acknowledged after the sync to the disk. Nothing here reads who asks, and no line is written of what a reporter does.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from ninja.responses import NinjaJSONEncoder
from pydantic import ValidationError

from safeconduct.domain.safe_json import read_object
from safeconduct.errors import SafeconductError, UnavailableError
from safeconduct.formats import native
from safeconduct.server.api.reports import KEY_LIMIT, address_of, received_out
from safeconduct.server.api.schemas import ReportIn
from safeconduct.server.intake import keeping, services
from safeconduct.server.intake.drafts import Draft
from safeconduct.server.intake.keeping import Failure
from safeconduct.server.intake.models import Door
from safeconduct.server.project.middleware import headers

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Waiting = tuple[Draft, "asyncio.Future[None]"]

REPORTS = "/api/v1/reports"
PLAIN = frozenset(
    {b"host", b"content-type", b"content-length", b"idempotency-key", b"accept", b"accept-encoding"}
    | {b"user-agent", b"connection"}
)
"""A request with another header is more than a report."""
LENGTH = re.compile(rb"[0-9]{1,9}")
SHORT_BYTES = 64 * 1024
"""A longer report goes the whole way, because the event loop answers nobody while it reads, and holds all bodies."""
ENCODER = NinjaJSONEncoder()


class Batches:
    """Drafts that wait for the disk: one thread stores all that wait, and then all that came meanwhile."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._waiting: list[Waiting] = []
        self._is_storing = False

    async def keep(self, made: Draft) -> None:
        """Store a draft durably.

        Raises:
            IntegrityError: its mailbox is taken, or its request name was used.
            UnavailableError: the disk is full, the database out of reach, or the storing failed otherwise.
        """
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((made, stored))
        if not self._is_storing:
            self._store()
        await stored

    def _store(self) -> None:
        group, self._waiting = self._waiting[: keeping.MOST], self._waiting[keeping.MOST :]
        self._is_storing = True
        drafts = [made for made, _ in group]
        work = asyncio.get_running_loop().run_in_executor(self._thread, keeping.keep_all, drafts)
        work.add_done_callback(lambda done: self._answer(group, done))

    def _answer(self, group: Sequence[Waiting], done: "asyncio.Future[list[Failure | None]]") -> None:
        self._is_storing = False
        if self._waiting:
            self._store()
        # What nobody foresaw is told the whole way, which meets it again or does not.
        failures = [UnavailableError("not stored")] * len(group) if done.exception() else done.result()
        for (_, stored), failure in zip(group, failures, strict=True):
            if stored.done():
                continue
            if failure is None:
                stored.set_result(None)
            else:
                stored.set_exception(failure)


class ReportLane:
    """The application, with the short way before it (ASGI 3.0)."""

    def __init__(self, whole: Application) -> None:
        """Keep the application that answers everything."""
        self._whole = whole
        self._batches = Batches()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a plain report here, and everything else the whole way."""
        head = _plain_head(scope)
        if head is None:
            await self._whole(scope, receive, send)
            return
        said = [await receive()]
        while said[-1].get("more_body"):
            said.append(await receive())
        try:
            content = await self._received(said, idempotency=head.get(b"idempotency-key", b"").decode("latin-1"))
        except (SafeconductError, ValidationError, DatabaseError):
            await self._whole(scope, _again(said, receive), send)
            return
        length = (b"content-length", b"%d" % len(content))
        await send({"type": "http.response.start", "status": 201, "headers": [*_headers(), length]})
        await send({"type": "http.response.body", "body": content})

    async def _received(self, said: Sequence[Message], *, idempotency: str) -> bytes:
        now = timezone.now()
        given = ReportIn.model_validate(read_object(b"".join(message.get("body", b"") for message in said)))
        made = services.prepare(
            report=native.report_from(given.report),
            mailbox=address_of(given),
            door=Door(given.door),
            now=now,
            idempotency=idempotency,
        )
        await self._batches.keep(made)
        return ENCODER.encode(received_out(services.as_received(made), now)).encode()


def _again(said: Sequence[Message], receive: Receive) -> Receive:
    """Return what says once more what was said, and then goes on."""
    left = list(said)

    async def next_said() -> Message:
        return left.pop(0) if left else await receive()

    return next_said


def _plain_head(scope: Message) -> Mapping[bytes, bytes] | None:
    """Return the headers if the head of the request is that of a report and of nothing more."""
    if scope["type"] != "http" or scope["path"] != REPORTS or scope["method"] != "POST" or scope["query_string"]:
        return None
    head: dict[bytes, bytes] = dict(scope["headers"])
    length = head.get(b"content-length", b"")
    is_plain = (
        len(head) == len(scope["headers"])
        and head.keys() <= PLAIN
        and head.get(b"content-type") == b"application/json"
        and LENGTH.fullmatch(length) is not None
        and int(length) <= min(SHORT_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        and len(head.get(b"idempotency-key", b"")) <= KEY_LIMIT
        and _is_ours(head.get(b"host", b"").decode("latin-1"), tuple(settings.ALLOWED_HOSTS))
    )
    return head if is_plain else None


@lru_cache(maxsize=64)
def _is_ours(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


@lru_cache(maxsize=1)
def _headers() -> tuple[tuple[bytes, bytes], ...]:
    every = headers() | {"Content-Type": "application/json; charset=utf-8"}
    return tuple((name.lower().encode(), value.encode()) for name, value in every.items())
