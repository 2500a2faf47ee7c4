# SPDX-License-Identifier: Apache-2.0
"""The record of acts: append-only by the database, chained, and any change is found."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from tests.conftest import GUARDED, NOON

from safeconduct.domain.event import EventTag
from safeconduct.errors import VerificationError
from safeconduct.ledger.entry import EntryKind
from safeconduct.server.audit import ledger, queries, services, tasks
from safeconduct.server.audit.guards import drop_guards
from safeconduct.server.audit.models import Commitment, Event, Link

pytestmark = pytest.mark.django_db


def write(count: int) -> list[Event]:
    return [
        services.record(EventTag.CASE_OPENED, subject=f"cas_{number}", actor="pty_x", at=NOON, facts={"n": number})
        for number in range(count)
    ]


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"])
def test_the_database_refuses_to_touch_an_event(statement: str) -> None:
    write(1)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert Event.objects.get().actor == "pty_x"


def test_the_database_refuses_to_touch_a_link() -> None:
    write(1)
    services.chain(now=NOON)

    with pytest.raises(DatabaseError), transaction.atomic():
        Link.objects.update(digest="0" * 64)


def test_the_chain_holds_every_event_once_and_in_order() -> None:
    write(3)

    assert services.chain(now=NOON) == 3
    assert services.chain(now=NOON) == 0
    write(2)
    assert services.chain(now=NOON) == 2
    assert queries.check_chain() == 5


def test_a_changed_event_is_found() -> None:
    write(3)
    services.chain(now=NOON)
    drop_guards(connection, GUARDED)
    Event.objects.filter(subject="cas_1").update(actor="pty_y")

    with pytest.raises(VerificationError) as caught:
        queries.check_chain()

    assert caught.value.facts["position"] == 1


def test_a_removed_link_is_found() -> None:
    write(3)
    services.chain(now=NOON)
    drop_guards(connection, GUARDED)
    Link.objects.filter(position=1).delete()

    with pytest.raises(VerificationError):
        queries.check_chain()


def test_the_head_of_the_chain_goes_to_the_log() -> None:
    write(2)
    services.chain(now=NOON)

    commitment = Commitment.objects.get()

    assert commitment.kind == EntryKind.AUDIT_HEAD
    assert bytes(commitment.value).hex() == queries.last_link().digest


@pytest.mark.usefixtures("_fresh_log")
def test_a_beat_publishes_the_head_under_a_checkpoint() -> None:
    write(2)

    assert tasks.beat(NOON) == 1
    assert tasks.beat(NOON + timedelta(minutes=10)) == 0
    assert ledger.receipt_of(bytes.fromhex(queries.last_link().digest)) is not None


def test_events_are_found_by_subject_and_by_tag() -> None:
    write(2)
    services.record(EventTag.CASE_CLOSED, subject="cas_1", at=NOON)

    assert [event.tag for event in queries.events_of("cas_1")] == [EventTag.CASE_OPENED, EventTag.CASE_CLOSED]
    assert queries.events_tagged(EventTag.CASE_CLOSED).count() == 1
