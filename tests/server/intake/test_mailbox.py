# SPDX-License-Identifier: Apache-2.0
"""The mailbox: eight words open it, nothing else tells of it, and it knows of no account."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.conftest import PASSWORD
from tests.factories import intake
from tests.factories.clock import Clock
from tests.factories.intake import OwnMailbox
from tests.server.factories import make_party, viewer

from safeconduct.crypto.codenames import Codename
from safeconduct.domain.parties import Role
from safeconduct.errors import UnavailableError
from safeconduct.ledger.receipt import parse_receipt, verify_opening, verify_receipt
from safeconduct.server.audit import ledger, vault
from safeconduct.server.intake import mailboxes, queries, services, tasks, visits
from safeconduct.server.intake.models import MailboxVisit, Report, ReportStatus
from safeconduct.server.parties.models import WebSession

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
DOOR, ROOM = "/mailbox/", "/mailbox/room/"


@pytest.fixture
def own(now: datetime, clock: Clock) -> OwnMailbox:
    return intake.own_mailbox(now)


@pytest.fixture
def inside(client: Client, own: OwnMailbox) -> Client:
    assert client.post(DOOR, {"words": own.words}).headers["Location"] == ROOM
    return client


def other_words() -> str:
    return Codename.new(lambda length: b"\x07" * length).reveal()


def test_eight_words_open_the_mailbox(client: Client, own: OwnMailbox) -> None:
    answer = client.post(DOOR, {"words": f"  {own.words.upper().replace(' ', ' - ')} "}, follow=True)

    assert answer.redirect_chain == [(ROOM, 302)]
    assert own.row.pk in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_wrong_unknown_and_gone_words_get_one_answer(client: Client, own: OwnMailbox) -> None:
    gone = intake.own_mailbox(own.row.received_at)
    vault.shred(gone.row.pk)

    answers = [client.post(DOOR, {"words": words}) for words in (other_words(), gone.words)]

    for answer in answers:
        assert answer.status_code == 404
        assert "no such mailbox" in answer.content.decode().lower()
    strip = [answer.content.split(b"csrfmiddlewaretoken")[1][80:] for answer in answers]
    assert strip[0] == strip[1]
    assert len(answers[0].content) == len(answers[1].content)


def test_a_typing_error_is_explained_by_its_place_and_never_shown_again(client: Client, own: OwnMailbox) -> None:
    words = own.words.split()
    words[2] = "qqqqq"

    answer = client.post(DOOR, {"words": " ".join(words)})

    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Word 3 is not one of the words" in page
    assert "qqqqq" not in page
    assert words[0] not in page.split("<main")[1]


def test_exchanged_words_are_noticed(client: Client, own: OwnMailbox) -> None:
    first, second, *rest = own.words.split()

    answer = client.post(DOOR, {"words": " ".join((second, first, *rest))})

    assert answer.status_code == 400
    assert "do not belong together" in answer.content.decode()


@pytest.mark.parametrize("words", ["", " ", "x" * 5000, "\x00", "\ud800".encode("utf-8", "surrogatepass"), "one two"])
def test_what_is_no_codename_is_told_so(client: Client, words: str | bytes) -> None:
    answer = client.post(DOOR, {"words": words})

    assert answer.status_code in {400, 413, 422}
    assert not MailboxVisit.objects.exists()


def test_the_room_is_closed_without_words(client: Client, own: OwnMailbox) -> None:
    for path in (ROOM, "/mailbox/answer/", "/mailbox/files/", "/mailbox/withdraw/", "/mailbox/appeal/"):
        assert client.get(path).headers["Location"] == DOOR
    client.cookies["mailbox"] = "forged"
    assert client.get(ROOM).headers["Location"] == DOOR
    assert client.get("/mailbox/papers/opening.json").status_code == 404


def test_leaving_ends_it_for_good(inside: Client) -> None:
    cookie = inside.cookies["mailbox"].value

    inside.post("/mailbox/leave/")

    assert not MailboxVisit.objects.exists()
    inside.cookies["mailbox"] = cookie
    assert inside.get(ROOM).headers["Location"] == DOOR


def test_a_visit_ends_by_itself_and_tells_no_minute(inside: Client, clock: Clock, now: datetime) -> None:
    visit = MailboxVisit.objects.get()
    assert visit.ends_at == now + timedelta(hours=2)

    clock.pass_by(hours=2)

    assert inside.get(ROOM).headers["Location"] == DOOR
    assert tasks.tidy(clock.now) == 1
    assert not MailboxVisit.objects.exists()


def test_the_database_keeps_no_key_to_a_visit(inside: Client) -> None:
    visit = MailboxVisit.objects.get()

    assert inside.cookies["mailbox"].value.encode() not in bytes(visit.key)
    assert inside.cookies["mailbox"]["httponly"]
    assert not inside.cookies["mailbox"]["max-age"]


def test_an_account_and_a_mailbox_know_nothing_of_each_other(client: Client, own: OwnMailbox) -> None:
    make_party(Role.VENDOR, handle="ada")
    client.post("/account/sign-in/", {"login": "ada", "password": PASSWORD})
    before = {(row.pk, row.session_data) for row in WebSession.objects.all()}

    client.post(DOOR, {"words": own.words})
    client.get(ROOM)

    assert before
    assert {(row.pk, row.session_data) for row in WebSession.objects.all()} == before
    assert {field.name for field in MailboxVisit._meta.get_fields()} == {"key", "lookup", "ends_at"}


def test_questions_are_read_and_answered(inside: Client, own: OwnMailbox, now: datetime) -> None:
    services.ask_reporter(row=own.row, text="Which <version>?", by=viewer(Role.COORDINATOR), now=now)
    services.set_status(row=own.row, status=ReportStatus.WAITING, by=viewer(Role.COORDINATOR), now=now)

    page = inside.get(ROOM).content.decode()
    assert "Which &lt;version&gt;?" in page
    assert "We have asked you something" in page
    assert inside.post("/mailbox/answer/", {"text": "The hosted one."}).headers["Location"] == ROOM

    own.row.refresh_from_db()
    assert own.row.status == ReportStatus.IN_TRIAGE
    assert queries.unread_by_reporter(own.row) == 0
    assert [message.text for message in queries.messages_of(own.row)] == ["Which <version>?", "The hosted one."]
    assert "The hosted one." in inside.get(ROOM).content.decode()


def test_an_empty_answer_is_asked_again(inside: Client) -> None:
    answer = inside.post("/mailbox/answer/", {"text": "  "})

    assert answer.status_code == 422
    assert "Please look again" in answer.content.decode()


def test_a_message_that_finds_the_mailbox_closed_is_not_lost(inside: Client, clock: Clock, own: OwnMailbox) -> None:
    clock.pass_by(hours=3)

    answer = inside.post("/mailbox/answer/", {"text": "A long <answer>."})

    assert answer.status_code == 409
    assert "A long &lt;answer&gt;." in answer.content.decode()
    assert queries.messages_of(own.row) == []


def test_files_may_come_later(inside: Client, own: OwnMailbox) -> None:
    assert inside.get("/mailbox/files/").status_code == 200

    inside.post(
        "/mailbox/files/", {"bundle": SimpleUploadedFile("t.zip", b"PK"), "attachments": SimpleUploadedFile("a", b"1")}
    )

    own.row.refresh_from_db()
    assert own.row.has_bundle
    assert {file.name for file in queries.files_of(own.row)} == {"t.zip", "a"}
    assert queries.bundle_of(own.row) == b"PK"
    assert 'name="bundle"' not in inside.get("/mailbox/files/").content.decode()
    assert "t.zip" in inside.get(ROOM).content.decode()


def test_a_second_bundle_is_refused_and_not_kept(inside: Client, own: OwnMailbox, own_home: Path) -> None:
    inside.post("/mailbox/files/", {"bundle": SimpleUploadedFile("t.zip", b"PK")})

    answer = inside.post("/mailbox/files/", {"bundle": SimpleUploadedFile("u.zip", b"PK2")})

    assert answer.status_code == 409
    assert len([path for path in (own_home / "sealed").rglob("*") if path.is_file()]) == 1


def test_no_file_is_told_so(inside: Client) -> None:
    assert inside.post("/mailbox/files/", {}).status_code == 422


def test_files_of_another_site_are_refused(own: OwnMailbox, own_home: Path) -> None:
    strict = Client(enforce_csrf_checks=True)
    secret = visits.begin(row=own.row, now=own.row.received_at)
    strict.cookies["mailbox"] = secret

    answer = strict.post("/mailbox/files/", {"attachments": SimpleUploadedFile("a", b"1")})

    assert answer.status_code == 403
    assert [path for path in (own_home / "sealed").rglob("*") if path.is_file()] == []


def test_a_report_is_taken_back_after_saying_so_twice(inside: Client, own: OwnMailbox) -> None:
    assert inside.post("/mailbox/withdraw/", {"reason": "A mistake."}).status_code == 422
    assert Report.objects.get(pk=own.row.pk).status == ReportStatus.RECEIVED

    inside.post("/mailbox/withdraw/", {"reason": "A mistake.", "sure": "on"})

    assert Report.objects.get(pk=own.row.pk).status == ReportStatus.WITHDRAWN
    page = inside.get(ROOM).content.decode()
    assert "You took this report back." in page
    assert 'action="/mailbox/answer/"' not in page
    assert inside.post("/mailbox/withdraw/", {"sure": "on"}).status_code == 409
    assert inside.post("/mailbox/answer/", {"text": "Still there?"}).status_code == 409


def test_the_receipt_comes_after_the_beat_and_holds_with_the_opening(
    inside: Client, own: OwnMailbox, now: datetime
) -> None:
    assert inside.get("/mailbox/papers/receipt.tlog-proof").status_code == 409
    assert "Your receipt comes with the next beat" in inside.get(ROOM).content.decode()

    ledger.beat(now=now)

    receipt = parse_receipt(inside.get("/mailbox/papers/receipt.tlog-proof").content)
    opening = queries.opening_of(own.row)
    verify_opening(verify_receipt(receipt, ledger.log().key), opening)
    assert inside.get("/mailbox/papers/opening.json").content == opening.to_json()
    assert inside.get("/mailbox/papers/accept.note").content.decode() == own.row.acceptance_note
    assert inside.get("/mailbox/papers/log.vkey").content.decode().strip() == ledger.log_key()
    assert inside.get("/mailbox/papers/django.key").status_code == 404
    assert "receipt.tlog-proof</a>" in inside.get(ROOM).content.decode()


def test_papers_need_words_or_an_open_mailbox(client: Client, own: OwnMailbox) -> None:
    assert client.get("/mailbox/papers/opening.json").status_code == 404
    assert client.post("/mailbox/papers/opening.json", {"words": other_words()}).status_code == 404
    assert client.post("/mailbox/papers/opening.json", {"words": "nonsense"}).status_code == 400


def test_few_derive_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "WAIT_SECONDS", 0.01)
    with mailboxes._turns, mailboxes._turns, pytest.raises(UnavailableError):
        mailboxes.keys_of(Codename.read(other_words()))
