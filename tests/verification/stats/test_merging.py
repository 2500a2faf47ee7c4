# SPDX-License-Identifier: Apache-2.0
"""Evidence of several verifiers: it multiplies if it is about the same question over draws apart, else it is refused."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.domain.evidence import Criterion, JudgeCalibration, TrialOutcome
from safeconduct.errors import ConflictError, MalformedError
from safeconduct.verification.stats.exact import Boundaries, boundaries, operating
from safeconduct.verification.stats.intervals import binomial_cdf
from safeconduct.verification.stats.merging import Evidence, FamilyEvidence, merge
from safeconduct.verification.stats.sequential import SequentialTest, Standing, sequential_test

HIT, MISS = TrialOutcome.HIT, TrialOutcome.MISS
CRITERION = Criterion()


def seen(*, misses: int = 0, hits: int = 0, criterion: Criterion = CRITERION) -> FamilyEvidence:
    test: SequentialTest = sequential_test(criterion, streams=1)
    n = misses + hits
    return FamilyEvidence(
        n=n,
        hits=hits,
        log_e_fixed=test.below.log_e(test.boundary, n=n, hits=hits),
        log_e_not_fixed=test.above.log_e(test.design, n=n, hits=hits),
    )


def part(number: int, **families: FamilyEvidence) -> Evidence:
    return Evidence(
        verifier=f"verifier-{number}",
        criterion_sha256="aa" * 32,
        oracle_sha256="bb" * 32,
        bundle_sha256="cc" * 32,
        target="dd" * 32,
        commitment=f"{number:064x}",
        seed=f"{number + 100:064x}",
        families=families,
    )


def test_two_inconclusive_halves_are_one_fix() -> None:
    half = seen(misses=40)

    (merged,) = merge(CRITERION, [part(1, a=half), part(2, a=half)])

    assert merged.standing is Standing.FIXED
    assert merged.log_e_fixed == 2 * half.log_e_fixed
    assert (merged.n, merged.hits) == (80, 0)


def test_two_small_halves_leave_it_open() -> None:
    (merged,) = merge(CRITERION, [part(1, a=seen(misses=20)), part(2, a=seen(misses=20))])

    assert merged.standing is Standing.OPEN


def test_one_family_refuted_by_two_together_is_not_fixed_and_the_others_stand() -> None:
    good, bad = seen(misses=40), seen(misses=15, hits=2)

    merged = merge(CRITERION, [part(1, a=good, b=bad), part(2, a=good, b=bad)])

    assert {one.family: one.standing for one in merged} == {"a": Standing.FIXED, "b": Standing.NOT_FIXED}


def test_each_of_many_families_has_its_share_of_beta() -> None:
    bad = FamilyEvidence(n=3, hits=1, log_e_fixed=0.0, log_e_not_fixed=math.log(25) / 2)

    (alone,) = merge(CRITERION, [part(1, a=bad), part(2, a=bad)])
    among = merge(CRITERION, [part(1, a=bad, b=bad), part(2, a=bad, b=bad)])

    assert alone.standing is Standing.NOT_FIXED
    assert {one.standing for one in among} == {Standing.OPEN}


def test_what_is_both_fixed_and_refuted_is_told_as_not_fixed() -> None:
    both = FamilyEvidence(n=900, hits=20, log_e_fixed=3.0, log_e_not_fixed=3.0)

    (merged,) = merge(CRITERION, [part(1, a=both), part(2, a=both)])

    assert merged.standing is Standing.NOT_FIXED


def test_a_judge_leaves_less_of_alpha_to_the_product() -> None:
    judged = replace(CRITERION, judge=JudgeCalibration(positives=500, found=495))
    one = FamilyEvidence(n=1, hits=0, log_e_fixed=math.log(21) / 2, log_e_not_fixed=0.0)

    assert merge(CRITERION, [part(1, a=one), part(2, a=one)])[0].standing is Standing.FIXED
    assert merge(judged, [part(1, a=one), part(2, a=one)])[0].standing is Standing.OPEN


@pytest.mark.parametrize("name", ["criterion_sha256", "oracle_sha256", "bundle_sha256", "target"])
def test_evidence_about_another_question_is_refused_with_what_differs(name: str) -> None:
    one, two = part(1, a=seen(misses=40)), part(2, a=seen(misses=40))

    with pytest.raises(ConflictError) as caught:
        merge(CRITERION, [one, replace(two, **{name: "ee" * 32})])

    assert caught.value.facts["field"] == name


@pytest.mark.parametrize("name", ["verifier", "commitment", "seed"])
def test_evidence_over_the_same_draws_is_refused(name: str) -> None:
    one, two = part(1, a=seen(misses=40)), part(2, a=seen(misses=40))

    with pytest.raises(ConflictError) as caught:
        merge(CRITERION, [one, replace(two, **{name: getattr(one, name)})])

    assert caught.value.facts["field"] == name


def test_evidence_on_other_families_is_refused() -> None:
    with pytest.raises(ConflictError) as caught:
        merge(CRITERION, [part(1, a=seen(misses=40)), part(2, b=seen(misses=40))])
    assert caught.value.facts["field"] == "families"

    with pytest.raises(ConflictError):
        merge(CRITERION, [part(1), part(2)])


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_an_e_value_that_is_no_number_is_refused(number: float) -> None:
    odd = replace(seen(misses=40), log_e_fixed=number)

    with pytest.raises(MalformedError):
        merge(CRITERION, [part(1, a=odd), part(2, a=seen(misses=40))])


def test_bankrupt_evidence_stays_bankrupt() -> None:
    lost = replace(seen(misses=40), log_e_fixed=-math.inf)

    assert merge(CRITERION, [part(1, a=lost), part(2, a=seen(misses=400))])[0].standing is Standing.OPEN


def test_one_part_is_not_merged() -> None:
    with pytest.raises(MalformedError):
        merge(CRITERION, [part(1, a=seen(misses=40))])


@given(
    counts=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 4)), min_size=2, max_size=4),
)
@settings(derandomize=True)
def test_the_order_of_the_verifiers_does_not_matter(counts: list[tuple[int, int]]) -> None:
    parts = [part(i, a=seen(misses=misses, hits=hits)) for i, (misses, hits) in enumerate(counts)]

    (forward,), (backward,) = merge(CRITERION, parts), merge(CRITERION, parts[::-1])

    assert forward.standing is backward.standing
    assert forward.log_e_fixed == pytest.approx(backward.log_e_fixed)


@pytest.mark.parametrize("first", [10, 45])
@pytest.mark.parametrize("rate", [0.05, 0.08])
def test_a_second_verifier_who_begins_because_the_first_was_inconclusive_keeps_the_bound(
    first: int, rate: float
) -> None:
    # Exact: the first makes so many calls and stops; whoever did not reach 1/alpha is taken over, and the second goes
    # on until the product reaches it, or for ever.
    test = sequential_test(CRITERION, streams=1)
    wrong = 0.0
    for hits in range(first + 1):
        chance = binomial_cdf(hits, first, rate) - (binomial_cdf(hits - 1, first, rate) if hits else 0.0)
        log_e = test.below.log_e(0.05, n=first, hits=hits)
        if chance < 1e-4 or log_e >= -math.log(test.alpha):
            wrong += chance
            continue
        level = min(0.999999, test.alpha * math.exp(log_e))
        rest = boundaries(replace(test, alpha=level, beta=1e-300), cap=250)
        wrong += chance * operating(Boundaries(accept=rest.accept, refuse=(1 << 62,) * 251), rate=rate).accepted

    assert wrong <= 0.05
