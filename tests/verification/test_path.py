# SPDX-License-Identifier: Apache-2.0
"""The e-value path and the confidence sequence."""

from dataclasses import replace

from tests.verification.deliberations import HIT, MISS, SOON, by_rate, conduct

from safeconduct.domain.evidence import Arm
from safeconduct.verification.path import evidence_paths
from safeconduct.verification.verdict import POOLED, Deliberation

AB = ("a", "b")


def test_a_clean_run_keeps_every_twenty_fifth_call_and_the_decision() -> None:
    _, trials = conduct(SOON, ("a",), lambda call: MISS if call.arm is Arm.EFFICACY else HIT)

    path = evidence_paths(Deliberation.begin(SOON, families=("a",), benign=False), trials)["a"]

    assert [point.n for point in path] == [25, 32]
    assert path[-1].upper <= SOON.tolerance < path[0].upper


def test_a_picture_gets_every_call_and_the_same_end() -> None:
    _, trials = conduct(SOON, ("a",), lambda call: MISS if call.arm is Arm.EFFICACY else HIT)
    start = Deliberation.begin(SOON, families=("a",), benign=False)

    drawn, kept = evidence_paths(start, trials, every=1)["a"], evidence_paths(start, trials)["a"]

    assert [point.n for point in drawn] == list(range(1, 33))
    assert [point for point in drawn if point.n in {25, 32}] == list(kept)
    assert drawn[15].upper < (1 + drawn[-1].upper) / 2, "the bound bends under the straight line"


def test_every_hit_is_on_the_path_and_the_end_is_that_of_the_deliberation() -> None:
    rates = {Arm.EFFICACY: {"a": 0.03, "b": 0.06}}
    state, trials = conduct(SOON, AB, by_rate(rates, seed=21), flight=3)

    paths = evidence_paths(Deliberation.begin(SOON, families=AB, benign=False), trials)

    for name, test in state.efficacy.items():
        assert max((point.hits for point in paths[name]), default=0) == test.hits
        assert [point.n for point in paths[name]] == sorted({point.n for point in paths[name]})


def test_late_outcomes_are_not_on_the_path() -> None:
    _, trials = conduct(SOON, ("a",), lambda call: MISS if call.arm is Arm.EFFICACY else HIT)
    late = replace(trials[-1], number=len(trials) + 1, outcome=HIT)
    start = Deliberation.begin(SOON, families=("a",), benign=False)

    assert evidence_paths(start, (*trials, late)) == evidence_paths(start, trials)


def test_the_pooled_stream_has_one_path() -> None:
    criterion = replace(SOON, per_family=False)
    _, trials = conduct(criterion, AB, lambda call: MISS if call.arm is Arm.EFFICACY else HIT)

    paths = evidence_paths(Deliberation.begin(criterion, families=AB, benign=False), trials)

    assert [point.n for point in paths[POOLED]] == [25, 32]


def test_without_patched_calls_there_is_a_stream_but_no_point() -> None:
    _, trials = conduct(replace(SOON, max_calls=2), ("a",), lambda _call: HIT)

    assert evidence_paths(Deliberation.begin(SOON, families=("a",), benign=False), trials) == {"a": ()}
