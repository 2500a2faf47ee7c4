# SPDX-License-Identifier: Apache-2.0
"""The frozen terms of a campaign: do they make sense together, and which digest names them.

The digest is the SHA-256 of the canonical JSON (RFC 8785) of all terms. It is taken before the first call and stands in
the certificate, so a criterion that was loosened after a look at the outcomes does not verify.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

from safeconduct.domain.evidence import Criterion, JudgeCalibration
from safeconduct.domain.safe_json import Json, canonical_json
from safeconduct.errors import MalformedError
from safeconduct.verification.stats.sequential import sequential_test


def check_criterion(criterion: Criterion) -> None:
    """Refuse terms under which no verdict would mean what it says.

    Raises:
        MalformedError: a probability is not strictly between 0 and 1, the design alternative is not under the
            tolerance, the required reproduction is under the tolerance, or a cap is not positive.
            Or the counts of the judge's calibration contradict each other.
        IncompleteError: the judge's sensitivity is not known.
        UnknownValueError: the method is not offered.
    """
    for name in ("reproduction", "tolerance", "design", "alpha", "beta", "benign_margin"):
        if not 0 < getattr(criterion, name) < 1:
            raise MalformedError(f"the criterion's {name} is not strictly between 0 and 1", field=name)
    for name in ("max_calls", "max_calls_per_family", "max_assay_calls_per_family", "max_benign_pairs"):
        if getattr(criterion, name) < 1:
            raise MalformedError(f"the criterion's {name} is not positive", field=name)
    if criterion.design >= criterion.tolerance:
        raise MalformedError(
            "the criterion's design is not under its tolerance",
            hint="the design alternative is usually a fifth of the tolerance",
            field="design",
        )
    if criterion.reproduction < criterion.tolerance:
        raise MalformedError(
            "the criterion would take a flaw as reproduced at a rate that it would also take as fixed",
            hint="set reproduction to the tolerance or more",
            field="reproduction",
        )
    sequential_test(criterion, streams=1)


def require_judge(criterion: Criterion, calibrations: Sequence[JudgeCalibration]) -> None:
    """Refuse terms that do not account for the judge of the oracle; `calibrations` are those of its judges, if any.

    Raises:
        MalformedError: there are several judges, or the criterion names another calibration than the oracle, or none.
    """
    if len(calibrations) > 1:
        raise MalformedError("the oracle has several judges", hint="let one judge decide", field="judge")
    if criterion.judge != (calibrations[0] if calibrations else None):
        raise MalformedError(
            "the criterion does not account for the judge of the oracle",
            hint="give the criterion the same calibration as the oracle's judge, and none without a judge",
            field="judge",
        )


def criterion_terms(criterion: Criterion) -> dict[str, Json]:
    """Return the terms as plain data, every one of them, also where it is the default.

    Without a judge there is no such term, as there was none when the first criteria were hashed.
    """
    terms: dict[str, Json] = asdict(criterion)
    if criterion.judge is None:
        del terms["judge"]
    return terms


def criterion_sha256(criterion: Criterion) -> str:
    """Return the digest that names the frozen terms."""
    return hashlib.sha256(canonical_json(criterion_terms(criterion))).hexdigest()
