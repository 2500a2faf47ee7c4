# SPDX-License-Identifier: Apache-2.0
"""The engine on Ray: the same trials and the same verdict as the local one, and nothing open to the network.

Ray is an extra and no part of the development environment: its wheel takes longer to install than these tests to run.
Where it is not installed, this file says so and is passed over.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint
from tests.verification.test_campaign import held_out, now

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Verdict
from safeconduct.errors import (
    ConfigurationError,
    MissingExtraError,
    NotPermittedError,
    SafeconductError,
    TargetError,
)
from safeconduct.verification.campaign import CampaignResult, Terms, run_campaign
from safeconduct.verification.engines.interface import Engine
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.engines.ray import Holder, RayEngine, RemoteTarget
from safeconduct.verification.meter import Spent
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.variants import Turn

LOOPBACK = {"0100007F", "0" * 16 + "FFFF00000100007F", "0" * 24 + "01000000"}
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


def make_target(bundle: Bundle, url: str, calls: int = 1000) -> Target:
    """Make the target in whichever process this runs."""
    grant = TargetGrant(model="acme-1", url=url, allow_private=True, caps=Caps(calls=calls))
    return target_for(bundle, grant, clock=now)


def run(engine: Engine, before: Endpoint, after: Endpoint, *, calls: int = 1000) -> CampaignResult:
    bundle = leak_bundle()
    return run_campaign(
        Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out(), campaign="c"),
        unpatched=engine.place(partial(make_target, bundle, before.url)),
        patched=engine.place(partial(make_target, bundle, after.url, calls)),
        clock=now,
        engine=engine,
    )


def told(result: CampaignResult) -> list[tuple[object, ...]]:
    return [(one.number, one.arm, one.family, one.variant, one.outcome, one.request_sha256) for one in result.trials]


@pytest.fixture(scope="module")
def ray_engine() -> Iterator[Callable[[int], RayEngine]]:
    pytest.importorskip("ray", reason="Ray is not installed (extra safeconduct[ray]); its engine is not tested here")
    with RayEngine() as started:

        def engine(width: int) -> RayEngine:
            started.width = width
            return started

        yield engine


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)

    with pytest.raises(MissingExtraError) as caught:
        RayEngine()

    assert caught.value.hint == "install safeconduct[ray]"


# The endpoint answers by what it is asked, so that the order of answering does not matter.
@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("leaks", ["$^", "s3cr3t|hidden|c2Vj"])
def test_the_same_seed_has_the_same_trials_and_verdict(
    ray_engine: Callable[[int], RayEngine], width: int, leaks: str
) -> None:
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY, rate=1.0, only_for=leaks) as after,
    ):
        local = run(LocalEngine(width=width), before, after)
        remote = run(ray_engine(width), before, after)

    assert told(remote) == told(local)
    assert remote.report == local.report
    assert remote.patched_fingerprint == local.patched_fingerprint
    assert remote.report.verdict is (Verdict.FIXED if leaks == "$^" else local.report.verdict)


def test_errors_arrive_as_they_were(ray_engine: Callable[[int], RayEngine]) -> None:
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        spent = run(ray_engine(1), before, after, calls=5)
    with (
        endpoint(canary=CANARY, manner="401") as before,
        endpoint(canary=CANARY) as after,
        pytest.raises(SafeconductError) as caught,
    ):
        run(ray_engine(2), before, after)

    assert spent.halted == "the granted calls are spent"
    assert (caught.value.code, caught.value.hint) == ("target", "the secret is missing or refused")


def test_nothing_listens_but_on_loopback_and_nothing_is_told(ray_engine: Callable[[int], RayEngine]) -> None:
    ray_engine(1)
    mine = {path.stat().st_ino for path in Path("/proc").glob("[0-9]*/fd/*") if is_socket_of_ray(path)}

    lines = [
        line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    listening = {line[1].split(":")[0] for line in lines if line[3] == "0A" and int(line[9]) in mine}

    assert len(mine) > 4
    assert listening <= LOOPBACK
    assert listening
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


class Dying:
    """A target whose process ends when it is asked."""

    fingerprint = "dying"
    spent = Spent()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave nothing."""

    async def ask(self, _script: Sequence[Turn]) -> Answer:
        os._exit(1)


