# SPDX-License-Identifier: Apache-2.0
"""Case states and positions never contradict themselves."""

import pytest

from safeconduct.domain.case import CaseFact, CaseState, Position, ReportState, VendorFix
from safeconduct.errors import ConflictError, MalformedError


@pytest.mark.parametrize("code", ["vfdpxa", "VfdpxA", "VFDPXA", "VFdPxa"])
def test_a_state_and_its_code_are_the_same(code: str) -> None:
    state = CaseState.parse(code)

    assert state.code == code
    assert CaseState.of(state.fix, state.public) == state
    assert state.fix is VendorFix(code[:3])


@pytest.mark.parametrize("code", ["", "VFDPX", "vfdpxa ", "dfvpxa", "VFDPXÄ", "V.dpxa"])
def test_a_code_of_other_letters_is_refused(code: str) -> None:
    with pytest.raises(MalformedError):
        CaseState.parse(code)


@pytest.mark.parametrize("code", ["vFdpxa", "vfDpxa", "VfDpxa"])
def test_a_state_that_contradicts_itself_is_refused(code: str) -> None:
    with pytest.raises(ConflictError):
        CaseState.parse(code)


def test_a_fact_of_a_vendor_is_not_known_to_the_world() -> None:
    with pytest.raises(MalformedError):
        CaseState.of(VendorFix.AWARE, frozenset({CaseFact.FIX_READY}))


def test_facts_are_added() -> None:
    assert CaseState().having(CaseFact.VENDOR_AWARE, CaseFact.PUBLIC_AWARE).code == "VfdPxa"


def test_who_is_no_vendor_has_no_fix() -> None:
    with pytest.raises(ConflictError):
        Position(report=ReportState.ACCEPTED, case=CaseState.parse("Vfdpxa"), is_vendor=False)
    assert Position(case=CaseState.parse("vfdPxa"), is_vendor=False).is_vendor is False
