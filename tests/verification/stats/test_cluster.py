# SPDX-License-Identifier: Apache-2.0
"""Clusters of several generations: golden cost, error rates where they depend on each other, bounds."""

import math
import random  # noqa: TID251  # every use has a seed
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.errors import MalformedError
from safeconduct.verification.stats.cluster import Cluster, log_e_above, log_e_below, lower_bound, upper_bound

LEVEL = 0.05
CLUSTERS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).filter(any), min_size=0, max_size=40
)


def make(counts: list[tuple[int, int, int]]) -> list[Cluster]:
    return [Cluster(hits=hits, misses=misses, unknown=unknown) for hits, misses, unknown in counts]


@pytest.mark.parametrize("generations", [1, 5, 10])
def test_a_fix_takes_eighty_one_clusters_without_a_hit_whatever_their_size(generations: int) -> None:
    clean = Cluster(hits=0, misses=generations)

    assert log_e_below([clean] * 81, boundary=0.05) >= -math.log(LEVEL)
    assert log_e_below([clean] * 80, boundary=0.05) < -math.log(LEVEL)


def test_generations_of_one_variant_are_worth_one_call() -> None:
    assert log_e_below([Cluster(hits=0, misses=10)], boundary=0.05) == log_e_below(
        [Cluster(hits=0, misses=1)], boundary=0.05
    )


def test_what_was_not_judged_counts_against_either_claim() -> None:
    unknown = Cluster(hits=1, misses=1, unknown=2)

    assert (unknown.lowest, unknown.highest) == (0.25, 0.75)


def ever_rejects(
    clusters: int, draw: Callable[[], Cluster], log_e: Callable[[list[Cluster]], float], *, every: int
) -> bool:
    drawn: list[Cluster] = []
    for n in range(1, clusters + 1):
        drawn.append(draw())
        if n % every == 0 and log_e(drawn) >= -math.log(LEVEL):
            return True
    return False


@pytest.mark.parametrize("concentration", [0.1, 2.0, 50.0])
def test_dependent_generations_do_not_make_a_false_fix(concentration: float) -> None:
    rng = random.Random(20261123)

    def draw() -> Cluster:
        rate = rng.betavariate(0.05 * concentration, 0.95 * concentration)
        hits = sum(rng.random() < rate for _ in range(5))
        return Cluster(hits=hits, misses=5 - hits)

    runs = 150
    wrong = sum(ever_rejects(200, draw, lambda seen: log_e_below(seen, boundary=0.05), every=5) for _ in range(runs))

    assert wrong / runs <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / runs)


@given(counts=CLUSTERS)
@settings(derandomize=True, max_examples=50)
def test_a_bound_is_where_the_evidence_reaches_the_level(counts: list[tuple[int, int, int]]) -> None:
    clusters = make(counts)

    upper, lower = upper_bound(clusters, level=LEVEL), lower_bound(clusters, level=LEVEL)

    assert lower <= upper
    if upper < 0.999:
        assert log_e_below(clusters, boundary=upper + 1e-6) >= -math.log(LEVEL)
        assert log_e_below(clusters, boundary=upper - 1e-6) < -math.log(LEVEL)
    if lower > 0.001:
        assert log_e_above(clusters, boundary=lower - 1e-6) >= -math.log(LEVEL)
        assert log_e_above(clusters, boundary=lower + 1e-6) < -math.log(LEVEL)


@given(boundary=st.floats(min_value=0.01, max_value=0.99), counts=CLUSTERS, generations=st.integers(1, 5))
@settings(derandomize=True, max_examples=50)
def test_an_e_value_is_expected_to_stay_where_the_null_is_on_its_boundary(
    boundary: float, counts: list[tuple[int, int, int]], generations: int
) -> None:
    # All generations of a variant agree: the strongest dependence within a cluster.
    clusters = make(counts)
    all_hit, none = Cluster(hits=generations, misses=0), Cluster(hits=0, misses=generations)

    for log_e in (log_e_below, log_e_above):
        now = log_e(clusters, boundary=boundary)
        hit = math.exp(log_e([*clusters, all_hit], boundary=boundary) - now)
        miss = math.exp(log_e([*clusters, none], boundary=boundary) - now)
        assert boundary * hit + (1 - boundary) * miss == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 2, 0), (2, -1, 0), (2, 0, -1)])
def test_an_empty_or_negative_cluster_is_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(MalformedError):
        make([counts])


@pytest.mark.parametrize("boundary", [0.0, 1.0, math.nan])
def test_a_boundary_outside_of_the_open_unit_interval_is_refused(boundary: float) -> None:
    with pytest.raises(MalformedError):
        log_e_below([], boundary=boundary)
    with pytest.raises(MalformedError):
        log_e_above([], boundary=boundary)
