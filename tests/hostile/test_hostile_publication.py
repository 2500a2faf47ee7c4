# SPDX-License-Identifier: Apache-2.0
"""Hostile words on their way to readers: no draft, document, feed or page breaks or runs anything of them."""

import json
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from tests.factories import advisories, cases, records
from tests.server.factories import client_of, viewer

from safeconduct.domain.parties import Role
from safeconduct.domain.systems import Identity
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import MalformedError, SafeconductError, TooLargeError
from safeconduct.server.advisories import services
from safeconduct.server.advisories.forms import DraftForm, PublishForm, WithdrawForm
from safeconduct.server.registry import queries as registry
from safeconduct.server.registry import services as register

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]

ATOM = "{http://www.w3.org/2005/Atom}"
MARKUP = "<script>alert(1)</script> <!--[CDATA[ ]]> & \" ' {{ secret }} {% now %} 😀 \u202e א"


def _xml(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314  # our own feed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x" * 201),
        ("title", " \t "),
        ("title", "bell\x07"),
        ("title", "nul\0"),
        ("summary", "x" * 1001),
        ("description", "x" * 20_001),
        ("description", "not a character \uffff"),
        ("advice", ""),
        ("remedy", "prayer"),
        ("remedy_url", "javascript:alert(1)"),
        ("remedy_url", "ftp://fixes.example/x"),
        ("remedy_url", "https://"),
        ("purl", "no package url"),
        ("purl", "pkg:"),
        ("purl", "pkg:generic/" + "x" * 300),
        ("vendor", "x" * 201),
        ("version", "x" * 121),
    ],
)
def test_a_draft_of_what_no_document_can_hold_is_a_form_error(now: datetime, field: str, value: str) -> None:
    made = advisories.drafted(now)
    before = bytes(made.advisory.draft)

    answer = client_of(made.world.coordinator).post(
        f"/advisories/case/{made.world.case.pk}/edit", {**advisories.WORDS, field: value}
    )

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert bytes(made.present().draft) == before


def test_the_other_forms_refuse_control_characters_and_floods() -> None:
    assert not PublishForm({"what": "a\x1b[2J"}).is_valid()
    assert not PublishForm({"what": "x" * 301}).is_valid()
    assert not WithdrawForm({"reason": "x\x00"}).is_valid()
    assert not WithdrawForm({"reason": "x" * 1001}).is_valid()
    assert DraftForm({**advisories.WORDS, "description": "lines\nand\ttabs\r\n"}).is_valid()


def test_markup_is_text_everywhere(now: datetime, client: Client) -> None:
    made = advisories.published(now, words={"title": MARKUP[:190], "detection": MARKUP, "product": MARKUP})
    public_id = made.advisory.entry.public_id

    for path in (f"/register/{public_id}/", "/register/"):
        page = client.get(path).content.decode()
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "{{ secret }}" in page
    [entry] = _xml(client.get("/advisories/feed.atom").content).findall(f"{ATOM}entry")
    assert MARKUP[:190].strip() in entry.findtext(f"{ATOM}title", "")


def test_the_feed_is_read_by_every_reader_whatever_stands_in_a_title(now: datetime, client: Client) -> None:
    made = advisories.drafted(now)
    services.edit(
        advisory=made.advisory,
        change=lambda draft: replace(draft, title="bell \x07 and \x0b tab", summary=f"\x1f\ufffe {draft.summary}"),
        by=made.world.desk,
        now=now,
    )
    try:
        services.publish(advisory=made.present(), said=advisories.said(), by=made.world.desk, now=now)
    except SafeconductError as error:
        pytest.fail(f"a control character blocked: {error.message}")

    feed = _xml(client.get("/advisories/feed.atom").content)

    assert feed.findtext(f"{ATOM}entry/{ATOM}title", "").endswith(
        "bell \N{REPLACEMENT CHARACTER} and \N{REPLACEMENT CHARACTER} tab"
    )


