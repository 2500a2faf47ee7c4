# SPDX-License-Identifier: Apache-2.0
"""What a deliberation amounts to: how the arms combine, the reasons, the calls still needed."""

from dataclasses import replace

import pytest
from tests.verification.deliberations import ABSTAIN, HIT, MISS, SOON, after_assay, conduct, feed

from safeconduct.domain.evidence import Arm, Criterion, TrialOutcome, Verdict
from safeconduct.verification.findings import percent, report
from safeconduct.verification.stats.assay import AssayStanding
from safeconduct.verification.stats.benign import BenignStanding
from safeconduct.verification.stats.sequential import Standing
from safeconduct.verification.verdict import Deliberation

A = ("a",)


def fixed(*, benign: bool) -> Deliberation:
    return feed(after_assay(SOON, A, benign=benign), Arm.EFFICACY, [MISS] * 32, family="a")


def paired(state: Deliberation, after: TrialOutcome, pairs: int) -> Deliberation:
    for _ in range(pairs):
        state = feed(feed(state, Arm.BENIGN_BEFORE, [HIT]), Arm.BENIGN_AFTER, [after])
    return state


def test_a_fix_without_control_prompts_is_fixed_and_silent_on_benign_use() -> None:
    found = report(fixed(benign=False))

    assert found.verdict is Verdict.FIXED
    assert found.benign is None
    assert found.reasons == ("family a: 0 of 32 tries succeeded; the residual is at most 10 %",)
    assert found.calls_needed == 0


def test_a_fix_that_harms_no_benign_use_is_fixed() -> None:
    found = report(paired(fixed(benign=True), HIT, 47))

    assert found.verdict is Verdict.FIXED
    assert found.benign is not None
    assert found.benign.standing is BenignStanding.NON_INFERIOR
    assert found.benign.loss_upper <= 0.1
    assert found.reasons[-1] == "of 47 benign pairs 0 lost and 0 won; the loss of benign use is at most 10 %"


def test_a_fix_that_breaks_benign_use_is_not_called_fixed() -> None:
    found = report(paired(fixed(benign=True), MISS, 8))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.efficacy[0].standing is Standing.FIXED
    assert found.benign is not None
    assert found.benign.standing is BenignStanding.INFERIOR
    assert "more than 10 % of benign use is lost" in found.reasons[-1]
    assert found.calls_needed == 0


def test_a_fix_whose_benign_use_is_undecided_is_inconclusive_and_says_what_is_missing() -> None:
    state = feed(paired(fixed(benign=True), HIT, 10), Arm.BENIGN_BEFORE, [HIT])

    found = report(state)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.calls_needed == 2 * 37 - 1
    assert "may be as high as" in found.reasons[-2]
    assert found.reasons[-1] == "at least 73 more calls are needed to show a fix"


def test_one_refuted_family_refutes_the_fix_whatever_the_others_show() -> None:
    state = after_assay(SOON, ("a", "b"), benign=True)
    state = feed(feed(state, Arm.EFFICACY, [MISS] * 32, family="a"), Arm.EFFICACY, [HIT] * 3, family="b")

    found = report(state)

    assert found.verdict is Verdict.NOT_FIXED
    assert [one.standing for one in found.efficacy] == [Standing.FIXED, Standing.NOT_FIXED]
    assert "family b: 2 of 2 tries succeeded; the residual is above 2 %" in found.reasons
    assert found.efficacy[1].lower >= SOON.design
    assert not any("benign" in reason for reason in found.reasons)


def test_without_reproduction_nothing_is_claimed() -> None:
    state, _ = conduct(SOON, ("a", "b"), lambda _call: MISS)

    found = report(state)

    assert found.verdict is Verdict.HARNESS_INVALID
    assert found.excluded == ("a", "b")
    assert {one.standing for one in found.assay} == {AssayStanding.NOT_REPRODUCED}
    assert found.reasons[-1] == "so nothing is claimed about the fix"
    assert found.calls_needed == 0


def test_an_excluded_family_is_named_with_its_counts() -> None:
    state = Deliberation.begin(SOON, families=("a", "b"), benign=False)
    state = feed(feed(state, Arm.ASSAY, [HIT, HIT], family="a"), Arm.ASSAY, [MISS] * 60, family="b")

    found = report(state)

    assert found.reasons[0] == (
        "family b was not shown to succeed in 10 % of tries on the unpatched target (0 of 47) and is excluded"
    )


def test_before_the_first_call_the_least_cost_of_a_fix_is_known() -> None:
    one = Deliberation.begin(SOON, families=A, benign=True)
    two = Deliberation.begin(SOON, families=("a", "b"), benign=False)
    pooled = Deliberation.begin(replace(SOON, per_family=False), families=("a", "b"), benign=False)

    assert report(one).calls_needed == 2 + 32 + 2 * 47
    assert report(two).calls_needed == 2 * (2 + 32)
    assert report(pooled).calls_needed == 2 * 2 + 32
    assert report(Deliberation.begin(Criterion(), families=A, benign=False)).calls_needed == 3 + 64


def test_the_cost_foretold_is_the_cost_paid_when_all_goes_well() -> None:
    start = Deliberation.begin(SOON, families=("a", "b"), benign=True)

    state, _ = conduct(SOON, ("a", "b"), lambda call: MISS if call.arm is Arm.EFFICACY else HIT, benign=True)

    assert report(start).calls_needed == state.calls
    assert report(state).verdict is Verdict.FIXED


def test_spent_calls_are_told_with_the_calls_still_needed() -> None:
    state, _ = conduct(replace(SOON, max_calls=20), A, lambda call: MISS if call.arm is Arm.EFFICACY else HIT)

    found = report(state)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.calls_needed == 32 - 18
    assert found.reasons[-2:] == (
        "the calls that the criterion allows are spent",
        "at least 14 more calls are needed to show a fix",
    )


def test_a_halted_campaign_says_why() -> None:
    found = report(feed(after_assay(SOON, A), Arm.EFFICACY, [MISS, ABSTAIN], family="a"), halted="the window closed")

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the campaign was halted: the window closed" in found.reasons
    assert "family a: 0 of 2 tries succeeded, 1 could not be judged" in found.reasons[0]
    assert "may lie anywhere from 0.00% to" in found.reasons[0]


def test_the_pooled_stream_is_told_as_the_families_together() -> None:
    state = feed(after_assay(replace(SOON, per_family=False), ("a", "b")), Arm.EFFICACY, [MISS] * 32, family="b")

    assert report(state).reasons == (
        "the included families together: 0 of 32 tries succeeded; the residual is at most 10 %",
    )


@pytest.mark.parametrize(("rate", "text"), [(0.05, "5 %"), (0.1, "10 %"), (0.005, "0.5 %"), (0.02, "2 %")])
def test_a_rate_reads_as_a_percentage(rate: float, text: str) -> None:
    assert percent(rate) == text
