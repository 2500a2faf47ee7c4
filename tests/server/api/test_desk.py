# SPDX-License-Identifier: Apache-2.0
"""The desk and the register by program: the queue in its order, cases of the party, targets, public entries."""

from datetime import datetime
from typing import Any

import pytest
from tests.factories import intake, records
from tests.server.api.caller import Caller
from tests.server.factories import make_party, viewer

from safeconduct.domain.parties import Role, Scope
from safeconduct.domain.weakness import FlawClass
from safeconduct.server.authorizations.models import Target
from safeconduct.server.cases import services as cases
from safeconduct.server.parties import services as parties
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.registry import services as registry
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def desk(clock: Any) -> Caller:
    by = viewer_of(make_party(Role.COORDINATOR))
    return Caller(token=parties.issue_token(by=by, name="desk", scopes=tuple(Scope), days=1, now=clock.now).text)


def test_the_queue_names_reports_and_no_content(desk: Caller, now: datetime) -> None:
    row = intake.received(now, told=records.report(title="canary-title")).row
    assessment = triage.assess(row=row, now=now)

    answer = desk.get("/queue")

    assert [(item["assessment_id"], item["report_id"], item["state"]) for item in answer.json()] == [
        (assessment.pk, row.pk, "open")
    ]
    assert "canary-title" not in answer.content.decode()


def test_a_case_is_listed_with_its_embargo(desk: Caller, now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    assessment = triage.assess(row=intake.received(now).row, now=now)
    triage.accept(assessment=assessment, by=by, now=now)
    case = cases.open_case(assessment=assessment, guests=(), by=by, now=now).case

    (told,) = desk.get("/cases").json()

    assert told["case_id"] == case.pk
    assert told["entry"] == case.entry.public_id
    assert told["embargo"] == case.embargo


def test_a_target_is_granted_within_caps(desk: Caller) -> None:
    answer = desk.post(
        "/targets", {"label": "Orchid", "model": "orchid-1", "url": "https://model.example/v1", "max_calls": 40}
    )

    assert answer.status_code == 201
    assert Target.objects.get().max_calls == 40
    assert desk.post("/targets", {"label": "x", "model": "m", "max_calls": 0}).status_code == 400
    assert desk.post("/targets", {"label": "x", "model": "m", "secret": "k"}).status_code == 400


def test_the_register_is_searched_and_read(now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    entry = registry.reserve(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK, by=by, now=now)
    hidden = registry.reserve(flaw_class=FlawClass.OTHER, by=by, now=now)
    registry.publish(entry=entry, record=records.advisory(entry.public_id), by=by, now=now)

    found = Caller().get("/register", q="orchid").json()

    assert [item["id"] for item in found["entries"]] == [entry.public_id]
    assert found["count"] == 1
    assert Caller().get(f"/register/{entry.public_id}").json()["id"] == entry.public_id
    assert Caller().get(f"/register/{hidden.public_id}").status_code == 404
    assert Caller().get("/register", page="0").status_code == 400
    assert Caller().get("/register", q="refrigerator").json()["entries"] == []
