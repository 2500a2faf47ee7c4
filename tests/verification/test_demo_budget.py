# SPDX-License-Identifier: Apache-2.0
"""The demonstration's criterion lets a whole disclosure fit into its calls: computed exactly, not tried."""

import pytest
from benchmarks.budget import (
    BUDGET,
    CRITERION,
    FAMILIES,
    SCAN_AND_GATE,
    assay_calls,
    patched_calls,
    sum_of,
    within,
)

from safeconduct.domain.evidence import Verdict


def test_both_campaigns_with_scan_and_gate_fit_into_the_calls_of_the_demonstration() -> None:
    assay, reproduces = assay_calls(CRITERION, rate=0.5)
    refuting, refuted = patched_calls(CRITERION, dict.fromkeys(FAMILIES, 0.4), benign=True)
    fixing, fixed = patched_calls(CRITERION, dict.fromkeys(FAMILIES, 0.0), benign=True)

    whole = sum_of([assay] * 4 + [refuting, fixing, {SCAN_AND_GATE: 1.0}])

    assert reproduces**4 > 0.99
    assert refuted[Verdict.NOT_FIXED] > 0.999
    assert fixed[Verdict.FIXED] == pytest.approx(1)
    assert fixing == {len(FAMILIES) * 32 + 2 * 47: pytest.approx(1)}
    assert within(whole, BUDGET) > 0.999
    assert within(sum_of([assay, assay, fixing]), CRITERION.max_calls) > 0.999
