# SPDX-License-Identifier: Apache-2.0
"""What would change a verdict: every number leads there, and one less does not."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.deliberations import ABSTAIN, HIT, MISS, SOON, after_assay, conduct, feed

from safeconduct.domain.evidence import Arm, TrialOutcome
from safeconduct.verification.outlook import Change, Question, outlook, outlook_facts, told
from safeconduct.verification.stats.sequential import Standing
from safeconduct.verification.verdict import Deliberation

AB = ("a", "b")


def changes(state: Deliberation, question: Question, family: str = "") -> dict[tuple[bool, str], Change]:
    return {(one.further, one.to): one for one in outlook(state) if one.question is question and one.family == family}


def test_a_family_before_the_fix_is_told_what_reproduces_and_what_excludes_it() -> None:
    state = feed(Deliberation.begin(SOON, families=AB, benign=False), Arm.ASSAY, [MISS] * 3, family="a")

    found = changes(state, Question.ASSAY, "a")
    hits, misses = found[True, "reproduced"], found[True, "not_reproduced"]

    assert feed(state, Arm.ASSAY, [HIT] * hits.count, family="a").included == ("a",)
    assert feed(state, Arm.ASSAY, [HIT] * (hits.count - 1), family="a").included == ()
    assert feed(state, Arm.ASSAY, [MISS] * misses.count, family="a").excluded == ("a",)
    assert (
        told(hits) == f"before the fix, family a: {hits.count} more successful tries in a row would make it reproduced"
    )


@settings(derandomize=True, max_examples=40, deadline=None)
@given(outcomes=st.lists(st.sampled_from([HIT, MISS, MISS, MISS, MISS, MISS, ABSTAIN]), max_size=40))
def test_an_open_family_reaches_each_verdict_with_so_many_and_not_with_one_less(outcomes: list[TrialOutcome]) -> None:
    state = feed(after_assay(SOON, ("a",)), Arm.EFFICACY, outcomes, family="a")
    if state.efficacy["a"].standing is not Standing.OPEN:
        return

    found = changes(state, Question.EFFICACY, "a")

    for standing, outcome in ((Standing.FIXED, MISS), (Standing.NOT_FIXED, HIT)):
        count = found[True, standing.value].count
        there = feed(state, Arm.EFFICACY, [outcome] * count, family="a")
        near = feed(state, Arm.EFFICACY, [outcome] * (count - 1), family="a")
        assert there.efficacy["a"].standing is standing
        assert near.efficacy["a"].standing is Standing.OPEN


def test_a_decided_family_is_told_how_firm_that_is() -> None:
    state, _ = conduct(SOON, AB, lambda call: MISS if call.arm is Arm.EFFICACY and call.family == "a" else HIT)
    fixed, _ = conduct(SOON, ("a",), lambda call: MISS if call.arm is Arm.EFFICACY else HIT)

    refuted = changes(state, Question.EFFICACY, "b")[False, "open"]
    shown = changes(fixed, Question.EFFICACY, "a")[False, "open"]

    assert (refuted.outcome, refuted.count, refuted.standing) == (MISS, 1, "not_fixed")
    assert (shown.outcome, shown.count, shown.standing) == (HIT, 1, "fixed")
    assert told(shown) == (
        "with the fix, family a: had 1 more of its tries succeeded instead, it would not be shown to be fixed"
    )


def test_a_firm_refutation_takes_more_to_change() -> None:
    state = after_assay(SOON, ("a",))
    test = replace(state.efficacy["a"], hits=11, misses=3, standing=Standing.NOT_FIXED)
    firm = replace(state, efficacy={"a": test})

    assert changes(firm, Question.EFFICACY, "a")[False, "open"].count > 5


@pytest.mark.parametrize(("outcome", "to"), [(HIT, "not_reproduced"), (MISS, "reproduced")])
def test_the_assay_is_told_how_firm_it_is(outcome: TrialOutcome, to: str) -> None:
    state, _ = conduct(SOON, ("a",), lambda call: outcome if call.arm is Arm.ASSAY else MISS)

    found = changes(state, Question.ASSAY, "a")[False, to]

    assert 0 < found.count <= state.assay["a"].n


def pairs(state: Deliberation, outcomes: Iterable[TrialOutcome]) -> Deliberation:
    for outcome in outcomes:
        state = feed(feed(state, Arm.BENIGN_BEFORE, [HIT]), Arm.BENIGN_AFTER, [outcome])
    return state


def test_harmless_use_is_told_in_pairs() -> None:
    shown = feed(after_assay(SOON, ("a",), benign=True), Arm.EFFICACY, [MISS] * 34, family="a")
    begun = pairs(shown, [HIT] * 10)

    found = changes(begun, Question.BENIGN)
    equal, lost = found[True, "non_inferior"], found[True, "inferior"]

    good, bad = pairs(begun, [HIT] * equal.count), pairs(begun, [MISS] * lost.count)
    assert good.benign is not None
    assert bad.benign is not None
    assert (good.benign.standing.value, bad.benign.standing.value) == ("non_inferior", "inferior")
    assert changes(good, Question.BENIGN)[False, "undecided"].outcome is MISS
    assert changes(bad, Question.BENIGN)[False, "undecided"].outcome is HIT
    assert told(equal).startswith(
        f"harmless use: {equal.count} more equal pairs in a row would make it shown to be kept"
    )
    assert changes(after_assay(SOON, ("a",), benign=True), Question.BENIGN) == {}


def test_what_the_caps_do_not_allow_is_not_told() -> None:
    tight = replace(SOON, max_calls_per_family=20)

    assert (True, "fixed") not in changes(after_assay(tight, ("a",)), Question.EFFICACY, "a")
    assert (True, "not_fixed") in changes(after_assay(tight, ("a",)), Question.EFFICACY, "a")


def test_pooled_families_are_told_together_and_the_facts_have_words() -> None:
    state = after_assay(replace(SOON, per_family=False), AB)

    facts = outlook_facts(outlook(state))

    words = [fact["words"] for fact in facts]  # type: ignore[index,call-overload]  # they are objects
    assert any(str(word).startswith("with the fix, all families together: ") for word in words)
