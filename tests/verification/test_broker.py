# SPDX-License-Identifier: Apache-2.0
"""The broker and its meter: pinned addresses, windows, caps and rates, with a clock that the test holds."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import Caps, TargetGrant, WeeklyHours
from safeconduct.domain.price import Price
from safeconduct.errors import ConfigurationError, NotPermittedError, TargetError
from safeconduct.verification.broker import Broker, Exchange, plain_client, resolve_by_system
from safeconduct.verification.meter import Meter, Watch

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Clock:
    """Time that passes only in pauses."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    def watch(self) -> Watch:
        return Watch(clock=self.now, seconds=lambda: self.seconds, pause=self.pause)


async def loopback(_host: str, _port: int) -> tuple[str, ...]:
    return ("127.0.0.1",)


def broker(
    server: Endpoint,
    *,
    clock: Clock | None = None,
    resolve: Callable[..., Any] = loopback,
    host: str = "vendor.example",
    client: httpx.AsyncClient | None = None,
    **changes: Any,
) -> Broker:
    grant = TargetGrant(
        **{"model": "m", "url": f"http://{host}:{server.server_address[1]}/v1", "allow_private": True, **changes}
    )
    meter = Meter(grant, (clock or Clock()).watch())
    return Broker(meter, client=client or plain_client(), resolve=resolve, secrets={"KEY": Secret(b"sk-1\n")})


def post(spoken: Broker, times: int = 1) -> list[Exchange]:
    async def talk() -> list[Exchange]:
        try:
            return [await spoken.post(b"{}") for _ in range(times)]
        finally:
            await spoken.close()

    return asyncio.run(talk())


def test_the_name_is_resolved_once_and_the_address_pinned() -> None:
    asked: list[tuple[str, int]] = []

    async def rebinding(host: str, port: int) -> tuple[str, ...]:
        asked.append((host, port))
        return ("127.0.0.1",) if len(asked) == 1 else ("10.0.0.1",)

    with endpoint(canary="x") as server:
        exchanges = post(broker(server, resolve=rebinding), times=3)

    assert len(asked) == 1
    assert [exchange.status for exchange in exchanges] == [200, 200, 200]
    assert server.headers[0]["Host"] == f"vendor.example:{server.server_address[1]}"


def test_the_certificate_is_asked_of_the_name_and_not_of_the_address() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    async def public(_host: str, port: int) -> tuple[str, ...]:
        assert port == 443
        return ("93.184.216.34",)

    grant = TargetGrant(model="m", url="https://vendor.example/v1/", secret_name="KEY")
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    spoken = Broker(Meter(grant, Clock().watch()), client=client, resolve=public, secrets={"KEY": Secret(b"sk-1")})

    post(spoken)

    assert str(seen[0].url) == "https://93.184.216.34/v1/chat/completions"
    assert seen[0].headers["Host"] == "vendor.example"
    assert seen[0].extensions["sni_hostname"] == "vendor.example"
    assert seen[0].headers["Authorization"] == "Bearer sk-1"
    assert seen[0].headers["Accept-Encoding"] == "identity"


def test_a_secret_never_travels_unencrypted_outside() -> None:
    async def public(_host: str, port: int) -> tuple[str, ...]:
        assert port == 80
        return ("93.184.216.34",)

    grant = TargetGrant(model="m", url="http://vendor.example/v1")
    spoken = Broker(Meter(grant, Clock().watch()), client=plain_client(), resolve=public)

    with pytest.raises(NotPermittedError, match="not encrypted"):
        post(spoken)


def test_a_private_address_behind_a_public_name_is_refused() -> None:
    with endpoint(canary="x") as server, pytest.raises(NotPermittedError, match="private"):
        post(broker(server, allow_private=False))

    assert server.asked == []


def test_an_unknown_name_is_an_error_of_the_target() -> None:
    with endpoint(canary="x") as server, pytest.raises(TargetError, match="name is not known"):
        post(broker(server, resolve=resolve_by_system, host="no-such-host.invalid"))


