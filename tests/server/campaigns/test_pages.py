# SPDX-License-Identifier: Apache-2.0
"""The page of fixes stays readable whatever a stranger sent as a bundle."""

from datetime import datetime

import pytest
from tests.factories import spine
from tests.server.factories import client_of, make_party

from safeconduct.domain.parties import Role
from safeconduct.server.cases import services as cases
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def test_a_bundle_of_no_use_does_not_close_the_page_of_fixes(now: datetime) -> None:
    party = make_party(Role.COORDINATOR)
    by = viewer_of(party)
    row = spine.report_with_bundle(now, b"this is no archive at all, only words").row
    case = cases.open_case(assessment=triage.assess(row=row, now=now), guests=(), by=by, now=now).case

    answer = client_of(party).get(f"/campaigns/case/{case.pk}/")

    assert answer.status_code == 200
    assert "cannot be run" in answer.content.decode()
