# SPDX-License-Identifier: Apache-2.0
"""The order of the calls: every campaign fits the rule at its width, and fewer in flight than there were do not."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.deliberations import SOON, by_rate, conduct

from safeconduct.domain.evidence import Arm
from safeconduct.errors import VerificationError
from safeconduct.verification.schedule import require_schedule
from safeconduct.verification.verdict import Deliberation

FAMILIES = ("a", "b", "c")


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    flight=st.integers(1, 9),
    rate=st.sampled_from([0.0, 0.02, 0.3]),
    per_family=st.booleans(),
    benign=st.booleans(),
)
def test_every_campaign_fits_the_rule(seed: int, flight: int, rate: float, *, per_family: bool, benign: bool) -> None:
    criterion = replace(SOON, per_family=per_family)
    rates = {Arm.ASSAY: dict.fromkeys(FAMILIES, 0.7), Arm.EFFICACY: dict.fromkeys(FAMILIES, rate)}
    end, trials = conduct(criterion, FAMILIES, by_rate(rates, seed=seed), benign=benign, flight=flight)
    start = Deliberation.begin(criterion, families=FAMILIES, benign=benign)

    assert require_schedule(start, trials, width=flight) == end


def test_more_in_flight_than_is_said_is_refused() -> None:
    rates = {Arm.ASSAY: dict.fromkeys(FAMILIES, 0.7), Arm.EFFICACY: dict.fromkeys(FAMILIES, 0.1)}
    _, trials = conduct(SOON, FAMILIES, by_rate(rates, seed=3), flight=8)
    start = Deliberation.begin(SOON, families=FAMILIES, benign=False)

    with pytest.raises(VerificationError, match="dropped, added or moved") as caught:
        require_schedule(start, trials, width=1)
    assert caught.value.facts["number"] > 1
