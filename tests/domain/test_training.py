# SPDX-License-Identifier: Apache-2.0
"""Reported data is trained on only where its reporter allows it, and then only when."""

import pytest

from safeconduct.domain.bundle import Safety
from safeconduct.domain.report import MayTrain, Tlp
from safeconduct.domain.training import may_train_now, require_trainable
from safeconduct.errors import NotPermittedError


@pytest.mark.parametrize(
    ("may_train", "is_disclosed", "allowed"),
    [
        (MayTrain.NO, False, False),
        (MayTrain.NO, True, False),
        (MayTrain.AFTER_DISCLOSURE, False, False),
        (MayTrain.AFTER_DISCLOSURE, True, True),
        (MayTrain.YES, False, True),
        (MayTrain.YES, True, True),
    ],
)
def test_the_reporter_says_whether_and_when(*, may_train: MayTrain, is_disclosed: bool, allowed: bool) -> None:
    assert may_train_now(may_train, is_disclosed=is_disclosed) is allowed


def test_nothing_said_means_no() -> None:
    with pytest.raises(NotPermittedError) as refused:
        require_trainable(Safety())

    assert refused.value.facts == {"may_train": "no"}


def test_what_is_public_is_disclosed() -> None:
    require_trainable(Safety(may_train=MayTrain.AFTER_DISCLOSURE, handling=Tlp.CLEAR))
    with pytest.raises(NotPermittedError):
        require_trainable(Safety(may_train=MayTrain.AFTER_DISCLOSURE, handling=Tlp.GREEN))
