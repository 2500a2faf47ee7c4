# SPDX-License-Identifier: Apache-2.0
"""The draws of a campaign: made again from the revealed seed, and refused when a trial carries another variant."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import leak_bundle

from safeconduct.domain.bundle import Bundle, Speaker
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.domain.script import Tool
from safeconduct.errors import VerificationError
from safeconduct.verification.sampling import Draw, Sampler, control_script, oracle_of, require_draws
from safeconduct.verification.variants import HeldOut, Turn
from safeconduct.verification.verdict import POOLED, Call, Deliberation

HELD_OUT = HeldOut(salt=bytes(32), seed=b"s" * 32)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def trial_of(draw: Draw, number: int) -> Trial:
    """Return the trial of a draw: a leak before the patch and none after it, useful answers throughout."""
    hit = draw.call.arm is not Arm.EFFICACY
    return Trial(
        number=number,
        arm=draw.call.arm,
        family=draw.family,
        variant=draw.variant,
        mutators=draw.mutators,
        request_sha256="0" * 64,
        response_sha256="1" * 64,
        outcome=TrialOutcome.HIT if hit else TrialOutcome.MISS,
        tokens=1,
        started_at=NOON,
        seconds=0.1,
    )


def campaign(bundle: Bundle, criterion: Criterion) -> list[Trial]:
    """Return the trials of a whole campaign."""
    sampler = Sampler(bundle, HELD_OUT.seed)
    families = tuple(family.name for family in bundle.attack.families)
    deliberation = Deliberation.begin(criterion, families=families, benign=True)
    trials: list[Trial] = []
    while call := deliberation.next_call():
        trials.append(trial_of(sampler.draw(call, included=deliberation.included), len(trials) + 1))
        deliberation = deliberation.after(trials[-1])
    return trials


@pytest.mark.parametrize("per_family", [True, False])
def test_the_draws_of_a_campaign_can_be_made_again(*, per_family: bool) -> None:
    bundle = leak_bundle()
    criterion = Criterion(per_family=per_family, max_calls=900)
    trials = campaign(bundle, criterion)

    assert {trial.arm for trial in trials} == set(Arm)
    assert require_draws(bundle, criterion, HELD_OUT, trials) == len(trials)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda trials: [replace(trials[0], variant="0" * 64), *trials[1:]],
        lambda trials: [replace(trials[0], mutators=("rot13",)), *trials[1:]],
        lambda trials: [replace(trials[0], family="leet"), *trials[1:]],
        lambda trials: [replace(trials[0], family="unknown"), *trials[1:]],
        lambda trials: [replace(trials[-1], number=1)],
        lambda trials: [replace(trial, number=at) for at, trial in enumerate(trials[1:], start=1)],
        lambda trials: [replace(trial, number=at) for at, trial in enumerate(reversed(trials), start=1)],
    ],
)
def test_trials_with_other_variants_are_refused(spoil: object) -> None:
    trials = campaign(leak_bundle(), Criterion(max_calls=900))

    with pytest.raises(VerificationError):
        require_draws(leak_bundle(), Criterion(max_calls=900), HELD_OUT, spoil(trials))


def test_another_seed_is_noticed() -> None:
    trials = campaign(leak_bundle(), Criterion(max_calls=900))

    with pytest.raises(VerificationError):
        require_draws(leak_bundle(), Criterion(max_calls=900), replace(HELD_OUT, seed=bytes(32)), trials)


def test_a_bundle_without_controls_has_no_benign_trials() -> None:
    bundle = leak_bundle(benign=())
    trials = campaign(leak_bundle(), Criterion(max_calls=900))

    with pytest.raises(VerificationError, match="does not have"):
        require_draws(bundle, Criterion(max_calls=900), HELD_OUT, trials)


def test_both_calls_of_a_pair_carry_the_same_control_under_the_script_s_system_words() -> None:
    sampler = Sampler(leak_bundle(), HELD_OUT.seed)

    pairs = [
        [sampler.draw(Call(arm=arm, family="")) for arm in (Arm.BENIGN_BEFORE, Arm.BENIGN_AFTER)] for _ in range(20)
    ]

    assert all(before.script == after.script for before, after in pairs)
    assert {before.variant for before, _ in pairs} == {"b1", "b2"}
    assert pairs[0][0].script[0] == Turn(role=Speaker.SYSTEM, text="You are a helper.")
    assert len(pairs[0][0].script) == 2


def test_pooled_calls_are_spread_over_the_included_families() -> None:
    sampler = Sampler(leak_bundle(), HELD_OUT.seed)
    call = Call(arm=Arm.EFFICACY, family=POOLED)

    drawn = [sampler.draw(call, included=("plain", "leet")).family for _ in range(200)]

    assert set(drawn) == {"plain", "leet"}
    assert 70 < drawn.count("plain") < 130


def test_a_control_is_said_to_a_target_with_the_same_tools_and_without_the_attack() -> None:
    tool = Tool(name="read_mail", result="Hello. {{prompt}}")
    bundle = leak_bundle()
    control = replace(bundle.benign[0], prompt="What is {{prompt}}?")

    script = control_script(replace(bundle.attack, tools=(tool,)), control)

    assert [(turn.role, turn.text) for turn in script] == [
        (Speaker.SYSTEM, "You are a helper."),
        (Speaker.USER, "What is {{prompt}}?"),
    ]
    assert script[-1].tools == (replace(tool, result="Hello. "),)


def test_a_control_brings_its_own_oracle() -> None:
    control = leak_bundle().benign[0]

    assert oracle_of(control).checks == (control.check,)
