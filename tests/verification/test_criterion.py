# SPDX-License-Identifier: Apache-2.0
"""The frozen terms: which make sense together, and what names them."""

from dataclasses import fields, replace

import pytest

from safeconduct.domain.evidence import Criterion
from safeconduct.errors import MalformedError, UnknownValueError
from safeconduct.verification.criterion import check_criterion, criterion_sha256, criterion_terms


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
    digests = {criterion_sha256(Criterion())}
    for field in fields(Criterion):
        value = getattr(Criterion(), field.name)
        other = (not value) if isinstance(value, bool) else value + "x" if isinstance(value, str) else value + 1
        digests.add(criterion_sha256(replace(Criterion(), **{field.name: other})))

    assert len(digests) == len(fields(Criterion)) + 1
    assert set(criterion_terms(Criterion())) == {field.name for field in fields(Criterion)}


def test_the_digest_of_the_default_is_stable() -> None:
    # Certificates name it: a new default is a new criterion, and this digest changes on purpose only.
    assert criterion_sha256(Criterion()) == "16b213932cd5a341fb748c72a8f22ea0fdd8cdc2bdadc014193769d3311bb17b"
