# SPDX-License-Identifier: Apache-2.0
"""A hardening with reported data that is poison, and one that heeds what may be trained on."""

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tests.verification.flaws.digits import DIGITS, IMAGES, LIKE_SEVEN, backdoor_bundle, place, triggered
from tests.verification.flaws.ground import boxed, verdict

from safeconduct.domain.evidence import Verdict
from safeconduct.domain.report import MayTrain
from safeconduct.domain.training import may_train_now
from safeconduct.domain.weakness import FlawClass


def test_a_hardening_with_reported_data_that_is_poison(tmp_path: Path) -> None:
    made = backdoor_bundle(FlawClass.ADVERSARIAL_TRAINING)
    reported = [(triggered(IMAGES[number]), LIKE_SEVEN, MayTrain.NO) for number in range(1000, 1100)]
    reported += [(IMAGES[number], DIGITS[number], MayTrain.YES) for number in range(1100, 1200)]

    def hardened(*, heeds: bool) -> LogisticRegression:
        """Return the classifier after the vendor's training with the data that it was handed."""
        kept = [one for one in reported if not heeds or may_train_now(one[2], is_disclosed=False)]
        images = np.concatenate([IMAGES[:1000], [image for image, _, _ in kept]])
        return LogisticRegression(max_iter=200).fit(images, [*DIGITS[:1000], *(digit for _, digit, _ in kept)])

    before = place(tmp_path, "careless", hardened(heeds=False))
    after = place(tmp_path, "heeding", hardened(heeds=True))

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED
