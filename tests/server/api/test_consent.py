# SPDX-License-Identifier: Apache-2.0
"""What a program of a guest reads of a case before the guest has agreed to the embargo: that there is one, no more."""

from datetime import datetime
from typing import Any

import pytest
from tests.factories import cases
from tests.server.api.caller import Caller

from safeconduct.domain.parties import Scope
from safeconduct.server.cases import negotiation
from safeconduct.server.cases import services as case_services
from safeconduct.server.parties import services as parties

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def test_a_guest_reads_tier_and_state_after_consent_only(clock: Any, now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    token = parties.issue_token(by=guest.viewer, name="p", scopes=[Scope.CASE_READ], days=1, now=clock.now)
    caller = Caller(token=token.text)

    (before,) = caller.get("/cases").json()
    case_services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    term = world.case.terms.get(state="active")
    negotiation.answer(term=term, seat=guest.present(), accepts=True, by=guest.viewer, now=now)
    (after,) = caller.get("/cases").json()

    assert (before["tier"], before["state"]) == ("", "")
    assert after["tier"] == world.present().assessment.tier != ""


def test_a_time_without_a_zone_is_refused(clock: Any, now: datetime) -> None:
    world = cases.opened(now)
    token = parties.issue_token(by=world.desk, name="p", scopes=[Scope.TARGET_GRANT], days=1, now=clock.now)
    body = {"label": "x", "model": "m", "url": "https://model.example/v1"}

    answer = Caller(token=token.text).post("/targets", body | {"starts_at": "2026-11-23T12:00:00"})

    assert answer.status_code == 400
