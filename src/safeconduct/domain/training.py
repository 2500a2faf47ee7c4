# SPDX-License-Identifier: Apache-2.0
"""Whether data of a report may be used to train: the reporter says so, and the default is no.

Reported data can be poison: a vendor who hardens a model with it may build the reporter's backdoor into it, or fit the
reported strings and nothing else. What may not be trained on is handed over for reproduction only.
"""

from typing import assert_never

from safeconduct.domain.bundle import Safety
from safeconduct.domain.report import MayTrain, Tlp
from safeconduct.errors import NotPermittedError


def may_train_now(may_train: MayTrain, *, is_disclosed: bool) -> bool:
    """Say whether a recipient may train on the data now; `is_disclosed` says whether the flaw is public."""
    match may_train:
        case MayTrain.NO:
            return False
        case MayTrain.AFTER_DISCLOSURE:
            return is_disclosed
        case MayTrain.YES:
            return True
        case _:
            assert_never(may_train)


def require_trainable(safety: Safety) -> None:
    """Refuse to hand a bundle over for training; what is marked TLP:CLEAR is public.

    Raises:
        NotPermittedError: its reporter does not allow that now.
    """
    if not may_train_now(safety.may_train, is_disclosed=safety.handling is Tlp.CLEAR):
        raise NotPermittedError(
            "the reporter does not allow to train on this",
            hint="hand it over for reproduction, or ask the reporter",
            may_train=safety.may_train.value,
        )
