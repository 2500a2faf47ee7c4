# SPDX-License-Identifier: Apache-2.0
"""Reports that wait together share a transaction, and each is kept or refused for itself."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from tests.factories import intake, records

from safeconduct.errors import UnavailableError
from safeconduct.server.audit import inserting
from safeconduct.server.audit.models import Commitment, Event, SubjectKey
from safeconduct.server.intake import keeping, queries, services
from safeconduct.server.intake.drafts import Draft
from safeconduct.server.intake.models import Door, Report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
TOGETHER = 12


def prepared(now: datetime, **changes: Any) -> Draft:
    given: dict[str, Any] = {"mailbox": intake.address(), "door": Door.API, **changes}
    return services.prepare(report=records.report(), now=now, **given)


def test_all_that_wait_are_stored_in_one_transaction(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    store = keeping._store
    monkeypatch.setattr(keeping, "_store", lambda drafts: (sizes.append(len(drafts)), store(drafts)))
    drafts = [prepared(now) for _ in range(TOGETHER)]

    assert keeping.keep_all(drafts) == [None] * TOGETHER
    assert sizes == [TOGETHER]
    for table in (Report, SubjectKey, Commitment, Event):
        assert table.objects.count() == TOGETHER


def test_what_is_stored_is_what_the_models_hold(now: datetime) -> None:
    made = prepared(now, idempotency="once")
    keeping.keep_all([made])

    row = Report.objects.get()
    for field in Report._meta.concrete_fields:
        stored, given = getattr(row, field.attname), getattr(made.row, field.attname)
        assert (bytes(stored) if isinstance(stored, memoryview) else stored) == given
    assert queries.opened(row).told == records.report()
    event = Event.objects.get()
    assert (event.tag, event.subject, event.at, event.facts) == (
        made.event.tag,
        made.event.subject,
        made.event.at,
        made.event.facts,
    )


def test_one_that_cannot_be_stored_fails_alone(now: datetime) -> None:
    taken = intake.address()
    intake.received(now, mailbox=taken)

    failures = keeping.keep_all([prepared(now), prepared(now, mailbox=taken), prepared(now)])

    assert [type(failure) for failure in failures] == [type(None), IntegrityError, type(None)]
    assert Report.objects.count() == Event.objects.count() == Commitment.objects.count() == 3


def test_a_request_that_came_twice_makes_one_report(now: datetime) -> None:
    failures = keeping.keep_all([prepared(now, idempotency="once"), prepared(now, idempotency="once")])

    assert [type(failure) for failure in failures] == [type(None), IntegrityError]
    assert Report.objects.count() == 1


def test_a_full_disk_is_told_to_everyone_who_waits(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(inserting, "_values", full)
    if connection.vendor == "postgresql":
        monkeypatch.setattr("safeconduct.server.audit.writes.is_out_of_reach", lambda _: True)

    failures = keeping.keep_all([prepared(now) for _ in range(TOGETHER)])

    assert [type(failure) for failure in failures] == [UnavailableError] * TOGETHER
    assert not Report.objects.exists()
    monkeypatch.undo()
    assert keeping.keep_all([prepared(now)]) == [None]
