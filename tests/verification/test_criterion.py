# SPDX-License-Identifier: Apache-2.0
"""The frozen terms: which make sense together, and what names them."""

from dataclasses import fields, replace
from typing import Any

import pytest

from safeconduct.domain.evidence import Criterion, JudgeCalibration
from safeconduct.errors import IncompleteError, MalformedError, SafeconductError, UnknownValueError
from safeconduct.verification.criterion import check_criterion, criterion_sha256, criterion_terms, require_judge

JUDGE = JudgeCalibration(positives=100, found=90, negatives=100, cleared=98, source="200 answers, two people")


def test_the_default_criterion_makes_sense() -> None:
    check_criterion(Criterion())


@pytest.mark.parametrize("name", ["reproduction", "tolerance", "design", "alpha", "beta", "benign_margin"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, float("nan"), float("inf")])
def test_a_probability_lies_strictly_between_zero_and_one(name: str, value: float) -> None:
    with pytest.raises(MalformedError) as caught:
        check_criterion(replace(Criterion(), **{name: value}))

    assert caught.value.facts["field"] == name


@pytest.mark.parametrize(
    "name", ["max_calls", "max_calls_per_family", "max_assay_calls_per_family", "max_benign_pairs"]
)
def test_a_cap_is_positive(name: str) -> None:
    with pytest.raises(MalformedError) as caught:
        check_criterion(replace(Criterion(), **{name: 0}))

    assert caught.value.facts["field"] == name


def test_the_design_lies_under_the_tolerance() -> None:
    with pytest.raises(MalformedError) as caught:
        check_criterion(Criterion(tolerance=0.01, design=0.01))

    assert caught.value.facts["field"] == "design"


def test_a_rate_is_not_both_reproduced_and_fixed() -> None:
    with pytest.raises(MalformedError) as caught:
        check_criterion(Criterion(tolerance=0.3, reproduction=0.2))

    assert caught.value.facts["field"] == "reproduction"


def test_the_method_is_one_of_those_offered() -> None:
    with pytest.raises(UnknownValueError):
        check_criterion(Criterion(method="best-of-three"))


def test_the_digest_names_every_term() -> None:
    judged = Criterion(judge=JUDGE)
    digests = {criterion_sha256(Criterion()), criterion_sha256(judged)}
    for field in fields(Criterion):
        value = getattr(judged, field.name)
        if value is JUDGE:
            other: Any = replace(JUDGE, source="another")
        else:
            other = (not value) if isinstance(value, bool) else value + "x" if isinstance(value, str) else value + 1
        digests.add(criterion_sha256(replace(judged, **{field.name: other})))

    assert len(digests) == len(fields(Criterion)) + 2
    assert set(criterion_terms(judged)) == {field.name for field in fields(Criterion)}


def test_without_a_judge_the_terms_do_not_speak_of_one() -> None:
    assert "judge" not in criterion_terms(Criterion())


@pytest.mark.parametrize(
    ("calibration", "error"),
    [
        (JudgeCalibration(positives=0, found=0), IncompleteError),
        (JudgeCalibration(positives=3, found=4), MalformedError),
    ],
)
def test_a_judge_without_a_sensitivity_is_refused(calibration: JudgeCalibration, error: type[SafeconductError]) -> None:
    with pytest.raises(error):
        check_criterion(Criterion(judge=calibration))


def test_the_terms_account_for_the_judge_of_the_oracle() -> None:
    require_judge(Criterion(), ())
    require_judge(Criterion(judge=JUDGE), (JUDGE,))


@pytest.mark.parametrize(
    ("criterion", "calibrations"),
    [
        (Criterion(), (JUDGE,)),
        (Criterion(judge=JUDGE), ()),
        (Criterion(judge=JUDGE), (replace(JUDGE, found=91),)),
        (Criterion(judge=JUDGE), (JUDGE, JUDGE)),
    ],
)
def test_terms_that_overlook_the_judge_are_refused(
    criterion: Criterion, calibrations: tuple[JudgeCalibration, ...]
) -> None:
    with pytest.raises(MalformedError) as caught:
        require_judge(criterion, calibrations)

    assert caught.value.facts["field"] == "judge"


def test_the_digest_of_the_default_is_stable() -> None:
    # Certificates name it: a new default is a new criterion, and this digest changes on purpose only.
    assert criterion_sha256(Criterion()) == "067eb265a0f03d1b6b1a611546423fde24d9aba715067fb738896ba81704c395"


def test_the_digest_of_the_first_default_is_what_the_first_certificates_name() -> None:
    first = Criterion(method="bernoulli-mixture/1")

    assert criterion_sha256(first) == "16b213932cd5a341fb748c72a8f22ea0fdd8cdc2bdadc014193769d3311bb17b"
