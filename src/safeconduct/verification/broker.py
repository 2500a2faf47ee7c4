# SPDX-License-Identifier: Apache-2.0
"""The broker: the only way from a campaign to a target on the network, within a grant.

It holds the secret and adds it to the request; resolves the host name once, refuses forbidden addresses and pins the
rest of the campaign to the address found; speaks to the granted path only; follows no redirect, uses no proxy and asks
for no compression; and stops at the caps of the grant: window (also its weekly hours), calls, tokens,
money, rate, seconds per call, bytes per answer.
It hands over the exact bytes of request and response, of which the target takes the digests, and chains the digests of
every request that left in a transcript (`verification.transcript`).

A call is counted when it is sent, whatever becomes of it. Answers 429 and 503 are asked again at most twice, after the
time that the target names (at most half a minute), and each time is a call of its own.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import httpx

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import TargetGrant
from safeconduct.errors import ConfigurationError, NotPermittedError, TargetError
from safeconduct.verification.addresses import Resolver, is_private, require_allowed
from safeconduct.verification.meter import Meter

MAX_ANSWER: Final = 4 << 20
MAX_AGAIN: Final = 2
MAX_WAIT: Final = 30.0
_BUSY: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How requests are made under the granted address: method, what is added to the path, headers, and the secret's.

    The host and the path are those of the grant; the query belongs to each request.
    """

    method: str = "POST"
    suffix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "


CHAT: Final = Route(suffix="/chat/completions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as the exact bytes of their bodies."""

    request: bytes = field(repr=False)
    response: bytes = field(repr=False)
    status: int
    seconds: float


async def resolve_by_system(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses that the operating system knows for the name.

    Raises:
        TargetError: the name is not known.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetError("the target's name is not known", hint="look at the name and the network") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def plain_client() -> httpx.AsyncClient:
    """Return a client that takes nothing from the environment and follows no redirect."""
    # The grant says how long a call may take; the client's own five seconds would end a slow model's answer before.
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, verify=_trusted(), timeout=None)  # noqa: S113  # see above


@cache
def _trusted() -> ssl.SSLContext:
    """Return what the machine trusts; reading it takes longer than a call, so it is read once."""
    return ssl.create_default_context()


class Broker:
    """Speaks to one granted target. Open and close it in the event loop that uses it."""

    def __init__(
        self,
        meter: Meter,
        *,
        client: httpx.AsyncClient,
        resolve: Resolver,
        secrets: Mapping[str, Secret] | None = None,
        route: Route = CHAT,
    ) -> None:
        """Take the meter with its grant, the secret that the grant names, and how requests are made.

        Raises:
            ConfigurationError: the address cannot be used, or no secret has the granted name.
        """
        self.meter = meter
        self.grant = meter.grant
        self._client = client
        self._resolve = resolve
        self._route = route
        self._url = _checked_url(self.grant.url, suffix=route.suffix)
        self._authorization = _authorization(self.grant, secrets or {}, route=route)
        self._pinned = ""

    async def post(self, body: bytes, *, query: str = "") -> Exchange:
        """Send the body to the granted address and return the exchange, whatever its status.

        The query is added to the granted address, encoded already.

        Raises:
            NotPermittedError: the window is closed, a cap is reached, or the address is forbidden.
            TargetError: the target hung, broke off, or answered too much.
        """
        for _ in range(MAX_AGAIN):
            exchange, wait = await self._post_once(body, query)
            if exchange.status not in _BUSY:
                return exchange
            await self.meter.watch.pause(min(wait, MAX_WAIT))
        exchange, _ = await self._post_once(body, query)
        return exchange

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post_once(self, body: bytes, query: str) -> tuple[Exchange, float]:
        """Send the body once; return the exchange and how long a busy target asks to wait."""
        await self.meter.begin_call()
        started = self.meter.watch.seconds()
        status, data, wait = 0, b"", 0.0
        try:
            async with asyncio.timeout(self.grant.caps.call_seconds):
                status, data, wait = await self._send(body, query)
        except TimeoutError as error:
            raise TargetError("the target did not answer in time", hint="it hangs or is overloaded") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise TargetError("the target could not be reached or broke off", hint=type(error).__name__) from error
        finally:
            self._take_down(body, query, response=data, status=status)
        seconds = self.meter.watch.seconds() - started
        return Exchange(request=body, response=data, status=status, seconds=seconds), wait

    def _take_down(self, body: bytes, query: str, *, response: bytes, status: int) -> None:
        """Add a request that left to the transcript; what was asked in the address counts as asked.

        Without a pinned address nothing has left.
        """
        said = query.encode() + b"\n" + body if query else body
        if self._pinned:
            self.meter.spent.transcript.add(request=said, response=response, status=status)

    async def _send(self, body: bytes, query: str) -> tuple[int, bytes, float]:
        """Send one request to the pinned address and read the answer within its limit."""
        url = self._url.copy_with(host=await self._address())
        request = self._client.build_request(
            self._route.method,
            url.copy_with(query=query.encode("ascii")) if query else url,
            content=body,
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                **self._route.headers,
                "Host": self._url.netloc.decode("ascii"),
                "Accept-Encoding": "identity",
                **self._authorization,
            },
            extensions={"sni_hostname": self._url.host},
        )
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            return response.status_code, await _read(response), _retry_after(response.headers.get("retry-after", ""))
        finally:
            await response.aclose()
            self._client.cookies.clear()

    async def _address(self) -> str:
        """Return the pinned address; the first call finds it."""
        if not self._pinned:
            port = self._url.port or (443 if self._url.scheme == "https" else 80)
            found = await self._resolve(self._url.host, port)
            address = require_allowed(found, allow_private=self.grant.allow_private)
            if self._url.scheme != "https" and not is_private(address):
                raise NotPermittedError("the target is not encrypted", hint="use https outside of private networks")
            self._pinned = address
        return self._pinned


async def _read(response: httpx.Response) -> bytes:
    """Return the body as it came, at most the limit."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise TargetError("the target compresses its answer although it was asked not to", hint="switch it off")
    data = b""
    async for chunk in response.aiter_raw(1 << 16):
        data += chunk
        if len(data) > MAX_ANSWER:
            raise TargetError("the target answers without end", hint=f"more than {MAX_ANSWER} bytes")
    return data


def _retry_after(text: str) -> float:
    """Return the seconds that a busy target asks to wait; one if it does not say so in seconds."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(int(text)))
    return 1.0


def _checked_url(text: str, *, suffix: str) -> httpx.URL:
    """Return the granted address with what the route adds to its path."""
    try:
        url = httpx.URL(text.rstrip("/") + suffix if suffix else text)
    except httpx.InvalidURL as error:
        raise ConfigurationError("the target's address cannot be read", hint="write https://host/v1") from error
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigurationError(
            "the target's address is not a plain web address", hint="write https://host/v1, without user or query"
        )
    return url


def _authorization(grant: TargetGrant, secrets: Mapping[str, Secret], *, route: Route) -> dict[str, str]:
    """Return the header with the secret, if the grant names one."""
    if not grant.secret_name:
        return {}
    if grant.secret_name not in secrets:
        raise ConfigurationError(
            "the secret that the grant names is not there", hint="store it under this name", name=grant.secret_name
        )
    try:
        text = secrets[grant.secret_name].reveal().decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "the secret is not plain text", hint="store it again", name=grant.secret_name
        ) from error
    if not text.isprintable():
        raise ConfigurationError("the secret holds control characters", hint="store it again", name=grant.secret_name)
    return {route.key_header: route.key_prefix + text}
