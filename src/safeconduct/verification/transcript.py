# SPDX-License-Identifier: Apache-2.0
"""The transcript of a broker: for every request that left, the digests of request and answer, chained in their order.

Each link's digest covers the one before it, so the head stands for the whole: who keeps the head beside the links can
show later that none was left out, added, changed or moved. It holds digests, never what was asked or answered. A
request without an answer (the target hung or broke off) has the digest of no bytes and the status 0.

Not covered: that the links tell the truth in the first place; the broker writes them. What the target itself logged can
be held against them, request by request.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from safeconduct.domain.safe_json import Json, canonical_json, read_object
from safeconduct.errors import MalformedError, VerificationError

START: Final = hashlib.sha256(b"safeconduct transcript 1\n").hexdigest()
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_STATUS: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One request that left, and its answer."""

    request_sha256: str
    response_sha256: str
    status: int

    def after(self, head: str) -> str:
        """Return the head after this link."""
        said = f"{head}\n{self.request_sha256}\n{self.response_sha256}\n{self.status}\n"
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(slots=True)
class Transcript:
    """The links so far and the head over them; grows by `add`."""

    links: list[Link] = field(default_factory=list)
    head: str = START

    def add(self, *, request: bytes, response: bytes, status: int) -> None:
        """Take down one request and its answer."""
        link = Link(
            request_sha256=hashlib.sha256(request).hexdigest(),
            response_sha256=hashlib.sha256(response).hexdigest(),
            status=status,
        )
        self.links.append(link)
        self.head = link.after(self.head)


def head_of(links: Iterable[Link]) -> str:
    """Return the head over the links, in their order."""
    head = START
    for link in links:
        head = link.after(head)
    return head


def require_whole(links: Sequence[Link], *, head: str) -> None:
    """Refuse links that are not those under the head.

    Raises:
        VerificationError: one was left out, added, changed or moved.
    """
    if head_of(links) != head:
        raise VerificationError("the transcript is not the one under its head", hint="compare it with another copy")


def write_links(links: Iterable[Link]) -> bytes:
    """Return the links as JSON lines."""
    return b"".join(
        canonical_json({"request": link.request_sha256, "response": link.response_sha256, "status": link.status})
        + b"\n"
        for link in links
    )


def read_links(data: bytes) -> tuple[Link, ...]:
    """Return the links of JSON lines.

    Raises:
        MalformedError: a line is no link.
    """
    return tuple(_link(read_object(line)) for line in data.splitlines())


def _link(line: dict[str, Json]) -> Link:
    request, response, status = line.get("request"), line.get("response"), line.get("status")
    for digest in (request, response):
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise MalformedError("a line of the transcript holds no digests", hint="64 hexadecimal digits each")
    if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status <= _MOST_STATUS:
        raise MalformedError("a line of the transcript holds no status", hint="0 to 999")
    return Link(request_sha256=str(request), response_sha256=str(response), status=status)