def test_the_feed_is_atom(now: datetime, client: Client) -> None:
    empty = _xml(client.get("/advisories/feed.atom").content)
    made = advisories.published(now)

    answer = client.get("/advisories/feed.atom")
    feed = _xml(answer.content)

    for found in (empty, feed):
        assert found.tag == f"{ATOM}feed"
        for needed in ("id", "title", "updated"):
            assert found.findtext(ATOM + needed)
    [entry] = feed.findall(f"{ATOM}entry")
    for needed in ("id", "title", "updated", "published", "summary"):
        assert entry.findtext(ATOM + needed)
    assert entry.find(f"{ATOM}link").get("href").endswith(f"/register/{made.advisory.entry.public_id}/")
    assert entry.findtext(f"{ATOM}published") == now.isoformat()
    assert answer["Content-Type"] == "application/atom+xml"
    assert client.get("/advisories/feed.atom", headers={"If-None-Match": answer["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "change",
    [
        {"aliases": ("x" * 121,)},
        {"affected": (records.hosted_model(vendor="v" * 301),)},
        {"affected": (records.hosted_model(product="p" * 301),)},
        {"affected": (records.hosted_model(identity=Identity(purl="pkg:generic/" + "x" * 300)),)},
        {"affected": (records.hosted_model(identity=Identity(model_string="m" * 301)),)},
        {"title": "t" * 301},
    ],
)
def test_a_name_too_long_for_the_register_is_our_error_on_every_database(now: datetime, change: dict) -> None:
    by = viewer(Role.COORDINATOR)
    entry = register.reserve(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK, by=by, now=now)

    with pytest.raises(TooLargeError):
        register.publish(entry=entry, record=records.advisory(entry.public_id, **change), by=by, now=now)

    assert not registry.public_entries().exists()


def test_a_report_of_hostile_words_can_be_drafted_and_shown(now: datetime) -> None:
    told = records.report(
        title=MARKUP[:150],
        summary=MARKUP,
        description=MARKUP + "\x07" * 10,
        affects=(records.hosted_model(vendor=MARKUP, product="p" * 400, status_note=MARKUP),),
    )
    world = cases.opened(now, told=told)
    services.draft(case=world.present(), by=world.desk, now=now)

    answer = client_of(world.coordinator).get(f"/advisories/case/{world.case.pk}/")

    assert answer.status_code == 200
    assert "<script" not in answer.content.decode()


@pytest.mark.parametrize("change", [{"aliases": ("CVE-2026-1", "CVE-2026-1")}, {"title": ""}, {"summary": "nul \0"}])
def test_a_draft_that_could_not_be_read_again_is_refused(now: datetime, change: dict[str, object]) -> None:
    made = advisories.drafted(now)

    with pytest.raises(MalformedError):
        services.edit(
            advisory=made.advisory, change=lambda draft: replace(draft, **change), by=made.world.desk, now=now
        )

    assert client_of(made.world.coordinator).get(f"/advisories/case/{made.world.case.pk}/").status_code == 200


def test_a_report_of_blanks_can_be_drafted(now: datetime) -> None:
    told = records.report(summary=" ", affects=(records.hosted_model(vendor=" "), records.hosted_model(product="")))
    world = cases.opened(now, told=told)

    services.draft(case=world.present(), by=world.desk, now=now)

    assert client_of(world.coordinator).get(f"/advisories/case/{world.case.pk}/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/advisories/%00/csaf.json",
        "/advisories/..%2f..%2fetc/csaf.json",
        "/advisories/SC-2026-x/99999999999999999999/csaf.json",
        "/advisories/SC-2026-x/0/csaf.json",
        "/advisories/" + "x" * 3000 + "/csaf.json",
        "/advisories/😀/osv.json",
        "/register/%00/",
        "/register/" + "x" * 3000 + "/",
    ],
)
def test_a_hostile_address_finds_nothing(client: Client, path: str) -> None:
    assert client.get(path).status_code in {400, 404}


def test_documents_are_the_same_json_for_every_reader(now: datetime, client: Client) -> None:
    made = advisories.published(now, words={"title": MARKUP[:190]})

    for kind in ("json", "csaf", "osv"):
        content = client.get(f"/advisories/{made.advisory.entry.public_id}/{kind}.json").content
        assert isinstance(json.loads(content), dict)
        assert b"\x00" not in content