class Slow(Dying):
    """A target that takes very long."""

    async def ask(self, _script: Sequence[Turn]) -> Answer:
        await asyncio.sleep(600)
        raise AssertionError


def test_a_lost_process_is_an_error_of_the_target(ray_engine: Callable[[int], RayEngine]) -> None:
    async def ask() -> None:
        async with ray_engine(1).place(Dying) as target:
            await target.ask(())

    with pytest.raises(TargetError, match="process is lost"):
        asyncio.run(ask())


def test_a_call_that_is_not_needed_any_more_is_canceled(ray_engine: Callable[[int], RayEngine]) -> None:
    async def ask() -> None:
        async with ray_engine(1).place(Slow) as target:
            async with asyncio.timeout(1):
                await target.ask(())

    with pytest.raises(TimeoutError):
        asyncio.run(ask())


class Good(Dying):
    """A target that answers, or does not want to."""

    fingerprint = "good"

    def __init__(self, failure: SafeconductError | None = None) -> None:
        self.failure = failure
        self.spent = Spent(calls=3, tokens=5)

    async def ask(self, _script: Sequence[Turn]) -> Answer:
        if self.failure:
            raise self.failure
        return ANSWER


ANSWER = Answer(replies=(), request_sha256="", response_sha256="", tokens=5, seconds=0.1)


def test_what_the_other_process_spent_is_told_here(ray_engine: Callable[[int], RayEngine]) -> None:
    async def ask() -> tuple[Answer, Spent, str]:
        async with ray_engine(1).place(Good) as target:
            return await target.ask(()), target.spent, target.fingerprint

    assert asyncio.run(ask()) == (ANSWER, Spent(calls=3, tokens=5), "good")


def test_the_holder_tells_answers_errors_and_state_as_plain_data() -> None:
    async def hold(target: Good) -> list[dict[str, Any]]:
        holder = Holder()
        return [await holder.leave(), await holder.enter(lambda: target), await holder.ask(()), await holder.leave()]

    nothing, entered, answered, left = asyncio.run(hold(Good()))
    refused = asyncio.run(hold(Good(NotPermittedError("spent", hint="ask for more"))))[2]

    state = ("good", 3, 5)
    assert nothing == {"value": None, "failure": None, "state": ("", 0, 0)}
    assert entered == left == {"value": None, "failure": None, "state": state}
    assert answered == {"value": ANSWER, "failure": None, "state": state}
    assert refused == {"value": None, "failure": ("not_permitted", "spent", "ask for more"), "state": state}


def test_a_holder_that_was_not_entered_says_so() -> None:
    with pytest.raises(TargetError, match="not entered"):
        asyncio.run(Holder().ask(()))


def test_a_target_elsewhere_is_not_made_and_says_nothing_before_it_is_entered() -> None:
    made: list[Target] = []

    def make() -> Target:
        made.append(Good())
        return made[0]

    target = RemoteTarget(None, make, width=1)

    assert (made, target.fingerprint, target.spent) == ([], "", Spent())


def test_the_local_engine_makes_a_target_here() -> None:
    target = Good()

    assert LocalEngine().place(lambda: target) is target


def test_a_ray_that_would_listen_elsewhere_is_not_used(
    ray_engine: Callable[[int], RayEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = RayEngine()
    monkeypatch.setattr(engine, "_ray", Elsewhere())

    with pytest.raises(ConfigurationError, match="loopback"):
        engine.__enter__()
    assert engine._ray.is_ended


class Elsewhere:
    """A Ray that another part of the program has begun with other settings."""

    is_ended = False

    def __init__(self) -> None:
        self.util = self

    def init(self, **_: object) -> None:
        """Begin."""

    def get_node_ip_address(self) -> str:
        return "192.0.2.2"

    def shutdown(self) -> None:
        self.is_ended = True


def is_socket_of_ray(path: Path) -> bool:
    try:
        command = (path.parents[1] / "cmdline").read_bytes()
        is_rays = b"ray::" in command or b"/ray/core/" in command or path.parents[1].name == str(os.getpid())
        return is_rays and str(path.readlink()).startswith("socket:")
    except OSError:
        return False
