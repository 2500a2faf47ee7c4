# SPDX-License-Identifier: Apache-2.0
"""Who is asked next."""

from dataclasses import dataclass, replace

from benchmarks.budget import patched_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.deliberations import after_assay, make_trial

from safeconduct.domain.evidence import Arm, Criterion, TrialOutcome, Verdict
from safeconduct.verification.stats.allocation import askable, in_turn, surviving_first
from safeconduct.verification.stats.exact import boundaries, operating
from safeconduct.verification.stats.sequential import sequential_test

FAMILIES = ("a", "b", "c")
QUICK = Criterion(tolerance=0.2, design=0.04, reproduction=0.3, max_calls=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    n: int = 0
    hits: int = 0
    needed: int = 10

    def may_end_within(self, calls: int) -> bool:
        return calls >= self.needed


def test_families_take_turns_while_none_has_a_hit() -> None:
    streams = {"a": Counts(n=2), "b": Counts(n=1), "c": Counts(n=1)}

    assert surviving_first(streams, streams, waiting={}) == "b"
    assert surviving_first(streams, streams, waiting={"b": 1}) == "c"
    assert in_turn(streams, streams, waiting={"b": 1}) == "c"


def test_a_family_with_a_hit_is_asked_first() -> None:
    streams = {"a": Counts(n=5), "b": Counts(n=5, hits=1)}

    assert surviving_first(streams, streams, waiting={}) == "b"


def test_a_family_waits_when_its_calls_in_flight_may_decide_it() -> None:
    streams = {"a": Counts(needed=2), "b": Counts(needed=3), "decided": Counts(needed=0)}

    assert askable(streams, waiting={"a": 2, "b": 2}, cap=100) == ("b",)


def test_no_family_is_asked_past_its_cap() -> None:
    streams = {"a": Counts(n=98), "b": Counts(n=99)}

    assert askable(streams, waiting={"b": 1}, cap=100) == ("a",)


@given(
    answers=st.fixed_dictionaries(
        {
            name: st.lists(st.sampled_from([TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.MISS]), min_size=60)
            for name in FAMILIES
        }
    )
)
@settings(derandomize=True, max_examples=60)
def test_the_test_of_a_family_reads_only_its_own_outcomes_in_their_order(
    answers: dict[str, list[TrialOutcome]],
) -> None:
    # Whatever order the allocation chooses, each family's evidence is that of its own outcomes so far and of nothing
    # else; so it stays a supermartingale, and no rule that looks at the past can spoil the bound.
    state = after_assay(QUICK, FAMILIES)
    asked = dict.fromkeys(FAMILIES, 0)
    while (call := state.next_call()) is not None and asked[call.family] < 60:
        outcome = answers[call.family][asked[call.family]]
        asked[call.family] += 1
        state = state.after(make_trial(state.calls + 1, Arm.EFFICACY, outcome, family=call.family))

    for name in FAMILIES:
        alone = sequential_test(QUICK, streams=len(FAMILIES))
        for outcome in answers[name][: asked[name]]:
            alone = alone.after(outcome)
        assert state.efficacy[name] == alone


def test_a_surviving_family_among_six_is_refuted_in_less_than_half_the_calls_of_taking_turns() -> None:
    rates = dict.fromkeys("abcde", 0.0) | {"f": 0.2}
    calls, verdicts = patched_calls(Criterion(max_calls=6000), rates, benign=False)

    ours = sum(n * chance for n, chance in calls.items())
    turns = 6 * operating(boundaries(sequential_test(Criterion(), streams=6), cap=1000), rate=0.2).calls
    assert verdicts[Verdict.NOT_FIXED] > 0.9999
    assert ours < 0.5 * turns


def test_choosing_by_the_answers_neither_makes_false_fixes_nor_false_refutations() -> None:
    # Exact, through the real deliberation: one family at the tolerance and one fixed; then both at the design rate.
    terms = replace(QUICK, max_calls=50)
    one_open, at_design = {"a": QUICK.tolerance, "b": 0.0}, {"a": QUICK.design, "b": QUICK.design}

    _, verdicts = patched_calls(terms, one_open, benign=False)
    assert verdicts[Verdict.FIXED] <= QUICK.alpha
    _, verdicts = patched_calls(terms, at_design, benign=False)
    assert verdicts[Verdict.NOT_FIXED] <= QUICK.beta
