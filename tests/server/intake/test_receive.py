# SPDX-License-Identifier: Apache-2.0
"""Receiving: sealed, committed, acknowledged by a signature, and once."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.factories import intake, records
from tests.server.factories import viewer

from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    NotFoundError,
    NotPermittedError,
    SealError,
    TooLargeError,
)
from safeconduct.ledger.acceptance import open_acceptance
from safeconduct.ledger.receipt import verify_opening, verify_receipt
from safeconduct.server.audit import ledger, vault
from safeconduct.server.audit.models import Event
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.intake import queries, services
from safeconduct.server.intake.models import MessageKind, Report, ReportStatus
from safeconduct.server.intake.storage import SealedFile
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def stored(key: DataKey, content: bytes, *, is_bundle: bool = False, limit: int = 1 << 20):
    file = SealedFile(key=key, name="proof.bin", media_type="text/plain", limit=limit, is_bundle=is_bundle)
    for start in range(0, len(content), 1000):
        file.write(content[start : start + 1000])
    return file.finish()


def test_a_report_comes_back_as_it_was_told(now: datetime) -> None:
    row = intake.received(now).row

    assert queries.report_for(viewer(Role.COORDINATOR), row.pk).told == records.report()


def test_only_those_who_coordinate_see_reports(now: datetime) -> None:
    row = intake.received(now).row

    with pytest.raises(NotFoundError):
        queries.report_for(viewer(Role.VENDOR), row.pk)


def test_nothing_told_stands_in_the_database_or_on_the_disk_in_clear(now: datetime, own_home: Path) -> None:
    key = DataKey.generate(secrets.token_bytes)
    marker = "xylophone-canary"
    told = records.report(title=marker, description=marker, steps=marker)

    row = intake.received(now, told=told, key=key, files=[stored(key, marker.encode() * 3000)]).row
    services.answer(row=row, text=marker, now=now)

    values = [value for entry in Report.objects.values() for value in entry.values()]
    assert not any(marker.encode() in bytes(value) for value in values if isinstance(value, bytes | memoryview))
    assert not any(marker in str(value) for value in values)
    assert not any(marker.encode() in path.read_bytes() for path in own_home.rglob("*") if path.is_file())


def test_the_hour_is_all_that_is_kept_of_the_time(now: datetime) -> None:
    row = intake.received(now + timedelta(minutes=44, seconds=3)).row

    assert row.received_at == now


def test_files_that_may_not_be_stored_do_not_come_later_either(now: datetime) -> None:
    told = records.report(restricted_material=RestrictedMaterial.CSAM, steps="")
    row = intake.received(now, told=told).row
    key = vault.key_of(row.pk)

    with pytest.raises(NotPermittedError):
        services.attach(row=row, files=[stored(key, b"material")], now=now)

    assert not row.attachments.exists()


def test_the_rules_do_not_tell_the_second_in_which_a_report_came(now: datetime) -> None:
    at = now + timedelta(minutes=44, seconds=3)

    assessment = triage.assess(row=intake.received(at).row, now=at)

    (event,) = Event.objects.filter(tag=EventTag.ASSESSMENT_MADE)
    assert {assessment.made_at, assessment.changed_at, event.at} == {now}


def test_a_full_mailbox_asks_for_its_key_once(now: datetime, django_assert_num_queries) -> None:
    row = intake.received(now).row
    for number in range(5):
        services.answer(row=row, text=f"answer {number}", now=now)

    with django_assert_num_queries(2):
        assert len(queries.messages_of(row)) == 5


def test_the_acceptance_note_promises_the_commitment(now: datetime) -> None:
    received = intake.received(now)

    promise = open_acceptance(received.acceptance_note.encode(), key_ring().acceptance.verifier)

    assert promise.commitment == received.opening.commitment()
    assert promise.by > now


def test_the_receipt_and_the_opening_prove_the_report(now: datetime) -> None:
    received = intake.received(now)
    before = queries.receipt_of(received.row)

    ledger.beat(now=now)

    receipt = queries.receipt_of(received.row)
    assert before is None
    assert receipt is not None
    verify_opening(verify_receipt(receipt, ledger.log().key), received.opening)


def test_the_same_request_makes_one_report(now: datetime) -> None:
    mailbox = intake.address()
    first = intake.received(now, mailbox=mailbox, idempotency="once")

    second = intake.received(now, mailbox=mailbox, idempotency="once")

    assert (first.is_new, second.is_new) == (True, False)
    assert second.row == first.row
    assert second.opening == first.opening
    assert Report.objects.count() == 1


def test_a_request_name_is_not_another_reporter_s(now: datetime) -> None:
    intake.received(now, idempotency="mine")

    with pytest.raises(ConflictError):
        intake.received(now, idempotency="mine")


def test_a_mailbox_holds_one_report(now: datetime) -> None:
    mailbox = intake.address()
    intake.received(now, mailbox=mailbox)

    with pytest.raises(ConflictError):
        intake.received(now, mailbox=mailbox)


def test_missing_answers_are_named_and_nothing_is_kept(now: datetime) -> None:
    with pytest.raises(IncompleteError) as caught:
        intake.received(now, told=records.report(title="", steps=""))

    assert caught.value.facts["questions"]
    assert not Report.objects.exists()


def test_steps_may_be_left_out_for_restricted_material(now: datetime) -> None:
    told = records.report(steps="", restricted_material=RestrictedMaterial.CBRN_DETAIL)

    assert intake.received(now, told=told).is_new


def test_files_come_back_as_they_were_sent(now: datetime) -> None:
    key = DataKey.generate(secrets.token_bytes)
    content = secrets.token_bytes(200_000)

    row = intake.received(now, key=key, files=[stored(key, content, is_bundle=True)]).row

    (file,) = queries.files_of(row)
    assert (file.name, file.size) == ("proof.bin", len(content))
    assert b"".join(queries.content_of(file.row)) == content
    assert queries.bundle_of(row) == content


def test_a_file_beyond_the_limit_is_refused_and_leaves_nothing(own_home: Path) -> None:
    key = DataKey.generate(secrets.token_bytes)
    file = SealedFile(key=key, name="big", media_type="", limit=1000)

    with pytest.raises(TooLargeError):
        file.write(b"x" * 1001)
    file.discard()

    assert [path for path in (own_home / "sealed").rglob("*") if path.is_file()] == []


def test_the_mailbox_carries_questions_and_answers(now: datetime) -> None:
    row = intake.received(now).row
    services.ask_reporter(row=row, text="Which version?", by=viewer(Role.COORDINATOR), now=now)

    services.answer(row=row, text="The hosted one.", now=now)

    assert [message.text for message in queries.messages_of(row)] == ["Which version?", "The hosted one."]
    assert queries.unread_by_reporter(row) == 1
    services.mark_read(row=row, now=now)
    assert queries.unread_by_reporter(row) == 0


def test_a_withdrawn_report_is_over(now: datetime) -> None:
    row = intake.received(now).row

    services.withdraw(row=row, reason="It was my mistake.", now=now)

    with pytest.raises(ConflictError):
        services.answer(row=row, text="Still there?", now=now, kind=MessageKind.NOTE)
    with pytest.raises(ConflictError):
        services.set_status(row=row, status=ReportStatus.ACCEPTED, by=viewer(Role.COORDINATOR), now=now)


def test_a_shredded_report_never_opens_again(now: datetime) -> None:
    row = intake.received(now).row

    vault.shred(row.pk)

    with pytest.raises(SealError):
        queries.opened(row)
