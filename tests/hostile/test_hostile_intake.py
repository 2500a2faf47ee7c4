# SPDX-License-Identifier: Apache-2.0
"""Bad input at the reporter's doors: one clear error, nothing kept, nothing of it told again."""

import json
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.factories import intake
from tests.factories.clock import Clock
from tests.server.api.caller import Caller, Finder
from tests.server.intake.browser import STAGES, Browser

from safeconduct.server.audit import inserting
from safeconduct.server.intake import storage
from safeconduct.server.intake.models import Attachment, MailboxMessage, Report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
SECRET = "canary-secret"
TWO_MIB = 2 * 2**20


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def finder(caller: Caller) -> Finder:
    return Finder(caller)


def kept(home: Path) -> list[str]:
    return [path.name for path in (home / "sealed").rglob("*") if path.is_file()]


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert SECRET not in answer.content.decode()
    assert not Report.objects.exists()
    return answer.json()["error"]


def whole(finder: Finder, **changes: Any) -> dict[str, Any]:
    body = finder.body()
    return body | {"report": body["report"] | changes}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b'{"report": {"title": "canary-secret', 400, "malformed"),
        (b"[]", 400, "malformed"),
        (b'"canary-secret"', 400, "malformed"),
        (b"null", 400, "malformed"),
        ('{"report": "ü"}'.encode("utf-16"), 400, "malformed"),
        ('{"report": "canary-secret ü"}'.encode("latin-1"), 400, "malformed"),
        (b"\xef\xbb\xbf{}", 400, "malformed"),
        (b'{"report": {}, "report": {}}', 400, "malformed"),
        (b'{"report": {"a": 1, "a": 2}, "mailbox": {}}', 400, "malformed"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, 413, "too_large"),
        (b"[" * 100_000, 413, "too_large"),
        (b'{"report": NaN}', 400, "malformed"),
        (b'{"report": 1e999}', 400, "malformed"),
        (b'{"report": "\\ud800"}', 400, "malformed"),
        (b'{"report": "' + b"x" * TWO_MIB + b'"}', 413, "too_large"),
        (b'{"report": {}} trailing', 400, "malformed"),
    ],
)
def test_a_body_that_is_no_strict_json_is_refused(caller: Caller, body: bytes, status: int, code: str) -> None:
    refused(caller.post("/reports", body), status, code)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"real_world_harm": "canary-secret-yes"}, 400, "unknown_value"),
        ({"restricted_material": "CSAM"}, 400, "unknown_value"),
        ({"titel": "canary-secret"}, 400, "malformed"),
        ({"seen_at": "2026-11-20T09:30:00"}, 400, "malformed"),
        ({"title": "x" * 201}, 413, "too_large"),
        ({"description": "x" * 100_001}, 413, "too_large"),
        ({"affects": []}, 400, "malformed"),
        ({"affects": [{}] * 1001}, 413, "too_large"),
        ({"schema_version": "9.0.0"}, 400, "unknown_value"),
        ({"title": "a\x00b"}, 400, "malformed"),
    ],
)
def test_a_report_that_is_none_is_refused_with_the_place(
    caller: Caller, finder: Finder, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = caller.post("/reports", whole(finder, **changes))

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert f"/{next(iter(changes))}" in answer.content.decode()
    assert not Report.objects.exists()


def test_missing_answers_are_named(caller: Caller, finder: Finder) -> None:
    body = finder.body()
    absent = body | {"report": {name: body["report"][name] for name in ("title", "description")}}

    error = refused(caller.post("/reports", absent), 422, "incomplete")
    empty = refused(caller.post("/reports", whole(finder, steps="", title=" ")), 422, "incomplete")

    assert {"real_world_harm", "seen_at", "affects"} <= {name.strip("/") for name in error["facts"]["missing"]}
    assert set(empty["facts"]["missing"]) == {"title", "steps"}
    assert len(empty["facts"]["questions"]) == 2


@pytest.mark.parametrize(
    ("mailbox", "place"),
    [
        ({"lookup_sha256": "canary-secret", "auth_sha256": "0" * 64}, "lookup_sha256"),
        ({"lookup_sha256": "0" * 64}, "auth_sha256"),
        ({"lookup_sha256": "0" * 63 + "G", "auth_sha256": "0" * 64}, "lookup_sha256"),
        ({"lookup_sha256": "0" * 64 + "\n", "auth_sha256": "0" * 64}, "lookup_sha256"),
        ({"lookup_sha256": "0" * 64, "auth_sha256": "0" * 64, "recipient": "canary-secret"}, "recipient"),
        ({"lookup_sha256": "0" * 64, "auth_sha256": "0" * 64, "words": "canary-secret"}, "words"),
        ("canary-secret", "mailbox"),
        (None, "mailbox"),
    ],
)
def test_a_mailbox_that_is_none_is_refused(caller: Caller, finder: Finder, mailbox: Any, place: str) -> None:
    error = refused(caller.post("/reports", finder.body() | {"mailbox": mailbox}), 400, "malformed")

    assert any(place in at for at in error["facts"]["at"])


def test_unknown_members_are_refused(caller: Caller, finder: Finder) -> None:
    error = refused(caller.post("/reports", finder.body(name=SECRET)), 400, "malformed")

    assert any(at.endswith("name") for at in error["facts"]["at"])


def test_an_overlong_request_name_is_refused(caller: Caller, finder: Finder) -> None:
    refused(caller.post("/reports", finder.body(), **{"Idempotency-Key": "x" * 201}), 400, "malformed")
    form = {"request": json.dumps(finder.body())}
    refused(caller.form("/reports/with-files", form, **{"Idempotency-Key": "x" * 201}), 400, "malformed")


@pytest.mark.parametrize("request_field", ["", "canary-secret", "[]", "{}", '{"a":1,"a":2}', "\x00", "[" * 5000])
def test_a_form_without_a_report_is_refused_and_its_files_are_not_kept(
    caller: Caller, own_home: Path, request_field: str
) -> None:
    files = {"request": request_field, "attachments": SimpleUploadedFile("a.txt", b"text")}

    answer = caller.form("/reports/with-files", files)

    assert answer.status_code in {400, 413}
    assert SECRET not in answer.content.decode()
    assert kept(own_home) == []


def test_a_report_that_is_refused_leaves_no_file(caller: Caller, finder: Finder, own_home: Path) -> None:
    form = {"request": json.dumps(whole(finder, title="")), "attachments": SimpleUploadedFile("a.txt", b"text")}

    refused(caller.form("/reports/with-files", form), 422, "incomplete")

    assert kept(own_home) == []


def test_files_of_material_that_may_not_be_kept_are_refused(caller: Caller, finder: Finder, own_home: Path) -> None:
    told = whole(finder, restricted_material="csam", steps="")
    form = {"request": json.dumps(told), "attachments": SimpleUploadedFile("a.png", b"material")}

    error = refused(caller.form("/reports/with-files", form), 403, "not_permitted")

    assert "NCMEC" in error["hint"]
    assert kept(own_home) == []
    refused(caller.post("/reports", whole(finder, restricted_material="csam")), 422, "incomplete")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
        (b"anything", "multipart/form-data; boundary=" + "x" * 3000),
        (b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\ncut", "multipart/form-data; boundary=x"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--",
            "multipart/form-data; boundary=x",
        ),
        (b"request={}", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", ""),
    ],
)
def test_a_form_that_is_broken_is_refused(caller: Caller, own_home: Path, body: bytes, kind: str) -> None:
    answer = caller.client.post("/api/v1/reports/with-files", body, content_type=kind)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "malformed"
    assert kept(own_home) == []


def test_two_bundles_or_too_many_files_are_refused(caller: Caller, finder: Finder, own_home: Path) -> None:
    two = {"bundle": [SimpleUploadedFile("a.zip", b"PK"), SimpleUploadedFile("b.zip", b"PK")]}
    many = {"attachments": [SimpleUploadedFile(f"{number}", b"x") for number in range(21)]}

    request = {"request": json.dumps(finder.body())}
    assert caller.form("/reports/with-files", request | two).status_code == 409
    assert caller.form("/reports/with-files", request | many).status_code == 413
    assert kept(own_home) == []
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x00b", "x" * 5000, "..", "<script>.txt", "a\r\nb: c", "\u202etxt.exe", "CON"]
)
def test_a_hostile_file_name_is_only_a_name(caller: Caller, finder: Finder, own_home: Path, name: str) -> None:
    file = SimpleUploadedFile("x", b"content")
    file._name = name

    answer = caller.form("/reports/with-files", {"request": json.dumps(finder.body()), "attachments": file})

    assert answer.status_code in {201, 400}
    assert all(len(found) == 40 and set(found) <= set("0123456789abcdef") for found in kept(own_home))


def test_an_announced_flood_is_refused_before_it_is_read(client: Client, own_home: Path) -> None:
    class Untouchable(BytesIO):
        def read(self, *_: Any) -> bytes:
            pytest.fail("the body was read")

    length = str(21 * configured.SAFECONDUCT.upload_bytes)
    for path in ("/report/", "/api/v1/reports/with-files"):
        answer = client.generic(
            "POST",
            path,
            b"x",
            content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH=length,
            **{"wsgi.input": Untouchable()},
        )
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"go=next&" + b"f=1&" * 3000,
        b"description=" + b"x" * TWO_MIB + b"&go=next",
        b"go=next&stage=1&name=%ff%fe&token=%00",
    ],
)
def test_an_oversized_or_garbled_form_page_is_answered(client: Client, body: bytes) -> None:
    answer = client.post("/report/", body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code in {413, 422}
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "99"},
        {"stage": "-1"},
        {"stage": "x"},
        {"go": "7"},
        {"go": "\x00"},
        {"go": ""},
        {"token": "x" * 10_000},
        {"restricted_material": "<script>"},
        {"restricted_material": "csam\x00"},
    ],
)
def test_a_tampered_form_page_is_answered(client: Client, changes: dict[str, str]) -> None:
    browser = Browser(client)

    answer = client.post("/report/", browser.fields | STAGES[1] | {"go": "next"} | changes)

    assert answer.status_code in {200, 409, 422}
    assert "<script>" not in answer.content.decode()
    assert not Report.objects.exists()


@given(
    typed=st.dictionaries(
        st.sampled_from(
            [name for stage in STAGES.values() for name in stage] + ["token", "stage", "go", "seen_time", "purl"]
        ),
        st.text(max_size=40),
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_is_answered(typed: dict[str, str]) -> None:
    fields = {name: value for stage in STAGES.values() for name, value in stage.items()} | {"stage": "4", "go": "send"}

    answer = Client().post("/report/", fields | typed)

    assert answer.status_code in {200, 409, 413, 422, 429}


def test_markup_in_answers_is_shown_as_text(client: Client, clock: Clock) -> None:
    browser = Browser(client)
    browser.to_the_end(name="<script>alert(1)</script>", vendor='"><img src=x onerror=alert(1)>')

    assert "<script>" not in browser.page
    assert "<img" not in browser.page
    clock.pass_by(minutes=1)
    assert "<script>" not in browser.press("send").content.decode()


@pytest.mark.parametrize("lookup", ["", "canary-secret", "0" * 63, "0" * 65, "G" * 64, None, 7, ["0" * 64]])
def test_a_key_that_is_none_opens_nothing(caller: Caller, lookup: Any) -> None:
    for path in ("/mailbox", "/mailbox/receipt"):
        answer = caller.post(path, {"lookup": lookup})
        assert answer.status_code == 400
        assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("text", ["", "   ", "x" * 50_001, None, 3, "a\x00b"])
def test_a_message_that_is_none_is_refused(caller: Caller, finder: Finder, text: Any) -> None:
    finder.report()

    answer = caller.post("/mailbox/messages", {"lookup": finder.lookup, "text": text})

    assert answer.status_code in {201, 400, 413, 422}
    assert (answer.status_code == 201) == (text == "a\x00b")
    assert MailboxMessage.objects.count() == (text == "a\x00b")


@pytest.fixture(params=["event", "commitment", "file"])
def full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the disk be full at one of the places where a report needs it."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def full_at(row: object, fields: inserting.Fields) -> list[object]:
        if type(row).__name__.lower() == request.param:
            raise OperationalError("disk is full")
        return values(row, fields)

    values = inserting._values
    if request.param == "file":
        monkeypatch.setattr(storage.os, "fsync", full)
    else:
        monkeypatch.setattr(inserting, "_values", full_at)
    return request.param


def test_a_full_disk_is_told_and_leaves_nothing(caller: Caller, full_disk: str, own_home: Path) -> None:
    finder = Finder(caller)
    form = {"request": json.dumps(finder.body()), "attachments": SimpleUploadedFile("a.txt", b"text")}

    answer = caller.form("/reports/with-files", form)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert kept(own_home) == []
    assert not Report.objects.exists()
    assert not Attachment.objects.exists()


def test_a_full_disk_at_the_form_keeps_every_word(client: Client, clock: Clock, full_disk: str, own_home: Path) -> None:
    browser = Browser(client).to_the_end()
    clock.pass_by(minutes=1)

    answer = browser.press("send", attachments=SimpleUploadedFile("a.txt", b"text"))

    assert answer.status_code == 503
    assert browser.fields["name"] == STAGES[1]["name"]
    assert kept(own_home) == []


def test_a_mailbox_cannot_be_flooded(caller: Caller, finder: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.server.intake.services.MESSAGES_LIMIT", 2)
    finder.report()

    said = [caller.post("/mailbox/messages", {"lookup": finder.lookup, "text": "x"}).status_code for _ in range(3)]

    assert said == [201, 201, 413]


def test_a_report_cannot_gather_files_without_end(client: Client, clock: Clock, own_home: Path) -> None:
    own = intake.own_mailbox(clock.now)
    client.post("/mailbox/", {"words": own.words})

    said = [
        client.post(
            "/mailbox/files/", {"attachments": [SimpleUploadedFile(secrets.token_hex(4), b"x") for _ in range(20)]}
        )
        for _ in range(3)
    ]

    assert [answer.status_code for answer in said] == [302, 302, 413]
    assert len(kept(own_home)) == 40
