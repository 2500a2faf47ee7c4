# SPDX-License-Identifier: Apache-2.0
"""Reports that arrive together share a transaction, and each is kept or refused for itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from tests.factories import intake

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.models import Commitment, Event, SubjectKey
from safeconduct.server.intake import keeping
from safeconduct.server.intake.models import Report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
TOGETHER = 12


class Gate:
    """Holds the first group back until everyone else stands in the line, and counts the groups."""

    def __init__(self, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.expected, self.sizes = expected, []
        self._store = keeping._store
        monkeypatch.setattr(keeping, "_store", self)

    def __call__(self, drafts: Any) -> None:
        if not self.sizes:
            for _ in range(3000):
                if len(keeping._line._waiting) >= self.expected:
                    break
                threading.Event().wait(0.01)
        self.sizes.append(len(drafts))
        self._store(drafts)


def together(now: datetime, requests: list[dict[str, Any]]) -> list[Any]:
    def one(given: dict[str, Any]) -> Any:
        try:
            return intake.received(now, **given).row.pk
        except (ConflictError, UnavailableError) as error:
            return type(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def test_those_who_wait_share_one_transaction(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(TOGETHER - 1, monkeypatch)

    answers = together(now, [{} for _ in range(TOGETHER)])

    assert gate.sizes == [1, TOGETHER - 1]
    assert set(answers) == set(Report.objects.values_list("pk", flat=True))
    for table in (Report, SubjectKey, Commitment, Event):
        assert table.objects.count() == TOGETHER


def test_one_that_cannot_be_stored_fails_alone(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = intake.address()
    intake.received(now, mailbox=taken)
    Gate(TOGETHER - 1, monkeypatch)

    answers = together(now, [{"mailbox": taken}, *({} for _ in range(TOGETHER - 1))])

    assert answers.count(ConflictError) == 1
    assert Report.objects.count() == TOGETHER
    assert Event.objects.count() == Commitment.objects.count() == TOGETHER


def test_the_same_request_at_the_same_instant_makes_one_report(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    Gate(TOGETHER - 1, monkeypatch)
    same = {"mailbox": intake.address(), "idempotency": "once"}

    answers = together(now, [same] * TOGETHER)

    assert len(set(answers)) == 1
    assert Report.objects.count() == 1


def test_a_full_disk_is_told_to_everyone_who_waits(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    Gate(TOGETHER - 1, monkeypatch)
    monkeypatch.setattr(audit, "record_all", full)
    if connection.vendor == "postgresql":
        monkeypatch.setattr("safeconduct.server.audit.writes.is_out_of_reach", lambda _: True)

    answers = together(now, [{} for _ in range(TOGETHER)])

    assert answers == [UnavailableError] * TOGETHER
    assert not Report.objects.exists()


def test_a_fault_of_ours_leaves_nobody_waiting(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(keeping, "_store", broken)

    with pytest.raises(ZeroDivisionError):
        intake.received(now)
    monkeypatch.undo()
    assert intake.received(now).is_new


def test_inside_a_transaction_of_the_caller_there_is_no_group(now: datetime) -> None:
    with transaction.atomic():
        intake.received(now)
        transaction.set_rollback(True)

    assert not Report.objects.exists()