def test_the_system_knows_loopback() -> None:
    assert "127.0.0.1" in asyncio.run(resolve_by_system("localhost", 80))


@pytest.mark.parametrize(
    ("start", "end", "open_"),
    [(-1, 1, True), (0, 1, True), (1, 2, False), (-2, 0, False), (-2, -1, False), (None, None, True)],
)
def test_a_testing_window_has_a_first_instant_and_none_after_its_last(
    start: int | None, end: int | None, *, open_: bool
) -> None:
    window = {
        "starts_at": None if start is None else NOON + timedelta(hours=start),
        "ends_at": None if end is None else NOON + timedelta(hours=end),
    }
    with endpoint(canary="x") as server:
        spoken = broker(server, **window)
        if open_:
            post(spoken)
        else:
            with pytest.raises(NotPermittedError, match="window"):
                post(spoken)

    assert len(server.asked) == spoken.meter.spent.calls == int(open_)


def test_a_window_that_closes_while_the_rate_is_waited_for_is_closed() -> None:
    caps = Caps(calls_per_minute=1)
    with endpoint(canary="x") as server, pytest.raises(NotPermittedError, match="window"):
        post(broker(server, caps=caps, ends_at=NOON + timedelta(seconds=30)), times=2)

    assert len(server.asked) == 1


def test_calls_keep_their_rate() -> None:
    clock = Clock()
    with endpoint(canary="x") as server:
        post(broker(server, clock=clock, caps=Caps(calls_per_minute=30)), times=4)

    assert clock.pauses == [2.0, 2.0, 2.0]


def test_calls_are_capped() -> None:
    with endpoint(canary="x") as server, pytest.raises(NotPermittedError, match="calls are spent"):
        post(broker(server, caps=Caps(calls=2)), times=3)

    assert len(server.asked) == 2


def test_tokens_are_capped() -> None:
    with endpoint(canary="x") as server:
        spoken = broker(server, caps=Caps(tokens=10))
        spoken.meter.count_tokens(-100)
        spoken.meter.count_tokens(10)
        with pytest.raises(NotPermittedError, match="tokens are spent"):
            post(spoken)

    assert server.asked == []


def test_a_target_that_stays_busy_is_not_asked_for_ever() -> None:
    clock = Clock()

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"Retry-After": "86400"}, stream=httpx.ByteStream(b""))

    with endpoint(canary="x") as server:
        spoken = broker(server, clock=clock, client=httpx.AsyncClient(transport=httpx.MockTransport(answer)))
        (exchange,) = post(spoken)

    assert exchange.status == 503
    assert clock.pauses == [30.0, 30.0]
    assert spoken.meter.spent.calls == 3


@pytest.mark.parametrize("retry", ["soon", "-5", ""])
def test_a_strange_wait_is_a_short_one(retry: str) -> None:
    clock = Clock()

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": retry}, stream=httpx.ByteStream(b""))

    with endpoint(canary="x") as server:
        post(broker(server, clock=clock, client=httpx.AsyncClient(transport=httpx.MockTransport(answer))))

    assert all(0.0 <= pause <= 1.0 for pause in clock.pauses)


