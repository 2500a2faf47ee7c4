# SPDX-License-Identifier: Apache-2.0
"""The log of an instance: what acts commit to is published at the next beat and proven by a receipt."""

import secrets
from datetime import datetime

import pytest
from django.db import DatabaseError, transaction

from safeconduct.errors import ConflictError
from safeconduct.ledger.entry import EntryKind
from safeconduct.ledger.receipt import verify_receipt
from safeconduct.ledger.store import NewLeaf
from safeconduct.server.audit import ledger
from safeconduct.server.audit.models import Leaf
from safeconduct.server.audit.writes import atomic_write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def test_a_commitment_has_a_receipt_after_the_next_beat(now: datetime) -> None:
    value = secrets.token_bytes(32)
    ledger.commit(kind=EntryKind.RECEIPT, value=value, now=now)
    before = ledger.receipt_of(value)

    ledger.beat(now=now)

    receipt = ledger.receipt_of(value)
    assert before is None
    assert receipt is not None
    assert verify_receipt(receipt, ledger.log().key).entry.commitment == value


def test_every_beat_appends_the_same_number_of_entries(now: datetime) -> None:
    ledger.beat(now=now)
    ledger.commit(kind=EntryKind.RECEIPT, value=secrets.token_bytes(32), now=now)

    beat = ledger.beat(now=now)

    assert beat.appended == ledger.beat(now=now).appended
    assert Leaf.objects.count() == 3 * beat.appended


def test_an_act_that_fails_leaves_no_commitment(now: datetime) -> None:
    @atomic_write
    def act() -> None:
        ledger.commit(kind=EntryKind.RECEIPT, value=secrets.token_bytes(32), now=now)
        raise ConflictError("the act failed")

    with pytest.raises(ConflictError):
        act()

    assert ledger.beat(now=now).published == 0


def test_the_entries_cannot_be_changed(now: datetime) -> None:
    ledger.beat(now=now)

    with pytest.raises(DatabaseError), transaction.atomic():
        Leaf.objects.filter(index=0).update(entry=b"forged")


def test_a_store_that_grew_in_between_refuses(now: datetime) -> None:
    ledger.beat(now=now)

    with pytest.raises(ConflictError):
        ledger.DatabaseStore().append([NewLeaf(entry=b"late")], at=0)
