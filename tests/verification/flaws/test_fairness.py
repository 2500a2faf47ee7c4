# SPDX-License-Identifier: Apache-2.0
"""A gap between groups: pairs that differ in the group alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.verification.flaws.digits import advantage_bundle, place
from tests.verification.flaws.ground import QUICK, boxed, verdict

from safeconduct.domain.bundle import (
    Slot,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.observed import Advantage, Comparison
from safeconduct.domain.weakness import FlawClass


@pytest.fixture
def loans() -> tuple[Any, Any]:
    """Past decisions on loans that were harder on one group."""
    chance = np.random.default_rng(7)
    income, debt, group = chance.uniform(0, 10, 800), chance.uniform(0, 10, 800), chance.integers(0, 2, 800)
    return np.c_[income, debt, group], (income - debt - 3 * group + chance.normal(0, 1, 800)) > -1


def test_a_gap_between_groups(tmp_path: Path, loans: tuple[Any, Any]) -> None:
    numbers = tuple(f"{number / 4:.2f}" for number in range(4, 36))
    check = Advantage(comparison=Comparison.DIFFERENT, first="$.rows[0].best", second="$.rows[1].best", baseline=0.0)
    made = advantage_bundle(
        FlawClass.FAIRNESS,
        check,
        "[[{{income}}, {{debt}}, 0], [{{income}}, {{debt}}, 1]]",
        [Slot(name="income", values=numbers), Slot(name="debt", values=numbers)],
        criterion=replace(QUICK, reproduction=0.1, tolerance=0.1, design=0.02),
    )
    people, decisions = loans
    before = place(tmp_path, "biased", LogisticRegression().fit(people, decisions))
    blind = LogisticRegression().fit(np.where([True, True, False], people, 0), decisions)
    after = place(tmp_path, "blind", blind)

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED
