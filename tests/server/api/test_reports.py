# SPDX-License-Identifier: Apache-2.0
"""Reports through the programming interface: received once, with or without files, followed by keys of the client."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.factories import records
from tests.server.api.caller import Caller, Finder
from tests.server.factories import viewer

from safeconduct.crypto.signing import VerifyKey
from safeconduct.domain.parties import Role
from safeconduct.domain.safe_json import canonical_json
from safeconduct.ledger.acceptance import open_acceptance
from safeconduct.ledger.commitment import Opening
from safeconduct.ledger.receipt import parse_receipt, verify_opening, verify_receipt
from safeconduct.server.audit import ledger
from safeconduct.server.intake import queries, services
from safeconduct.server.intake.models import Door, Report, ReportStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def finder(caller: Caller) -> Finder:
    return Finder(caller)


def test_the_service_tells_what_a_client_needs(caller: Caller) -> None:
    told = caller.get("/service").json()

    assert len(bytes.fromhex(told["mailbox_salt"])) == 32
    assert VerifyKey.parse(told["log_key"]).name == ledger.log().key.name
    assert told["upload_bytes"] == 100 * 2**20


def test_a_report_is_received_promised_and_opened(caller: Caller, finder: Finder) -> None:
    answer = finder.report()

    told = answer.json()
    assert answer.status_code == 201
    assert told["is_new"]
    opening = Opening.from_json(canonical_json(told["opening"]))
    key = VerifyKey.parse(caller.get("/service").json()["acceptance_key"])
    assert open_acceptance(told["acceptance_note"].encode(), key).commitment == opening.commitment()
    row = Report.objects.get()
    assert queries.report_for(viewer(Role.COORDINATOR), row.pk).told == records.report()
    assert (row.door, row.reply_recipient) == (Door.API, finder.keys.age_recipient)


def test_the_command_line_is_a_door_of_its_own(caller: Caller, finder: Finder) -> None:
    caller.post("/reports", finder.body(door="cli"))

    assert Report.objects.get().door == Door.CLI
    assert caller.post("/reports", finder.body(door="form")).status_code == 400


def test_the_same_key_receives_once(finder: Finder) -> None:
    first = finder.report(**{"Idempotency-Key": "once"})
    second = finder.report(**{"Idempotency-Key": "once"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["opening"] == first.json()["opening"]
    assert second.json()["acceptance_note"] == first.json()["acceptance_note"]
    assert not second.json()["is_new"]
    assert Report.objects.count() == 1


def test_the_same_key_for_another_report_is_a_conflict(caller: Caller, finder: Finder) -> None:
    finder.report(**{"Idempotency-Key": "once"})

    other = finder.report(records.report(title="Another one"), **{"Idempotency-Key": "once"})
    foreign = Finder(caller).report(**{"Idempotency-Key": "once"})

    assert {other.status_code, foreign.status_code} == {409}
    assert Report.objects.count() == 1


def test_a_mailbox_holds_one_report(finder: Finder) -> None:
    finder.report()

    assert finder.report().json()["error"]["code"] == "conflict"


def test_a_report_comes_with_files(caller: Caller, finder: Finder) -> None:
    fields = {
        "request": json.dumps(finder.body()),
        "bundle": SimpleUploadedFile("t.zip", b"PK"),
        "attachments": [SimpleUploadedFile("a.txt", b"a" * 70_000), SimpleUploadedFile("b.txt", b"b")],
    }

    answer = caller.form("/reports/with-files", fields)

    row = Report.objects.get()
    assert answer.status_code == 201
    assert [(file.name, file.size) for file in sorted(queries.files_of(row), key=lambda file: file.name)] == [
        ("a.txt", 70_000),
        ("b.txt", 1),
        ("t.zip", 2),
    ]
    assert queries.bundle_of(row) == b"PK"
    assert {name for name in Opening.from_json(canonical_json(answer.json()["opening"])).shown() if ":" in name} == {
        "attachment:1",
        "attachment:2",
        "attachment:3",
    }


def test_files_sent_twice_are_kept_once(caller: Caller, finder: Finder, own_home: Path) -> None:
    def send() -> int:
        fields = {"request": json.dumps(finder.body()), "attachments": SimpleUploadedFile("a.txt", b"a")}
        return caller.form("/reports/with-files", fields, **{"Idempotency-Key": "once"}).status_code

    assert [send(), send()] == [201, 200]
    assert len([path for path in (own_home / "sealed").rglob("*") if path.is_file()]) == 1


def test_the_mailbox_shows_status_and_messages(caller: Caller, finder: Finder, now: datetime) -> None:
    finder.report()
    row = Report.objects.get()
    services.ask_reporter(row=row, text="Which version?", by=viewer(Role.COORDINATOR), now=now)
    services.set_status(row=row, status=ReportStatus.WAITING, by=viewer(Role.COORDINATOR), now=now)

    told = caller.post("/mailbox", {"lookup": finder.lookup}).json()
    after = caller.post("/mailbox/messages", {"lookup": finder.lookup, "text": "The hosted one."})

    assert (told["status"], told["status_words"]) == ("waiting", "waiting for the reporter")
    assert [(item["direction"], item["kind"], item["text"]) for item in told["messages"]] == [
        ("to_reporter", "question", "Which version?")
    ]
    assert after.status_code == 201
    assert after.json()["status"] == "in_triage"
    assert [item["text"] for item in after.json()["messages"]] == ["Which version?", "The hosted one."]
    assert queries.unread_by_reporter(row) == 0


def test_a_wrong_key_opens_nothing(caller: Caller, finder: Finder) -> None:
    finder.report()

    for path, more in (("", {}), ("/messages", {"text": "x"}), ("/receipt", {}), ("/withdraw", {"auth": "0" * 64})):
        answer = caller.post(f"/mailbox{path}", {"lookup": "0" * 64, **more})
        assert answer.status_code == 404
        assert "0" * 64 not in answer.content.decode()


def test_the_receipt_comes_after_the_beat(caller: Caller, finder: Finder, now: datetime) -> None:
    opening = Opening.from_json(canonical_json(finder.report().json()["opening"]))
    assert caller.post("/mailbox/receipt", {"lookup": finder.lookup}).status_code == 409

    ledger.beat(now=now)

    told = caller.post("/mailbox/receipt", {"lookup": finder.lookup}).json()
    proven = verify_receipt(parse_receipt(told["receipt"].encode()), VerifyKey.parse(told["log_key"]))
    verify_opening(proven, opening)
    assert caller.post("/mailbox", {"lookup": finder.lookup}).json()["has_receipt"]


def test_only_the_owner_takes_a_report_back(caller: Caller, finder: Finder) -> None:
    finder.report()

    refused = caller.post("/mailbox/withdraw", {"lookup": finder.lookup, "auth": "0" * 64})
    done = caller.post("/mailbox/withdraw", {"lookup": finder.lookup, "auth": finder.auth, "reason": "a mistake"})
    late = caller.post("/mailbox/messages", {"lookup": finder.lookup, "text": "x"})

    assert refused.status_code == 404
    assert done.json()["status"] == "withdrawn"
    assert late.status_code == 409
