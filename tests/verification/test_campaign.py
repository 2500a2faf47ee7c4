# SPDX-License-Identifier: Apache-2.0
"""Campaigns end to end against a real endpoint on loopback with a known rate of leaks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import CANARY, family, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome, Verdict
from safeconduct.errors import TargetError
from safeconduct.verification.campaign import CampaignResult, Terms, run_campaign
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.sampling import require_draws
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.variants import HeldOut


def now() -> datetime:
    return datetime.now(UTC)


def held_out(seed: int = 1) -> HeldOut:
    return HeldOut(salt=bytes(32), seed=seed.to_bytes(32, "big"))


def target(bundle: Bundle, server: Endpoint, **changes: object) -> Target:
    grant = TargetGrant(model="acme-1", url=server.url, secret_name="ACME_KEY", allow_private=True, **changes)
    return target_for(bundle, grant, clock=now, secrets={"ACME_KEY": Secret(b"sk-test")})


def run(bundle: Bundle, unpatched: Endpoint, patched: Endpoint, **options: object) -> CampaignResult:
    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out())
    return run_campaign(
        terms, unpatched=target(bundle, unpatched), patched=target(bundle, patched), clock=now, **options
    )


def test_a_true_fix_is_fixed_in_all_three_arms() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=0.9) as before, endpoint(canary=CANARY) as after:
        result = run(bundle, before, after)

    assert result.report.verdict is Verdict.FIXED, result.report.reasons
    assert result.report.included == ("plain", "base64", "leet")
    assert {trial.arm for trial in result.trials} == set(Arm)
    assert [trial.number for trial in result.trials] == list(range(1, len(result.trials) + 1))
    assert require_draws(bundle, bundle.criterion, held_out(), result.trials) == len(result.trials)
    assert result.patched_fingerprint == "openai-chat acme-1; acme-1-0613 fp_44"
    assert {header["Authorization"] for header in after.headers} == {"Bearer sk-test"}


def test_a_leak_that_goes_on_is_not_fixed_within_few_calls() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY, rate=0.6, seed=5) as after:
        result = run(bundle, before, after)

    assert result.report.verdict is Verdict.NOT_FIXED
    assert len(after.asked) < 20
    assert not any(trial.arm in {Arm.BENIGN_BEFORE, Arm.BENIGN_AFTER} for trial in result.trials)


def test_a_harness_that_reproduces_nothing_says_nothing_about_the_fix() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY) as before, endpoint(canary=CANARY) as after:
        result = run(bundle, before, after)

    assert result.report.verdict is Verdict.HARNESS_INVALID
    assert after.asked == []


def test_a_family_that_does_not_reproduce_is_excluded_before_the_first_patched_call() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        plain = before.RequestHandlerClass

        class Picky(plain):
            def answer_well(self) -> None:
                said = self.server.asked[-1]["messages"][-1]["content"]
                self.send_text("no" if "Base64" in said else CANARY)

        before.RequestHandlerClass = Picky
        result = run(bundle, before, after)

    assert result.report.excluded == ("base64",)
    assert "base64" not in {trial.family for trial in result.trials if trial.arm is Arm.EFFICACY}
    assert result.report.verdict is Verdict.FIXED
    last_assay = max(trial.number for trial in result.trials if trial.arm is Arm.ASSAY)
    first_patched = min(trial.number for trial in result.trials if trial.arm is Arm.EFFICACY)
    assert last_assay < first_patched


def test_a_fix_that_breaks_harmless_use_is_not_called_fixed() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=0.9) as before, endpoint(canary=CANARY, manner="refusal") as after:
        result = run(bundle, before, after)

    assert result.report.verdict is Verdict.INCONCLUSIVE
    assert result.report.benign is not None
    assert result.report.benign.lost > 0


def test_families_may_be_pooled() -> None:
    bundle = leak_bundle(criterion=Criterion(per_family=False, max_calls=900))
    with endpoint(canary=CANARY, rate=0.9) as before, endpoint(canary=CANARY) as after:
        result = run(bundle, before, after)

    assert result.report.verdict is Verdict.FIXED
    assert {trial.family for trial in result.trials if trial.arm is Arm.EFFICACY} == {"plain", "base64", "leet"}
    assert require_draws(bundle, bundle.criterion, held_out(), result.trials) == len(result.trials)


def test_the_same_answers_lead_to_the_same_trials_whatever_the_timing() -> None:
    bundle = leak_bundle()
    runs = []
    for _ in range(2):
        with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
            result = run(bundle, before, after, engine=LocalEngine(width=4))
        runs.append([(trial.arm, trial.variant, trial.outcome) for trial in result.trials])

    assert runs[0] == runs[1]


def test_a_target_that_never_answers_is_an_error_of_the_campaign() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, manner="401") as before, endpoint(canary=CANARY) as after:
        heard: list[Trial] = []
        with pytest.raises(TargetError) as caught:
            run(bundle, before, after, listen=lambda trial, _: heard.append(trial))

    assert caught.value.hint == "the secret is missing or refused"
    assert {trial.outcome for trial in heard} == {TrialOutcome.ERROR}


def test_a_target_that_stops_answering_halts_the_campaign() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:

        def break_down(trial: Trial, _: object) -> None:
            if trial.arm is Arm.EFFICACY:
                after.manner = "500"

        result = run(bundle, before, after, listen=break_down)

    assert result.report.verdict is Verdict.INCONCLUSIVE
    assert result.halted.startswith("a target failed 5 times in a row")
    assert len(after.asked) == 6


def test_a_campaign_stops_when_somebody_asks_for_it() -> None:
    bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        result = run(bundle, before, after, should_stop=lambda: len(after.asked) >= 3)

    assert result.report.verdict is Verdict.INCONCLUSIVE
    assert result.halted == "somebody asked for it"
    assert len(after.asked) == 3


def test_a_campaign_ends_with_its_grant() -> None:
    bundle = leak_bundle()
    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out())
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        patched = target(bundle, after, caps=Caps(calls=7))
        result = run_campaign(terms, unpatched=target(bundle, before), patched=patched, clock=now)

    assert result.halted == "the granted calls are spent"
    assert patched.spent.calls == 7
    assert len(after.asked) == 7


def test_a_campaign_ends_with_its_time() -> None:
    bundle = leak_bundle()
    bundle = replace(bundle, limits=replace(bundle.limits, wall_seconds=0.3))
    with endpoint(canary=CANARY, manner="hang") as before, endpoint(canary=CANARY) as after:
        result = run(bundle, before, after)

    assert result.halted == "its time is spent"
    assert result.trials == ()


def test_false_fixed_stays_rare_at_the_tolerance_end_to_end() -> None:
    """Fifty campaigns at exactly the tolerance: with P(FIXED) <= 5 % more than eight would be a one-in-a-thousand event."""
    bundle = leak_bundle(benign=(), criterion=Criterion(tolerance=0.2, design=0.04, reproduction=0.3, max_calls=400))
    attack = replace(bundle.attack, families=(family("plain"),))
    bundle = replace(bundle, attack=attack)
    fixed = 0
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY, rate=0.2, seed=11) as after:
        for _ in range(50):
            result = run(bundle, before, after)
            fixed += result.report.verdict is Verdict.FIXED

    assert fixed <= 8
