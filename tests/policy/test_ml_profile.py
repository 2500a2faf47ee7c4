# SPDX-License-Identifier: Apache-2.0
"""The ML profile: written, read, and refused where it makes no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.errors import ConfigurationError, UnknownValueError
from safeconduct.policy.ml_profile import EXAMPLE, MlProfile, _metrics, metrics, parse_profile
from safeconduct.policy.tables import read


@given(
    st.builds(MlProfile, **{key.lower(): st.sampled_from([*metric.values, "X"]) for key, metric in metrics().items()})
)
def test_what_is_written_is_read_back(profile: MlProfile) -> None:
    assert parse_profile(str(profile)) == profile


def test_the_example_is_its_own_canonical_form() -> None:
    assert str(parse_profile(EXAMPLE)) == EXAMPLE


def test_a_metric_that_is_left_out_is_unknown_and_order_is_free() -> None:
    profile = parse_profile("MLP:1.0/HM:S/SR:L")

    assert str(profile) == "MLP:1.0/AK:X/SR:L/TX:X/RT:X/PE:X/AG:X/EX:X/HM:S/OF:X/RM:X"
    assert profile.unknown == ("AK", "TX", "RT", "PE", "AG", "EX", "OF", "RM")


def test_a_value_of_another_metric_is_refused() -> None:
    with pytest.raises(UnknownValueError) as caught:
        MlProfile(sr="W")

    assert caught.value.hint == "one of U, P, L, R or X"


def test_a_table_with_other_metrics_is_refused() -> None:
    head = 'table = "t"\nversion = "1"\ndated = 2026-01-01\nsource = "s"\nlicense = "l"\n'

    with pytest.raises(ConfigurationError, match="not those of the profile"):
        read(head + '[AK]\nname = "n"\nasks = "a"\nW = "w"\n', file_name="x.toml", build=_metrics)
