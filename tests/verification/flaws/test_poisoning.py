# SPDX-License-Identifier: Apache-2.0
"""A poisoning of labels, and the model after its data was cleaned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from tests.verification.flaws.digits import DIGITS, ESTIMATOR, IMAGES, SHOWN, place, row
from tests.verification.flaws.ground import QUICK, boxed, bundle, script, verdict

from safeconduct.domain.bundle import (
    LabelFlip,
    Slot,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.weakness import FlawClass


def test_a_poisoning_of_labels(tmp_path: Path) -> None:
    wrong, right = 8, 3
    shown, kept = (
        tuple(row(IMAGES[number]) for number in part if DIGITS[number] == right)
        for part in (SHOWN, range(1300, len(IMAGES)))
    )
    attack = script(
        disclosed=["{{shown}}"],
        held_out=["{{kept}}"],
        slots=[Slot(name="shown", values=shown), Slot(name="kept", values=kept)],
    )
    made = bundle(FlawClass.POISONING, LabelFlip(expected=str(right)), attack=attack, target=ESTIMATOR)
    changed = DIGITS[:1000].copy()
    changed[(changed == right) & (np.arange(1000) % 5 != 0)] = wrong
    forest = RandomForestClassifier(n_estimators=20, random_state=1)
    before = place(tmp_path, "relabeled", forest.fit(IMAGES[:1000], changed))
    after = place(tmp_path, "cleaned", forest.fit(IMAGES[:1000], DIGITS[:1000]))

    made = replace(made, criterion=replace(QUICK, tolerance=0.3, design=0.1, reproduction=0.4))
    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED
