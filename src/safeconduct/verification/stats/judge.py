# SPDX-License-Identifier: Apache-2.0
"""What a judge that errs costs: every success it sees is adjudicated, and what it overlooks is bounded.

A judge overlooks successes (its sensitivity is under 1) and sees some that are none (its specificity is under 1). The
second error is taken away by adjudication: a person or an exact check confirms or denies every success that the judge
sees, so a hit is a true one. There are few of them once a flaw is fixed. The first error remains: of true successes at
rate p the test sees hits at rate q = p * sensitivity. So FIXED needs "q >= tolerance * S" rejected, S being the lower
Clopper-Pearson bound of the sensitivity at a share of alpha; the test has the rest. P(false FIXED) <= the sum, which is
alpha. NOT FIXED and reproduction need no correction, because q <= p.

A success that was not adjudicated is a third outcome: it counts as a hit against FIXED and as a miss against NOT FIXED.
A judge calibrated on no success has no known sensitivity, and is refused. Correcting a rate by estimates of both errors
(Rogan and Gladen 1978) is not offered: with 20 calibration answers of each kind it makes 24 % of such claims false.

What is assumed: the calibration's successes are drawn like those of the campaign, and adjudication does not err.
"""

from typing import Final

from safeconduct.domain.evidence import JudgeCalibration, TrialOutcome
from safeconduct.errors import IncompleteError, MalformedError
from safeconduct.verification.stats.intervals import clopper_pearson_lower

SHARE: Final = 0.2
"""The share of alpha that bounds the sensitivity: 0.01 of 0.05."""


def check_calibration(calibration: JudgeCalibration) -> None:
    """Refuse counts that contradict each other, or from which no sensitivity follows.

    Raises:
        MalformedError: a count is negative or larger than what it is a part of.
        IncompleteError: the judge was tried on no success, or found none.
    """
    counts = ((calibration.found, calibration.positives), (calibration.cleared, calibration.negatives))
    if not all(0 <= part <= whole for part, whole in counts):
        raise MalformedError("the judge's calibration counts more answers than there were", field="judge")
    if calibration.found == 0:
        raise IncompleteError(
            "the judge's sensitivity is missing: it has not yet found any of "
            f"{calibration.positives} successes known to be ones",
            hint="calibrate the judge on answers on which the attack has succeeded",
            missing=["judge.positives" if calibration.positives == 0 else "judge.found"],
        )


def sensitivity_bound(calibration: JudgeCalibration, *, alpha: float) -> float:
    """Return the rate of successes that the judge finds at least, with confidence 1 - SHARE * alpha.

    Raises:
        MalformedError: the counts contradict each other.
        IncompleteError: no sensitivity follows from them.
    """
    check_calibration(calibration)
    return clopper_pearson_lower(calibration.found, calibration.positives, confidence=1 - SHARE * alpha)


def adjudicated(judged: TrialOutcome, *, confirmed: bool | None) -> TrialOutcome:
    """Return the outcome of a trial from the judge's word and, if it saw a success, that of the adjudicator.

    `confirmed` is None as long as nobody has looked; only a success is adjudicated.
    """
    if judged is not TrialOutcome.HIT or confirmed:
        return judged
    return TrialOutcome.ABSTAIN if confirmed is None else TrialOutcome.MISS
