# SPDX-License-Identifier: Apache-2.0
"""The watch after a fix: its average run length, its delay, its state."""

import json
import math
import random  # noqa: TID251  # every use has a seed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError
from safeconduct.verification.stats.detector import Detector, WatchStanding

HIT, MISS, ABSTAIN, ERROR = TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ABSTAIN, TrialOutcome.ERROR


def after(watch: Detector, *outcomes: TrialOutcome, family: str = "a") -> Detector:
    for outcome in outcomes:
        watch = watch.after(family, outcome)
    return watch


def test_a_watch_that_sees_only_misses_is_quiet_for_ever() -> None:
    watch = after(Detector.begin(["a"]), *[MISS] * 3000)

    assert watch.standing is WatchStanding.QUIET
    assert watch.statistic < 100
    assert (watch.calls, watch.hits) == (3000, 0)


def test_a_flaw_that_is_back_is_seen_within_a_few_calls_and_its_family_named() -> None:
    watch = after(after(Detector.begin(["a", "b"]), *[MISS] * 40), HIT, HIT, MISS, HIT, family="b")

    assert watch.standing is WatchStanding.ALARM
    assert watch.suspect == "b"
    assert watch.evidence["b"] > watch.evidence["a"]


def test_the_alarm_stands_and_later_outcomes_are_counted_apart() -> None:
    alarm = after(Detector.begin(["a"]), *[HIT] * 5)

    later = after(alarm, MISS, HIT)

    assert later.standing is WatchStanding.ALARM
    assert later.late == alarm.late + 2
    assert later.wealth == alarm.wealth


@pytest.mark.parametrize("unknown", [ABSTAIN, ERROR])
def test_what_could_not_be_judged_raises_no_alarm(unknown: TrialOutcome) -> None:
    start = after(Detector.begin(["a"]), HIT)

    assert start.after("a", unknown).wealth == start.after("a", MISS).wealth
    assert after(Detector.begin(["a"]), *[unknown] * 500).standing is WatchStanding.QUIET
    assert start.after("a", unknown).unknown == 1


@given(
    rate=st.floats(min_value=0.0, max_value=1.0),
    wealth=st.lists(st.floats(min_value=0.0, max_value=1e6), min_size=4, max_size=4),
    design=st.floats(min_value=0.001, max_value=0.5),
)
@settings(derandomize=True)
def test_while_nothing_has_changed_the_statistic_grows_by_at_most_one_per_call_on_average(
    rate: float, wealth: list[float], design: float
) -> None:
    # This is all that the bound on the run length needs: E[M] at any stopping time is at most the calls until then.
    state = Detector.begin(["a", "b"], design=design, run_length=1e12).state
    state["wealth"] = {"a": list(wealth), "b": [1.0] * 4}
    watch = Detector.resumed(state)
    true = rate * design

    expected = true * watch.after("a", HIT).statistic + (1 - true) * watch.after("a", MISS).statistic

    assert expected <= watch.statistic + 1 + 1e-9 * (1 + watch.statistic)


@given(outcomes=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(list(TrialOutcome))), max_size=60))
@settings(derandomize=True)
def test_a_watch_goes_on_from_its_written_state(outcomes: list[tuple[str, TrialOutcome]]) -> None:
    whole = Detector.begin(["a", "b"], design=0.02, run_length=500)
    for family, outcome in outcomes:
        whole = Detector.resumed(json.loads(json.dumps(whole.state))).after(family, outcome)
    straight = Detector.begin(["a", "b"], design=0.02, run_length=500)
    for family, outcome in outcomes:
        straight = straight.after(family, outcome)

    assert whole == straight


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_the_calls_until_a_false_alarm_are_at_least_the_stated_run_length(rate: float) -> None:
    rng = random.Random(20261123)
    length, runs = 50.0, 700

    lengths = [_run(rng, rate * 0.01, length=length, most=20 * round(length)) for _ in range(runs)]

    mean = sum(lengths) / runs
    error = math.sqrt(sum((one - mean) ** 2 for one in lengths) / runs / (runs - 1))
    assert mean - 3 * error >= length


@pytest.mark.parametrize(("rate", "most"), [(0.64, 8), (0.2, 45), (0.1, 120)])
def test_a_regression_is_seen_within_the_calls_stated(rate: float, most: int) -> None:
    rng = random.Random(7)
    quiet = after(Detector.begin(["a"]), *[MISS] * 200)

    delays = []
    for _ in range(60):
        watch = quiet
        while watch.standing is WatchStanding.QUIET:
            watch = watch.after("a", HIT if rng.random() < rate else MISS)
        delays.append(watch.calls - quiet.calls)

    assert sum(delays) / len(delays) <= most


def _run(rng: random.Random, rate: float, *, length: float, most: int) -> int:
    watch = Detector.begin(["a"], run_length=length)
    while watch.standing is WatchStanding.QUIET and watch.calls < most:
        watch = watch.after("a", HIT if rng.random() < rate else MISS)
    return watch.calls


@pytest.mark.parametrize("families", [[], ["a", "a"], [""]])
def test_families_need_names_each_its_own(families: list[str]) -> None:
    with pytest.raises(MalformedError):
        Detector.begin(families)


@pytest.mark.parametrize(
    "terms", [{"design": 0.0}, {"design": 1.0}, {"run_length": 0.5}, {"run_length": math.inf}, {"run_length": math.nan}]
)
def test_terms_that_promise_nothing_are_refused(terms: dict[str, float]) -> None:
    with pytest.raises(MalformedError):
        Detector.begin(["a"], **terms)


def test_an_outcome_of_another_family_is_refused() -> None:
    with pytest.raises(MalformedError):
        Detector.begin(["a"]).after("b", HIT)


@pytest.mark.parametrize(
    "change",
    [
        {"wealth": None},
        {"wealth": {"a": [1.0]}},
        {"wealth": {"a": "1234"}},
        {"wealth": {"a": [1.0, 1.0, 1.0, -1.0]}},
        {"wealth": {"a": [1.0, 1.0, 1.0, math.inf]}},
        {"wealth": {"a": [1.0, 1.0, 1.0, True]}},
        {"design": "0.01"},
        {"calls": None},
        {"hits": -1},
        {"late": True},
    ],
)
def test_a_state_that_cannot_be_read_is_refused(change: dict[str, Json]) -> None:
    with pytest.raises(MalformedError):
        Detector.resumed({**Detector.begin(["a"]).state, **change})
