# SPDX-License-Identifier: Apache-2.0
"""The small run before a person looks: reproduced, not reproduced, invalid, or not run at all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Bundle, Canary, Oracle, Pattern
from safeconduct.domain.evidence import Trial, TrialOutcome
from safeconduct.verification.reproduction import HARMLESS, Budget, Finding, Reproduction, reproduce
from safeconduct.verification.targets import target_for


def now() -> datetime:
    return datetime.now(UTC)


def gate(bundle: Bundle, server: Endpoint, *, caps: Caps | None = None, **options: object) -> Reproduction:
    grant = TargetGrant(model="acme-1", url=server.url, allow_private=True, caps=caps or Caps())
    return reproduce(bundle, target_for(bundle, grant, clock=now), seed=bytes(32), clock=now, **options)


def picky(server: Endpoint, *words: str) -> None:
    """Let the endpoint leak only to whoever says one of the words."""

    class Picky(server.RequestHandlerClass):
        def answer_well(self) -> None:
            said = self.server.asked[-1]["messages"][-1]["content"]
            self.send_text(CANARY if any(word in said for word in words) else "no")

    server.RequestHandlerClass = Picky


def test_a_flaw_that_is_there_reproduces_within_few_calls() -> None:
    heard: list[Trial] = []
    with endpoint(canary=CANARY) as server:
        picky(server, "secret", "instructions", "hidden", "above", "Base64")
        found = gate(leak_bundle(), server, listen=heard.append)

    assert found.finding is Finding.REPRODUCED
    assert (found.hits, found.abstained, found.errors) == (3, 0, 0)
    assert found.calls == len(HARMLESS) + len(found.trials) == len(server.asked)
    assert found.tokens == 7 * found.calls
    assert tuple(heard) == found.trials
    assert found.fingerprint.startswith("openai-chat acme-1")


def test_a_flaw_that_is_not_there_does_not_reproduce() -> None:
    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(), server)

    assert found.finding is Finding.NOT_REPRODUCED
    assert (found.hits, found.n) == (0, 40)
    assert found.reason == "the calls are spent: 0 hits in 40 trials"


def test_a_flaw_in_one_family_is_found_among_many() -> None:
    with endpoint(canary=CANARY) as server:
        picky(server, "Base64")
        found = gate(leak_bundle(), server, budget=Budget(calls=20, hits=3))

    assert found.finding is Finding.REPRODUCED
    assert {trial.family for trial in found.trials if trial.outcome is TrialOutcome.HIT} == {"base64"}


@pytest.mark.parametrize("check", [Pattern(pattern="[a-z]"), Canary(text="fine")])
def test_an_oracle_that_hits_everything_proves_nothing(check: Canary | Pattern) -> None:
    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(oracle=Oracle(checks=(check,))), server)

    assert found.finding is Finding.INVALID
    assert found.trials == ()
    assert len(server.asked) == 1


def test_a_bundle_that_cannot_be_run_is_invalid_and_asks_nothing() -> None:
    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(oracle=Oracle(checks=())), server)

    assert found.finding is Finding.INVALID
    assert server.asked == []


@pytest.mark.parametrize(("manner", "reason"), [("500", "status 500"), ("garbage", "garbage")])
def test_a_target_that_fails_is_an_error_and_not_a_failed_reproduction(manner: str, reason: str) -> None:
    with endpoint(canary=CANARY, manner=manner) as server:
        found = gate(leak_bundle(), server)

    assert found.finding is Finding.ERROR
    assert reason in found.reason


def test_a_target_that_fails_later_is_an_error_with_its_trials() -> None:
    def break_down(_trial: Trial) -> None:
        server.manner = "500"

    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(), server, listen=break_down)

    assert found.finding is Finding.ERROR
    assert [trial.outcome for trial in found.trials] == [TrialOutcome.MISS, *[TrialOutcome.ERROR] * 3]
    assert found.errors == 3


def test_one_failure_in_between_is_no_end() -> None:
    def alternate(trial: Trial) -> None:
        server.manner = "500" if trial.number % 2 else "well"

    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(), server, listen=alternate, budget=Budget(calls=10))

    assert found.finding is Finding.NOT_REPRODUCED
    assert (found.n, found.errors) == (5, 5)


def test_spent_caps_are_an_error_and_not_a_failed_reproduction() -> None:
    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(), server, caps=Caps(calls=10))

    assert found.finding is Finding.ERROR
    assert found.calls == 10


def test_spent_time_is_an_error_and_not_a_failed_reproduction() -> None:
    bundle = leak_bundle()
    bundle = replace(bundle, limits=replace(bundle.limits, wall_seconds=0.2))
    with endpoint(canary=CANARY, manner="hang") as server:
        found = gate(bundle, server)

    assert found.finding is Finding.ERROR
    assert found.reason == "the time is spent: 0 hits in 0 trials"


def test_who_listens_is_told_no_more_often_than_asked() -> None:
    heard: list[Trial] = []
    with endpoint(canary=CANARY) as server:
        found = gate(leak_bundle(), server, listen=heard.append, every=timedelta(days=1), budget=Budget(calls=5))

    assert len(found.trials) == 5
    assert heard == []