def test_a_cookie_is_forgotten() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "Cookie" not in request.headers
        return httpx.Response(200, headers={"Set-Cookie": "you=are-the-verifier"}, stream=httpx.ByteStream(b""))

    with endpoint(canary="x") as server:
        client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        assert len(post(broker(server, client=client), times=2)) == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://vendor.example",
        "file:///etc/passwd",
        "https://user:secret@vendor.example/v1",
        "https://vendor.example/v1?key=1",
        "//vendor.example",
        "https://",
        "https://[::1",
        "https://vendor.example:port/",
    ],
)
def test_an_address_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Broker(Meter(TargetGrant(model="m", url=url), Clock().watch()), client=plain_client(), resolve=loopback)

    assert "secret" not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ({}, "is not there"),
        ({"KEY": Secret("schlüssel".encode())}, "not plain text"),
        ({"KEY": Secret(b"sk-1\r\nX-Evil: 1")}, "control characters"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(secrets: dict[str, Secret], message: str) -> None:
    grant = TargetGrant(model="m", url="https://vendor.example/v1", secret_name="KEY")

    with pytest.raises(ConfigurationError, match=message) as caught:
        Broker(Meter(grant, Clock().watch()), client=plain_client(), resolve=loopback, secrets=secrets)

    assert caught.value.facts == {"name": "KEY"}
    assert "sk-1" not in str(caught.value.as_dict())


def test_an_exchange_shows_nothing_of_what_was_said() -> None:
    assert "secret" not in repr(Exchange(request=b"secret", response=b"secret", status=200, seconds=0.0))


def test_a_call_outside_of_the_hours_of_the_week_is_refused_when_it_is_made() -> None:
    clock = Clock()
    hours = WeeklyHours(days=frozenset({0}), opens=time(9), closes=time(12, 0, 10))
    with endpoint(canary="x") as server:
        spoken = broker(server, clock=clock, hours=hours)

        async def talk() -> None:
            try:
                await spoken.post(b"{}")
                clock.seconds = 10.0
                await spoken.post(b"{}")
            finally:
                await spoken.close()

        with pytest.raises(NotPermittedError, match="window"):
            asyncio.run(talk())

    assert (len(server.asked), spoken.meter.spent.calls) == (1, 1)


def test_no_call_is_made_beyond_the_granted_money() -> None:
    price = Price(currency="EUR", per_call=Decimal("0.4"))
    with endpoint(canary="x") as server:
        spoken = broker(server, price=price, caps=Caps(spending=Decimal(1)))
        with pytest.raises(NotPermittedError, match="money"):
            post(spoken, times=3)

    assert len(server.asked) == 2


def test_every_request_that_left_is_in_the_transcript_also_those_without_an_answer() -> None:
    with endpoint(canary="x", manner="busy") as server:
        spoken = broker(server)
        exchanges = post(spoken)
        sent = len(server.asked)
        server.manner = "hang"
        hanging = broker(server, caps=Caps(call_seconds=0.1))
        with pytest.raises(TargetError):
            post(hanging)

    kept = spoken.meter.spent.transcript
    assert [link.status for link in kept.links] == [*[429] * (sent - 1), 200]
    assert kept.links[-1].response_sha256 == hashlib.sha256(exchanges[0].response).hexdigest()
    assert kept.links[-1].request_sha256 == hashlib.sha256(b"{}").hexdigest()
    assert [link.status for link in hanging.meter.spent.transcript.links] == [0]


def test_a_request_to_a_forbidden_address_never_left_and_is_not_in_the_transcript() -> None:
    async def metadata(_host: str, _port: int) -> tuple[str, ...]:
        return ("169.254.169.254",)

    with endpoint(canary="x") as server:
        spoken = broker(server, resolve=metadata)
        with pytest.raises(NotPermittedError):
            post(spoken)

    assert spoken.meter.spent.transcript.links == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost"])
def test_loopback_in_any_spelling_is_judged_by_the_address_that_the_system_makes_of_it(host: str) -> None:
    with endpoint(canary="x") as server, pytest.raises((NotPermittedError, TargetError, ConfigurationError)):
        post(broker(server, host=host, resolve=resolve_by_system, allow_private=False))

    assert server.asked == []


@pytest.mark.parametrize("manner", ["gzip", "flood", "nonsense", "cut"])
def test_an_answer_that_cannot_be_taken_is_an_error_of_the_target(manner: str) -> None:
    with endpoint(canary="x", manner=manner) as server:
        spoken = broker(server)
        with pytest.raises(TargetError):
            post(spoken)

    assert [link.status for link in spoken.meter.spent.transcript.links] == [0]


def test_a_name_that_nobody_knows_is_an_error_of_the_target_and_nothing_left() -> None:
    async def unknown(_host: str, _port: int) -> tuple[str, ...]:
        raise TargetError("the target's name is not known")

    with endpoint(canary="x") as server:
        spoken = broker(server, resolve=unknown)
        with pytest.raises(TargetError):
            post(spoken)

    assert spoken.meter.spent.transcript.links == []
