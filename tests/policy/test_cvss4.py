# SPDX-License-Identifier: Apache-2.0
"""CVSS 4.0 vectors: unmodified, strict, rated."""

import pytest

from safeconduct.domain.severity import Tier
from safeconduct.errors import MalformedError
from safeconduct.policy.cvss4 import read_vector

BASE = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    ("suffix", "nomenclature", "score"),
    [
        ("", "CVSS-B", 9.3),
        ("/E:U", "CVSS-BT", 8.1),
        ("/E:X", "CVSS-B", 9.3),
        ("/MAV:L", "CVSS-BE", 8.6),
        ("/E:U/MAV:L", "CVSS-BTE", 6.1),
        ("/S:P", "CVSS-B", 9.3),
    ],
)
def test_a_vector_is_kept_as_given_and_named_by_its_groups(suffix: str, nomenclature: str, score: float) -> None:
    read = read_vector(BASE + suffix)

    assert read.vector == BASE + suffix
    assert (read.nomenclature, read.score) == (nomenclature, score)


@pytest.mark.parametrize(
    ("impact", "rating"),
    [("VC:N/VI:N/VA:N", Tier.NONE), ("VC:H/VI:H/VA:H", Tier.CRITICAL), ("VC:L/VI:N/VA:N", Tier.MEDIUM)],
)
def test_the_rating_is_the_published_scale(impact: str, rating: Tier) -> None:
    assert read_vector(f"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/{impact}/SC:N/SI:N/SA:N").rating is rating


def test_metrics_out_of_order_are_refused_and_the_order_is_shown() -> None:
    with pytest.raises(MalformedError) as caught:
        read_vector("CVSS:4.0/AC:L/AV:N/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N")

    assert caught.value.hint == f"write {BASE}"
