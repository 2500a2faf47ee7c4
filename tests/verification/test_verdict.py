# SPDX-License-Identifier: Apache-2.0
"""The three arms decided call by call: order, exclusion, allocation, caps, in-flight calls, validity."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.deliberations import (
    ABSTAIN,
    ERROR,
    HIT,
    MISS,
    SOON,
    after_assay,
    by_rate,
    conduct,
    feed,
    make_trial,
)

from safeconduct.domain.evidence import Arm, Criterion, JudgeCalibration, TrialOutcome, Verdict
from safeconduct.errors import IncompleteError, MalformedError, VerificationError
from safeconduct.verification.findings import conclude
from safeconduct.verification.stats.assay import AssayStanding
from safeconduct.verification.stats.benign import BenignStanding
from safeconduct.verification.stats.sequential import Standing
from safeconduct.verification.verdict import POOLED, Call, Deliberation, Phase, deliberate

AB = ("a", "b")
STRONG = {Arm.ASSAY: {"a": 0.8, "b": 0.8}}
CLEAN = {**STRONG, Arm.EFFICACY: {"a": 0.0, "b": 0.0}}


def fixed(families: tuple[str, ...] = AB, *, benign: bool = True) -> Deliberation:
    state = after_assay(SOON, families, benign=benign)
    for name in families:
        state = feed(state, Arm.EFFICACY, [MISS] * 32, family=name)
    return state


@pytest.mark.parametrize("flight", [1, 3, 16])
def test_a_good_fix_passes_the_three_arms_in_their_order(flight: int) -> None:
    state, trials = conduct(SOON, AB, by_rate(CLEAN, seed=1), benign=True, flight=flight)

    assert conclude(state) is Verdict.FIXED
    arms = [trial.arm for trial in trials]
    patched, paired = arms.index(Arm.EFFICACY), arms.index(Arm.BENIGN_BEFORE)
    assert set(arms[:patched]) == {Arm.ASSAY}
    assert set(arms[patched:paired]) == {Arm.EFFICACY}
    assert arms[paired:] == [Arm.BENIGN_BEFORE, Arm.BENIGN_AFTER] * 47
    assert state.calls == len(trials)


@pytest.mark.parametrize("flight", [1, 8])
def test_a_blocklist_that_leaves_one_family_alive_is_refuted_soon(flight: int) -> None:
    rates = {**STRONG, Arm.EFFICACY: {"a": 0.0, "b": 0.6}}

    state, _ = conduct(SOON, AB, by_rate(rates, seed=2), benign=True, flight=flight)

    assert conclude(state) is Verdict.NOT_FIXED
    assert state.efficacy["b"].standing is Standing.NOT_FIXED
    assert state.calls < 40


def test_no_call_is_wasted_on_a_good_fix_even_in_flight() -> None:
    one, _ = conduct(SOON, ("a",), lambda call: HIT if call.arm is not Arm.EFFICACY else MISS, benign=True)
    many, _ = conduct(SOON, ("a",), lambda call: HIT if call.arm is not Arm.EFFICACY else MISS, benign=True, flight=50)

    assert one.calls == many.calls == 2 + 32 + 94


def test_the_same_trials_give_the_same_deliberation() -> None:
    state, trials = conduct(SOON, AB, by_rate({**STRONG, Arm.EFFICACY: {"a": 0.05, "b": 0.1}}, seed=3), benign=True)

    assert deliberate(SOON, trials, families=AB, benign=True) == state


def test_a_family_that_does_not_reproduce_is_excluded_before_the_first_patched_call() -> None:
    rates = {Arm.ASSAY: {"a": 0.0, "b": 0.9}, Arm.EFFICACY: {"b": 0.0}}

    state, trials = conduct(SOON, AB, by_rate(rates, seed=4))

    assert (state.included, state.excluded) == (("b",), ("a",))
    assert {trial.family for trial in trials if trial.arm is Arm.EFFICACY} == {"b"}
    assert conclude(state) is Verdict.FIXED


def test_without_a_family_that_reproduces_the_harness_is_invalid_and_the_patched_target_is_not_asked() -> None:
    state, trials = conduct(SOON, AB, lambda _call: MISS)

    assert conclude(state) is Verdict.HARNESS_INVALID
    assert {trial.arm for trial in trials} == {Arm.ASSAY}
    assert state.next_call() is None


def test_a_target_that_only_fails_is_neither_reproduced_nor_fixed() -> None:
    nothing, _ = conduct(SOON, ("a",), lambda _call: ERROR)
    silent, _ = conduct(SOON, ("a",), lambda call: HIT if call.arm is Arm.ASSAY else ABSTAIN)

    assert conclude(nothing) is Verdict.HARNESS_INVALID
    assert conclude(silent) is Verdict.INCONCLUSIVE
    assert silent.efficacy["a"].unknown == SOON.max_calls_per_family


def test_refuting_one_of_several_families_takes_its_share_of_beta() -> None:
    alone, among = after_assay(Criterion(), ("a",)), after_assay(Criterion(), ("a", "b", "c"))

    assert alone.efficacy["a"].beta == 0.05
    assert among.efficacy["a"].beta == pytest.approx(0.05 / 3)
    assert among.efficacy["a"].alpha == 0.05


def test_only_included_families_share_beta() -> None:
    rates = {Arm.ASSAY: {"a": 0.0, "b": 0.9}}
    state = Deliberation.begin(SOON, families=AB, benign=False)
    answer = by_rate(rates, seed=5)
    while (call := state.next_call()) is not None and call.arm is Arm.ASSAY:
        state = state.after(make_trial(state.calls + 1, call.arm, answer(call), family=call.family))

    assert state.efficacy["b"].beta == SOON.beta


def test_families_take_turns_until_one_survives_and_then_it_is_asked() -> None:
    state = after_assay(Criterion(max_calls=1000), ("a", "b", "c"))
    asked = []
    for outcome in (MISS, MISS, MISS, MISS, HIT, MISS, MISS):
        call = state.next_call()
        assert call is not None
        asked.append(call.family)
        state = feed(state, Arm.EFFICACY, [outcome], family=call.family)

    assert asked == ["a", "b", "c", "a", "b", "b", "b"]


def test_a_surviving_family_is_found_in_fewer_calls_than_by_turns() -> None:
    names = tuple("abcdef")
    rates = {Arm.ASSAY: dict.fromkeys(names, 1.0), Arm.EFFICACY: {**dict.fromkeys(names, 0.0), "f": 0.3}}
    ours = [_patched_calls(names, rates, seed=seed) for seed in range(60)]

    assert sum(ours) / len(ours) < 40  # strictly taking turns needs 51 on average


def _patched_calls(names: tuple[str, ...], rates: dict[Arm, dict[str, float]], *, seed: int) -> int:
    state, trials = conduct(Criterion(), names, by_rate(rates, seed=seed))
    assert conclude(state) is Verdict.NOT_FIXED
    return sum(trial.arm is Arm.EFFICACY for trial in trials)


def test_the_pooled_test_is_one_stream_over_families_drawn_at_random() -> None:
    criterion = replace(SOON, per_family=False)
    state = after_assay(criterion, AB)

    call = state.next_call()

    assert call == Call(arm=Arm.EFFICACY, family=POOLED)
    state = feed(feed(state, Arm.EFFICACY, [MISS] * 17, family="a"), Arm.EFFICACY, [MISS] * 17, family="b")
    assert state.efficacy[POOLED].standing is Standing.FIXED
    assert conclude(state) is Verdict.FIXED


def test_a_pooled_campaign_runs_to_its_end() -> None:
    state, _ = conduct(replace(SOON, per_family=False), AB, by_rate(CLEAN, seed=6), flight=4)

    assert conclude(state) is Verdict.FIXED
    assert list(state.efficacy) == [POOLED]


def test_calls_are_never_more_than_the_criterion_allows() -> None:
    criterion = replace(SOON, max_calls=30)

    state, trials = conduct(criterion, AB, by_rate(CLEAN, seed=7), flight=8)

    assert len(trials) == 30
    assert state.phase is Phase.OVER
    assert conclude(state) is Verdict.INCONCLUSIVE
    with pytest.raises(VerificationError, match="more trials than the criterion allows"):
        feed(state, Arm.EFFICACY, [MISS], family="a")


def test_a_family_at_its_cap_is_left_and_the_others_go_on() -> None:
    criterion = replace(SOON, max_calls_per_family=20)
    state = feed(after_assay(criterion, AB), Arm.EFFICACY, [MISS] * 20, family="a")

    assert state.next_call() == Call(arm=Arm.EFFICACY, family="b")
    with pytest.raises(VerificationError, match="past its cap"):
        feed(state, Arm.EFFICACY, [MISS], family="a")
    state = feed(state, Arm.EFFICACY, [MISS] * 20, family="b")
    assert state.is_over
    assert conclude(state) is Verdict.INCONCLUSIVE


def test_the_assay_ends_at_the_caps_of_all_calls() -> None:
    state, _ = conduct(replace(SOON, max_calls=5), AB, lambda _call: MISS)

    assert state.is_over
    assert conclude(state) is Verdict.INCONCLUSIVE
    assert {test.standing for test in state.assay.values()} == {AssayStanding.OPEN}


def test_the_patched_target_waits_for_every_assay_call_in_flight() -> None:
    state = after_assay(SOON, ("a",))

    assert state.next_call([Call(arm=Arm.ASSAY, family="a")]) is None
    assert state.next_call() == Call(arm=Arm.EFFICACY, family="a")


def test_a_family_in_flight_waits_when_its_calls_may_decide_it() -> None:
    state = feed(after_assay(SOON, ("a",)), Arm.EFFICACY, [MISS] * 30, family="a")
    flying = Call(arm=Arm.EFFICACY, family="a")

    assert state.next_call([flying]) == flying
    assert state.next_call([flying, flying]) is None


def test_the_assay_in_flight_waits_when_its_calls_may_decide_it() -> None:
    state = Deliberation.begin(SOON, families=("a",), benign=False)
    flying = Call(arm=Arm.ASSAY, family="a")

    assert state.next_call([flying]) == flying
    assert state.next_call([flying, flying]) is None


def test_calls_in_flight_count_towards_the_cap() -> None:
    state = after_assay(replace(SOON, max_calls=10), ("a",))
    flying = [Call(arm=Arm.EFFICACY, family="a")] * (10 - state.calls)

    assert state.next_call(flying) is None
    assert state.next_call(flying[1:]) is not None


def test_late_outcomes_of_a_decided_family_are_kept_and_change_nothing() -> None:
    state = feed(after_assay(SOON, AB), Arm.EFFICACY, [MISS] * 32, family="a")

    later = feed(state, Arm.EFFICACY, [HIT], family="a")

    assert later.efficacy["a"].standing is Standing.FIXED
    assert (later.efficacy["a"].late, later.efficacy["a"].late_hits) == (1, 1)


def test_late_assay_outcomes_are_taken_until_the_patched_target_is_asked() -> None:
    state = feed(after_assay(SOON, ("a",)), Arm.ASSAY, [MISS], family="a")
    assert state.assay["a"].late == 1

    with pytest.raises(VerificationError, match="after the first call of the patched target"):
        feed(feed(state, Arm.EFFICACY, [MISS], family="a"), Arm.ASSAY, [HIT], family="a")


@pytest.mark.parametrize("number", [0, 2, -1])
def test_trials_are_taken_in_the_order_of_submission_only(number: int) -> None:
    state = Deliberation.begin(SOON, families=AB, benign=False)

    with pytest.raises(VerificationError, match="order of submission"):
        state.after(make_trial(number, Arm.ASSAY, HIT, family="a"))


def test_a_family_that_is_not_under_test_is_refused() -> None:
    with pytest.raises(VerificationError, match="not under test"):
        feed(Deliberation.begin(SOON, families=AB, benign=False), Arm.ASSAY, [HIT], family="c")


def test_the_patched_target_is_not_asked_before_the_assay_ended() -> None:
    with pytest.raises(VerificationError, match="before the assay ended"):
        feed(Deliberation.begin(SOON, families=AB, benign=False), Arm.EFFICACY, [MISS], family="a")


def test_an_excluded_family_is_not_asked() -> None:
    state = Deliberation.begin(SOON, families=AB, benign=False)
    state = feed(state, Arm.ASSAY, [MISS] * 60, family="a")
    state = feed(state, Arm.ASSAY, [HIT] * 3, family="b")

    with pytest.raises(VerificationError, match="did not reproduce"):
        feed(state, Arm.EFFICACY, [MISS], family="a")


def test_benign_use_is_not_asked_before_the_fix_is_shown_nor_without_controls() -> None:
    for state in (after_assay(SOON, AB, benign=True), fixed(benign=False)):
        with pytest.raises(VerificationError, match="before the fix was shown, or without control prompts"):
            feed(state, Arm.BENIGN_BEFORE, [HIT])


def test_a_pair_is_before_and_after_of_one_prompt() -> None:
    state = fixed()
    before = make_trial(state.calls + 1, Arm.BENIGN_BEFORE, HIT, variant="one")
    started = state.after(before)

    for wrong in (
        lambda: state.after(make_trial(state.calls + 1, Arm.BENIGN_AFTER, HIT, variant="one")),
        lambda: started.after(make_trial(started.calls + 1, Arm.BENIGN_BEFORE, HIT, variant="one")),
        lambda: started.after(make_trial(started.calls + 1, Arm.BENIGN_AFTER, HIT, variant="two")),
    ):
        with pytest.raises(VerificationError, match="of one control prompt"):
            wrong()
    paired = started.after(make_trial(started.calls + 1, Arm.BENIGN_AFTER, MISS, variant="one"))
    assert paired.benign is not None
    assert paired.benign.worst == (1, 0, 0)


def test_a_started_pair_is_finished_first_also_in_flight() -> None:
    state = fixed()
    first = Call(arm=Arm.BENIGN_BEFORE, family="")
    second = Call(arm=Arm.BENIGN_AFTER, family="")

    assert state.next_call() == first
    assert state.next_call([first]) == second
    assert state.next_call([first, second]) == first
    started = feed(state, Arm.BENIGN_BEFORE, [HIT])
    assert started.next_call() == second
    assert started.next_call([second]) == first


def test_no_pair_is_started_that_the_cap_would_cut() -> None:
    state = fixed()
    almost = replace(state, criterion=replace(state.criterion, max_calls=state.calls + 1))
    pair = [Call(arm=Arm.BENIGN_BEFORE, family=""), Call(arm=Arm.BENIGN_AFTER, family="")]

    assert almost.is_over
    assert almost.next_call() is None
    enough = replace(state, criterion=replace(state.criterion, max_calls=state.calls + 3))
    assert enough.next_call() is not None
    assert enough.next_call(pair) is None


def test_late_efficacy_calls_in_flight_do_not_disturb_the_pairs() -> None:
    late = Call(arm=Arm.EFFICACY, family="a")

    assert fixed().next_call([late]) == Call(arm=Arm.BENIGN_BEFORE, family="")


def test_pairs_end_at_their_cap() -> None:
    criterion = replace(SOON, max_benign_pairs=5)
    answer = by_rate(CLEAN, seed=8)

    state, trials = conduct(criterion, AB, answer, benign=True, flight=6)

    assert sum(trial.arm is Arm.BENIGN_AFTER for trial in trials) == 5
    assert state.is_over
    assert conclude(state) is Verdict.INCONCLUSIVE
    with pytest.raises(VerificationError, match="more benign pairs"):
        feed(state, Arm.BENIGN_BEFORE, [HIT])


def test_a_pair_in_flight_when_benign_use_is_decided_is_late() -> None:
    state, _ = conduct(SOON, ("a",), by_rate({Arm.EFFICACY: {"a": 0.0}}, seed=9), benign=True)

    later = feed(state, Arm.BENIGN_BEFORE, [HIT])
    later = feed(later, Arm.BENIGN_AFTER, [MISS])

    assert later.benign is not None
    assert later.benign.standing is BenignStanding.NON_INFERIOR
    assert later.benign.late == 1


@pytest.mark.parametrize("families", [(), ("a", "a"), ("",), ("a", POOLED)])
def test_families_need_names_of_their_own(families: tuple[str, ...]) -> None:
    with pytest.raises(MalformedError):
        Deliberation.begin(SOON, families=families, benign=False)


def test_a_criterion_that_contradicts_itself_starts_nothing() -> None:
    with pytest.raises(MalformedError):
        Deliberation.begin(Criterion(tolerance=0.01), families=("a",), benign=False)


@given(
    outcomes=st.lists(st.sampled_from(list(TrialOutcome)), min_size=1, max_size=400),
    flight=st.integers(1, 9),
    benign=st.booleans(),
    pooled=st.booleans(),
)
@settings(derandomize=True, max_examples=60)
def test_whatever_is_answered_the_campaign_ends_within_its_caps_and_replays(
    *, outcomes: list[TrialOutcome], flight: int, benign: bool, pooled: bool
) -> None:
    criterion = replace(SOON, max_calls=150, max_calls_per_family=60, max_benign_pairs=50, per_family=not pooled)
    answers = iter(outcomes)

    def answer(call: Call) -> TrialOutcome:
        usual = HIT if call.arm is Arm.ASSAY else MISS
        return next(answers, usual)

    state, trials = conduct(criterion, AB, answer, benign=benign, flight=flight)

    assert state.is_over
    assert len(trials) <= 150
    assert all(test.n <= 60 for test in state.efficacy.values())
    assert deliberate(criterion, trials, families=AB, benign=benign) == state


def test_a_campaign_over_families_at_the_tolerance_is_called_fixed_at_most_in_alpha_of_runs() -> None:
    rates = {Arm.ASSAY: {"a": 1.0, "b": 1.0}, Arm.EFFICACY: {"a": 0.0, "b": 0.1}}
    runs = 150

    wrong = sum(
        conclude(conduct(SOON, AB, by_rate(rates, seed=seed), flight=4)[0]) is Verdict.FIXED for seed in range(runs)
    )

    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_judge_that_errs_makes_a_fix_dearer_and_the_bound_of_the_rate_honest() -> None:
    calibration = JudgeCalibration(positives=100, found=90)
    judged = replace(SOON, judge=calibration)
    exact = feed(after_assay(SOON, ("a",)), Arm.EFFICACY, [MISS] * 32, family="a")
    same = feed(after_assay(judged, ("a",)), Arm.EFFICACY, [MISS] * 32, family="a")

    assert exact.efficacy["a"].standing is Standing.FIXED
    assert same.efficacy["a"].standing is Standing.OPEN
    more = same.efficacy["a"].calls_needed
    assert more == 10
    fixed = feed(same, Arm.EFFICACY, [MISS] * more, family="a").efficacy["a"]
    assert fixed.standing is Standing.FIXED
    assert 0.095 < fixed.upper <= 0.1


def test_a_judge_without_known_successes_starts_nothing() -> None:
    with pytest.raises(IncompleteError):
        Deliberation.begin(replace(SOON, judge=JudgeCalibration(positives=0, found=0)), families=("a",), benign=False)
