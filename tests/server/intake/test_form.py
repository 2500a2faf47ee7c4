# SPDX-License-Identifier: Apache-2.0
"""The report form without any script: four pages, nothing stored before the end, one report however often it is sent."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.factories.clock import Clock
from tests.server.factories import viewer
from tests.server.intake.browser import STAGES, Browser

from safeconduct.crypto.codenames import Codename
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Answer, DisclosureIntent, ReporterMode, RestrictedMaterial
from safeconduct.domain.systems import UNKNOWN
from safeconduct.errors import UnavailableError
from safeconduct.ledger.acceptance import open_acceptance
from safeconduct.ledger.commitment import Opening
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.intake import mailboxes, queries, services
from safeconduct.server.intake.models import Door, Report
from safeconduct.server.intake.staging import QUESTIONS
from safeconduct.server.intake.storage import SealedFile, StoredFile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def visitor(client: Client, clock: Clock) -> Browser:
    """Return a browser that has opened the form a minute ago."""
    opened = Browser(client)
    clock.pass_by(minutes=1)
    return opened


def words_in(page: str) -> str:
    found = re.search(r'<p class="secret"[^>]*>([a-z ]+)</p>', page)
    assert found is not None, page
    return found[1]


def told(row: Report) -> Any:
    return queries.report_for(viewer(Role.COORDINATOR), row.pk).told


def test_four_pages_lead_to_a_report(visitor: Browser) -> None:
    visitor.to_the_end()
    assert visitor.stage == 4
    assert not Report.objects.exists()

    answer = visitor.press("send")

    report = told(Report.objects.get())
    assert answer.status_code == 200
    assert (report.title, report.description) == ("The bot tells its password", "Ask for it backwards.\nIt answers.")
    assert report.steps == "1. Ask.\n2. Ask again."
    assert report.actual_behavior == "It said <b>xyzzy</b> & more."
    assert (report.real_world_harm, report.malicious_use_possible) == (Answer.NO, Answer.YES)
    assert report.disclosure.intent is DisclosureIntent.COORDINATED
    assert (report.affects[0].vendor, report.affects[0].hosted) == ("Orchid Bank", True)
    assert report.seen_at == report.affects[0].observed.since == datetime(2026, 11, 20, tzinfo=UTC)
    assert [(trials.n, trials.hits) for trials in report.evidence.trials] == [(40, 31)]
    assert report.reporter.mode is ReporterMode.ANONYMOUS


def test_the_words_of_the_answer_open_the_mailbox(visitor: Browser) -> None:
    page = visitor.to_the_end().press("send").content.decode()

    keys = mailboxes.keys_of(Codename.read(words_in(page)))

    assert queries.mailbox(keys.lookup_digest) == Report.objects.get()
    assert Report.objects.get().door == Door.FORM


def test_a_double_click_or_a_reload_makes_one_report_and_shows_the_same_answer(visitor: Browser, clock: Clock) -> None:
    fields = visitor.to_the_end().fields | {"go": "send"}
    first = visitor.client.post("/report/", fields).content.decode()
    clock.pass_by(hours=2)

    second = visitor.client.post("/report/", fields).content.decode()

    assert words_in(first) == words_in(second)
    assert Report.objects.count() == 1


def test_changed_answers_under_an_old_form_are_neither_lost_nor_taken_for_the_old_ones(
    visitor: Browser, clock: Clock
) -> None:
    fields = visitor.to_the_end().fields | {"go": "send"}
    first = words_in(visitor.client.post("/report/", fields).content.decode())

    visitor.answer = visitor.client.post("/report/", fields | {"name": "Something else"})
    assert visitor.answer.status_code == 409
    clock.pass_by(minutes=1)
    second = words_in(visitor.press("send").content.decode())

    assert first != second
    assert {told(row).title for row in Report.objects.all()} == {"The bot tells its password", "Something else"}


def test_going_back_keeps_every_answer(visitor: Browser) -> None:
    before = visitor.to_the_end().fields

    visitor.press("back")
    assert (visitor.stage, visitor.fields["intent"]) == (3, "coordinated")
    visitor.press("back")
    assert (visitor.stage, visitor.fields["steps"]) == (2, "1. Ask.\r\n2. Ask again.")
    visitor.press("1")
    assert (visitor.stage, visitor.fields["name"]) == (1, "The bot tells its password")
    for _ in range(3):
        visitor.press("next")

    # The token against forged forms is masked anew on each page.
    assert visitor.fields | {"csrfmiddlewaretoken": ""} == before | {"csrfmiddlewaretoken": ""}


def test_going_back_judges_nothing(visitor: Browser) -> None:
    visitor.press("next", **STAGES[1])

    answer = visitor.press("back", seen_on="nonsense")

    assert answer.status_code == 200
    visitor.press("next")
    assert 'value="nonsense"' in visitor.page


@pytest.mark.parametrize(
    ("stage", "wrong", "field"),
    [
        (1, {"name": ""}, "name"),
        (1, {"name": "x" * 201}, "name"),
        (1, {"description": "   "}, "description"),
        (1, {"real_world_harm": None}, "real_world_harm_0"),
        (1, {"malicious_use_possible": "perhaps"}, "malicious_use_possible_0"),
        (2, {"steps": ""}, "steps"),
        (2, {"seen_on": ""}, "seen_on"),
        (2, {"seen_on": "2026-02-30"}, "seen_on"),
        (2, {"seen_on": "2027-01-01"}, "seen_on"),
        (2, {"seen_on": "0026-01-01"}, "seen_on"),
        (2, {"first_seen_on": "2026-11-21"}, "first_seen_on"),
        (2, {"hits": "41"}, "hits"),
        (2, {"hits": ""}, "hits"),
        (2, {"tries": "-1"}, "tries"),
        (3, {"intent": "fixed_date"}, "publish_on"),
        (3, {"public_status": None}, "public_status_0"),
        (3, {"credit_release": "on"}, "credit_name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(visitor: Browser, stage: int, wrong: dict[str, Any], field: str) -> None:
    for number in range(1, stage):
        visitor.press("next", **STAGES[number])

    answer = visitor.press("next", **(STAGES[stage] | wrong))

    assert answer.status_code == 422
    assert visitor.stage == stage
    assert f'<a href="#id_{field}">' in visitor.page
    assert 'aria-invalid="true"' in visitor.page
    assert not Report.objects.exists()


def test_a_form_that_skips_a_page_is_led_to_it(visitor: Browser) -> None:
    fields = visitor.fields | STAGES[1] | STAGES[3] | {"stage": "4", "go": "send"}

    visitor.answer = visitor.client.post("/report/", fields)

    assert (visitor.answer.status_code, visitor.stage) == (422, 2)
    assert not Report.objects.exists()


def test_a_form_sent_in_three_seconds_waits_and_keeps_its_text(client: Client, clock: Clock) -> None:
    visitor = Browser(client).to_the_end()
    clock.pass_by(seconds=2.5)

    assert visitor.press("send").status_code == 429
    assert "Please wait three seconds" in visitor.text
    assert not Report.objects.exists()
    clock.pass_by(seconds=1)

    assert visitor.press("send").status_code == 200
    assert told(Report.objects.get()).title == STAGES[1]["name"]


def test_a_form_older_than_a_day_asks_again_and_keeps_its_text(visitor: Browser, clock: Clock) -> None:
    visitor.to_the_end()
    clock.pass_by(hours=24)

    assert visitor.press("send").status_code == 409
    assert "open for more than a day" in visitor.text
    clock.pass_by(seconds=5)

    assert visitor.press("send").status_code == 200
    assert told(Report.objects.get()).title == STAGES[1]["name"]


def test_a_forged_token_is_no_token(visitor: Browser, clock: Clock) -> None:
    token = visitor.to_the_end().fields["token"]
    number, stamp, proof = token.split(".")

    for forged in ("", "x", f"{number}.{int(stamp) - 9}.{proof}", f"{'0' * 32}.{stamp}.{proof}", f"{token}0"):
        assert visitor.press("send", token=forged).status_code == 409
        assert visitor.fields["token"] != forged
    assert not Report.objects.exists()


def test_material_that_may_not_be_kept_leads_to_the_hotlines_and_is_not_kept(visitor: Browser, own_home: Path) -> None:
    answer = visitor.press("next", **(STAGES[1] | {"restricted_material": "csam", "description": "canary-material"}))

    page = answer.content.decode()
    assert "report.cybertip.org" in page
    assert "canary-material" not in page
    assert not Report.objects.exists()
    assert not any(b"canary-material" in path.read_bytes() for path in own_home.rglob("*") if path.is_file())


def test_such_material_is_refused_at_the_end_as_well_with_its_files(visitor: Browser, own_home: Path) -> None:
    visitor.to_the_end()

    visitor.press("send", restricted_material="csam", steps="", attachments=SimpleUploadedFile("x.png", b"material"))

    assert "report.cybertip.org" in visitor.page
    assert not Report.objects.exists()
    assert [path for path in (own_home / "sealed").rglob("*") if path.is_file()] == []


def test_other_restricted_material_needs_no_steps(visitor: Browser) -> None:
    visitor.to_the_end(restricted_material="live_personal_data", steps="").press("send")

    report = told(Report.objects.get())
    assert (report.restricted_material, report.steps) == (RestrictedMaterial.LIVE_PERSONAL_DATA, "")


def test_files_arrive_sealed(visitor: Browser) -> None:
    bundle, notes = SimpleUploadedFile("test.zip", b"PK bundle"), SimpleUploadedFile("notes.txt", b"my notes" * 9000)

    visitor.to_the_end().press("send", bundle=bundle, attachments=notes)

    row = Report.objects.get()
    files = {file.name: file for file in queries.files_of(row)}
    assert row.has_bundle
    assert queries.bundle_of(row) == b"PK bundle"
    assert b"".join(queries.content_of(files["notes.txt"].row)) == b"my notes" * 9000


def test_an_empty_file_is_no_file(visitor: Browser) -> None:
    visitor.to_the_end().press("send", attachments=SimpleUploadedFile("empty.txt", b""))

    assert not queries.files_of(Report.objects.get())


def test_nothing_told_is_guessed(visitor: Browser) -> None:
    empty = {"vendor": "", "product": "", "hosted": None, "tries": "", "hits": "", "stochastic": ""}
    visitor.to_the_end(**empty).press("send")

    report = told(Report.objects.get())
    assert (report.affects[0].vendor, report.affects[0].product) == (UNKNOWN, UNKNOWN)
    assert report.affects[0].observed is None
    assert report.evidence.trials == ()
    assert report.evidence.stochastic is Answer.UNKNOWN


def test_who_names_themselves_is_named(visitor: Browser) -> None:
    visitor.to_the_end(reporter_name="Ada", credit_name="Ada L.", credit_release="on", told_whom="the vendor").press(
        "send"
    )

    report = told(Report.objects.get())
    assert (report.reporter.mode, report.reporter.credit_name) == (ReporterMode.NAMED, "Ada L.")
    assert report.prior_contacts[0].who == "the vendor"
    assert Report.objects.get().mode == ReporterMode.NAMED


def test_a_full_disk_loses_no_word(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.to_the_end()

    def full(**_: object) -> None:
        raise UnavailableError("nothing was saved: the disk is full", hint="try again later")

    with monkeypatch.context() as patch:
        patch.setattr(services, "receive", full)
        answer = visitor.press("send")

    assert answer.status_code == 503
    assert "The disk is full" in visitor.text or "disk is full" in visitor.text
    assert visitor.press("send").status_code == 200
    assert told(Report.objects.get()).title == STAGES[1]["name"]


def test_the_papers_come_by_the_words(visitor: Browser) -> None:
    page = visitor.to_the_end().press("send").content.decode()
    words = words_in(page)
    assert 'action="/mailbox/papers/opening.json"' in page

    opening = visitor.client.post("/mailbox/papers/opening.json", {"words": words})
    note = visitor.client.post("/mailbox/papers/accept.note", {"words": words})

    promise = open_acceptance(note.content, key_ring().acceptance.verifier)
    assert Opening.from_json(opening.content).commitment() == promise.commitment
    assert opening.headers["Content-Disposition"] == 'attachment; filename="opening.json"'
    assert opening.headers["Cache-Control"] == "no-store"


def test_the_signed_promise_does_not_tell_the_minute(visitor: Browser, clock: Clock) -> None:
    visitor.to_the_end().press("send")
    first = open_acceptance(Report.objects.get().acceptance_note.encode(), key_ring().acceptance.verifier).by

    assert first > clock.now
    Report.objects.all().delete()
    clock.pass_by(minutes=9)
    second = Browser(visitor.client)
    clock.pass_by(seconds=10)
    second.to_the_end().press("send")

    assert open_acceptance(Report.objects.get().acceptance_note.encode(), key_ring().acceptance.verifier).by == first


def test_a_form_of_another_site_is_refused(clock: Clock) -> None:
    strict = Client(enforce_csrf_checks=True)
    visitor = Browser(strict)
    clock.pass_by(minutes=1)

    assert visitor.press("next", csrfmiddlewaretoken="x" * 64, **STAGES[1]).status_code == 403
    visitor.answer = strict.get("/report/")
    visitor.to_the_end()
    clock.pass_by(minutes=1)
    file = SimpleUploadedFile("a.txt", b"text")
    assert visitor.press("send", csrfmiddlewaretoken="", attachments=file).status_code == 403
    assert not Report.objects.exists()


def test_a_forged_upload_leaves_no_file(clock: Clock, own_home: Path) -> None:
    strict = Client(enforce_csrf_checks=True)

    answer = strict.post("/report/", {"go": "send", "attachments": SimpleUploadedFile("a.txt", b"text")})

    assert answer.status_code == 403
    assert [path for path in (own_home / "sealed").rglob("*") if path.is_file()] == []


def test_no_page_keeps_or_sends_anything_but_the_form(visitor: Browser) -> None:
    assert visitor.answer.headers["Cache-Control"] == "no-store"
    for cookie in visitor.client.cookies.values():
        assert not cookie["max-age"]
        assert not cookie["expires"]
        assert cookie["samesite"] == "Strict"
    assert "<script" not in visitor.page
    assert 'autocomplete="off"' in visitor.page


def test_no_two_questions_share_a_name() -> None:
    names = [name for page in QUESTIONS for name in page.base_fields]

    assert len(names) == len(set(names))
    assert not {"token", "stage", "go", "csrfmiddlewaretoken", "bundle", "attachments"} & set(names)


def test_a_promise_counts_from_the_end_of_a_slow_upload(
    visitor: Browser, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = SealedFile.finish

    def finish_late(file: SealedFile) -> StoredFile:
        clock.pass_by(hours=3)
        return finish(file)

    monkeypatch.setattr(SealedFile, "finish", finish_late)

    visitor.to_the_end().press("send", attachments=SimpleUploadedFile("slow.txt", b"over a slow line"))

    note = Report.objects.get().acceptance_note.encode()
    assert open_acceptance(note, key_ring().acceptance.verifier).by > clock.now
