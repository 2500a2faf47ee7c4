# SPDX-License-Identifier: Apache-2.0
"""The whole story in a real browser without scripts: a report without a name becomes a verified fix and an advisory."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser
from tests.browser import story
from tests.browser.chromium import Album, Person, Scanner
from tests.browser.conftest import Service
from tests.factories import spine
from tests.verification.endpoint import endpoint

from safeconduct.formats.csaf import CsafFormat

pytestmark = pytest.mark.browser


def test_a_flaw_is_carried_from_an_anonymous_report_to_a_verified_advisory(
    chromium_here: Browser, service: Service, album: Album, tmp_path: Path
) -> None:
    def person(name: str) -> Person:
        return Person(chromium_here, service.base, name=name, album=album)

    desk, reporter, vendor, public = person("desk"), person("reporter"), person("vendor"), person("public")
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(spine.bundle_bytes())
    with (
        endpoint(canary=spine.CANARY, rate=0.9, seed=1, only_for=spine.ATTACK) as reported,
        endpoint(canary=spine.CANARY, rate=0.6, seed=2, only_for=spine.ATTACK) as bad_fix,
        endpoint(canary=spine.CANARY, rate=0.0, seed=3) as good_fix,
    ):
        story.join(desk, service.first_link, handle="ada", name="Ada")
        story.keep_secret(service.home)
        story.grant(desk, reported, label="As reported", model=spine.MODEL, role="unpatched")
        words = story.report(reporter, bundle)
        assert len(words) == 8
        assert json.loads(reporter.save("opening.json"))
        assert reporter.save("accept.note").count(b"\n") >= 3
        assessment = story.assess(desk)
        story.open_mailbox(reporter, words)
        story.answer(reporter)
        desk.open(assessment)
        link = story.open_case(desk, vendor="Orchid Bank")
        case = desk.page.url
        story.join(vendor, link, handle="orchid", name="Orchid Bank security")
        story.take_seat(vendor)
        story.claim(vendor)
        story.grant(desk, bad_fix, label="First fix", model="assistant-2", role="patched")
        story.grant(desk, good_fix, label="Second fix", model="assistant-3", role="patched")
        for label, verdict in (("First fix", "NOT FIXED"), ("Second fix", "FIXED")):
            desk.open(case)
            desk.follow("Fixes and verdicts")
            story.run_campaign(desk, against=label, verdict=verdict)

    desk.open(case, "case-verified")
    public_id = story.publish(desk)
    story.read_public(public, public_id)
    csaf = public.get(f"/advisories/{public_id}/csaf.json")
    assert [remark for remark in CsafFormat().check(csaf) if remark.level == "error"] == []
    assert json.loads(public.get(f"/advisories/{public_id}/osv.json"))["id"]
    assert public_id in public.get("/advisories/feed.atom").decode()

    story.open_mailbox(reporter, words)
    reporter.look("mailbox-published")
    assert reporter.save("receipt.tlog-proof").startswith(b"c2sp.org/tlog-proof")

    if settings.SAFECONDUCT.on_sqlite:  # the other database makes the same pages
        assert not faults_of(album, chromium_here)


def faults_of(album: Album, browser: Browser) -> dict[str, list[str]]:
    """Return what axe finds on the pages of the story, among them all that only an act shows."""
    scanner = Scanner(browser)
    return {title: there for title, (path, markup) in album.pages.items() if (there := scanner.faults(markup, path))}
