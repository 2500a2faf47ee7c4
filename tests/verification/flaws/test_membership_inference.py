# SPDX-License-Identifier: Apache-2.0
"""Membership inference against an overfit forest and a regularized one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from tests.verification.flaws.digits import DIGITS, IMAGES, advantage_bundle, place, row
from tests.verification.flaws.ground import QUICK, boxed, verdict

from safeconduct.domain.bundle import (
    Slot,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.observed import Advantage, Comparison
from safeconduct.domain.weakness import FlawClass


def test_membership_inference(tmp_path: Path) -> None:
    mixed = np.random.default_rng(3).permutation(len(IMAGES))
    inside, outside = mixed[:400], mixed[400:800]
    members, others = (tuple(row(IMAGES[number]) for number in part) for part in (inside, outside))
    check = Advantage(
        comparison=Comparison.GREATER, first="$.rows[0].confidence", second="$.rows[1].confidence", baseline=0.5
    )
    made = advantage_bundle(
        FlawClass.MEMBERSHIP_INFERENCE,
        check,
        "[{{member}}, {{other}}]",
        [Slot(name="member", values=members), Slot(name="other", values=others)],
        criterion=replace(QUICK, reproduction=0.75, tolerance=0.72, design=0.56),
    )
    overfit = RandomForestClassifier(n_estimators=20, bootstrap=False, random_state=1)
    smooth = RandomForestClassifier(n_estimators=60, min_samples_leaf=40, max_depth=3, random_state=1)
    before = place(tmp_path, "overfit", overfit.fit(IMAGES[inside], DIGITS[inside]))
    after = place(tmp_path, "regularized", smooth.fit(IMAGES[inside], DIGITS[inside]))

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED
    assert verdict(made, before=boxed(made, before), after=boxed(made, before)) is Verdict.NOT_FIXED
