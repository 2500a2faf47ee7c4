# SPDX-License-Identifier: Apache-2.0
"""The reporter's room: status, clocks and appeals, and nothing that tells of others."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from tests.factories import intake
from tests.factories.clock import Clock
from tests.factories.intake import OwnMailbox
from tests.server.factories import viewer

from safeconduct.domain.clock import DeadlineKind, DeadlineState
from safeconduct.domain.parties import Role
from safeconduct.server.desk.mailbox import DUE, SAID, STANDS
from safeconduct.server.intake import queries, services
from safeconduct.server.intake.models import MessageKind, ReportStatus
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
ROOM = "/mailbox/room/"


@pytest.fixture
def own(now: datetime, clock: Clock) -> OwnMailbox:
    return intake.own_mailbox(now)


@pytest.fixture
def inside(client: Client, own: OwnMailbox) -> Client:
    client.post("/mailbox/", {"words": own.words})
    return client


def test_every_state_has_words() -> None:
    assert set(SAID) == set(ReportStatus)
    assert set(DUE) == set(DeadlineKind)
    assert set(STANDS) == set(DeadlineState)


def test_a_decision_can_be_appealed_once(inside: Client, own: OwnMailbox, now: datetime) -> None:
    assert inside.post("/mailbox/appeal/", {"text": "Why?"}).status_code == 409
    assessment = triage.assess(row=own.row, now=now)
    triage.reject(assessment=assessment, reason="It does not repeat.", by=viewer(Role.COORDINATOR), now=now)
    page = inside.get(ROOM).content.decode()
    assert "It does not repeat." in page
    assert "/mailbox/appeal/" in page
    assert inside.get("/mailbox/appeal/").status_code == 200
    assert inside.post("/mailbox/appeal/", {"text": ""}).status_code == 422

    assert inside.post("/mailbox/appeal/", {"text": "It does, on Mondays."}).headers["Location"] == ROOM

    page = inside.get(ROOM).content.decode()
    assert "We are looking again" in page
    assert "/mailbox/appeal/" not in page
    assert [message.row.kind for message in queries.messages_of(own.row)] == [MessageKind.DECISION, MessageKind.APPEAL]
    assert inside.post("/mailbox/appeal/", {"text": "Again."}).status_code == 409


def test_the_clocks_of_a_report_are_shown_with_zone_and_utc(inside: Client) -> None:
    page = inside.get(ROOM).content.decode()

    assert "A person opens your report" in page
    assert "Tue 2026-11-24 12:00 UTC" in page
    assert "Why this date" in page


def test_a_person_who_opened_it_is_told_with_the_time(inside: Client, own: OwnMailbox, now: datetime) -> None:
    services.mark_opened(row=own.row, by=viewer(Role.COORDINATOR), now=now + timedelta(hours=3))

    assert "2026-11-23 15:00 UTC" in inside.get(ROOM).content.decode()
