# SPDX-License-Identifier: Apache-2.0
"""The public side as files: every link resolves, nothing embargoed is in it, and one tree replaces the other."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from tests.factories import advisories, cases, records
from tests.server.factories import viewer

from safeconduct.domain.parties import Role
from safeconduct.domain.report import Reporter
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.audit import ledger
from safeconduct.server.project import exchange, static_site
from safeconduct.server.project.relinking import relinked
from safeconduct.server.registry import services as register
from safeconduct.server.rulebook import services as rulebook
from safeconduct.server.rulebook.models import PolicyKind

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]

LINK = re.compile(r'\s(?:href|src|action)="([^"]*)"')
BASE = "https://disclosure.example"


@pytest.fixture
def _abroad(settings) -> None:
    """Publish for a name that is not this machine's."""
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, base_url=BASE)
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "disclosure.example"]


@pytest.fixture
def site(tmp_path: Path, now: datetime, _abroad: None) -> Path:
    """Return the site of a service with two advisories, one of them withdrawn, and one case under embargo."""
    advisories.published(now)
    other = advisories.published(now)
    _withdraw(other, now)
    canary = records.report(
        title="canary-title", description="canary-words", steps="canary-steps", reporter=Reporter(name="canary-name")
    )
    advisories.drafted(now, told=canary, words={"title": "canary-draft", "product": "canary-product"})
    cases.opened(now, told=canary)
    rulebook.put_in_force(
        kind=next(iter(PolicyKind)), by=viewer(Role.ADMINISTRATOR), now=now, text="# Another policy", embargo_days=60
    )
    ledger.beat(now=now)
    folder = tmp_path / "site"
    static_site.write_site(folder)
    return folder


def _withdraw(made: advisories.Drafted, now: datetime) -> None:
    from safeconduct.server.advisories import services

    services.withdraw(advisory=made.advisory, reason="A mistake.", by=made.world.desk, now=now)


def pages(site: Path) -> Iterator[tuple[Path, str]]:
    for path in site.rglob("*.html"):
        yield path, path.read_text()


def test_every_link_resolves_in_the_folder_or_leads_to_the_service(site: Path) -> None:
    inside, outside = 0, set()
    for path, text in pages(site):
        for link in map(unescape, LINK.findall(text)):
            parts = urlsplit(link)
            if parts.scheme:
                outside.add(link)
            elif parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
                assert target.is_relative_to(site), (path, link)
                assert target.is_file(), (path, link)
                inside += 1

    assert inside > 50
    live = {link for link in outside if link.startswith(BASE)}
    assert {f"{BASE}/report/", f"{BASE}/account/sign-in/"} <= live
    client = Client()
    for link in live:
        answer = client.get(link.removeprefix(BASE).partition("#")[0], secure=True)
        assert answer.status_code in {200, 302}, link


def test_every_form_leads_to_the_service(site: Path) -> None:
    forms = [form for _, text in pages(site) for form in re.findall(r"<form[^>]*>", text)]

    assert forms
    assert all(f'action="{BASE}/' in form for form in forms)
    assert not any("csrfmiddlewaretoken" in text for _, text in pages(site))


def test_a_page_can_be_read_from_a_disk_with_its_style(site: Path) -> None:
    entry = next(site.glob("register/SC-*/index.html"))

    style = re.search(r'<link rel="stylesheet" href="([^"]+)"', entry.read_text())

    assert (entry.parent / style[1]).resolve() == site / "static" / "safeconduct.css"
    assert not style[1].startswith("/")
    assert b"@import" not in (site / "static" / "safeconduct.css").read_bytes()


def test_documents_feed_log_and_policies_are_there(site: Path, client: Client) -> None:
    documents = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}

    assert {"index.html", "advisories/feed.atom", "log/checkpoint", ".well-known/security.txt"} <= documents
    assert {"measures/index.html", "measures/times.svg", "measures/numbers.json", "policy/index.html"} <= documents
    assert len([name for name in documents if re.fullmatch(r"advisories/SC-[^/]+/(?:csaf|osv|json)\.json", name)]) == 6
    assert len([name for name in documents if re.fullmatch(r"advisories/SC-[^/]+/\d/csaf\.json", name)]) == 3
    assert any(re.fullmatch(r"policy/[^/]+/1/index\.html", name) for name in documents)
    for path in site.glob("advisories/SC-*/csaf.json"):
        served = client.get("/" + path.relative_to(site).as_posix(), secure=True)
        assert path.read_bytes() == served.content


def test_nothing_embargoed_is_in_it(site: Path) -> None:
    whole = b"".join(path.read_bytes() for path in site.rglob("*") if path.is_file()).lower()

    assert b"canary" not in whole
    assert not any("canary" in path.name for path in site.rglob("*"))


def test_the_list_has_all_its_pages(tmp_path: Path, now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    for number in range(static_site.PER_PAGE + 1):
        entry = register.reserve(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK, by=by, now=now)
        at = now + timedelta(minutes=number)
        record = records.advisory(entry.public_id, published_at=at, modified_at=at)
        register.publish(entry=entry, record=record, by=by, now=at)

    static_site.write_site(tmp_path / "site")

    first = (tmp_path / "site" / "register" / "index.html").read_text()
    second = (tmp_path / "site" / "register" / "page-2.html").read_text()
    assert 'href="page-2.html"' in first
    assert 'href="page-1.html"' in second
    assert len(set(re.findall(r'href="(SC-[^"]+)"', first + second))) == static_site.PER_PAGE + 1


def test_another_run_replaces_the_whole_tree(site: Path, now: datetime) -> None:
    (site / "register" / "left.html").write_text("left over")
    before = site.stat().st_ino

    static_site.write_site(site)

    assert not (site / "register" / "left.html").exists()
    assert site.stat().st_ino != before
    assert [path.name for path in site.parent.iterdir() if "site" in path.name] == ["site"]


def test_a_web_server_of_another_account_may_read_it(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        static_site.write_site(tmp_path / "site")
    finally:
        os.umask(mask)

    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (tmp_path / "site", *(tmp_path / "site").rglob("*"))
    }
    assert modes == {(True, 0o755), (False, 0o644)}


def test_what_somebody_else_wrote_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")

    with pytest.raises(ConflictError):
        static_site.write_site(tmp_path / "mine")
    with pytest.raises(UnavailableError):
        static_site.write_site(tmp_path / "file")

    assert (tmp_path / "mine" / "letter.txt").read_text() == (tmp_path / "file").read_text() == "mine"


def test_a_page_that_fails_leaves_the_last_tree(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.as_posix() for path in site.rglob("*"))
    monkeypatch.setattr(static_site, "PAGES", ("metrics:index", "desk:home"))

    with pytest.raises(UnavailableError, match="answered 302"):
        static_site.write_site(site)

    assert sorted(path.as_posix() for path in site.rglob("*")) == before
    assert [path.name for path in site.parent.iterdir() if "site" in path.name] == ["site"]


def test_a_log_that_grows_meanwhile_is_copied_whole(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.beat(now=now)
    tries, files = [], static_site._log_files

    def moving(log: Path) -> Iterator[Path]:
        tries.append(log)
        yield from files(log)
        if len(tries) == 1:
            yield log / "tile" / "0" / "000.p" / "gone"

    monkeypatch.setattr(static_site, "_log_files", moving)
    static_site.write_site(tmp_path / "site")

    log = settings.SAFECONDUCT.home / "log"
    copied = {
        path.relative_to(tmp_path / "site" / "log"): path.read_bytes() for path in _files(tmp_path / "site" / "log")
    }
    assert len(tries) == 2
    assert copied == {path.relative_to(log): path.read_bytes() for path in _files(log)}
    monkeypatch.setattr(static_site, "_log_files", lambda log: iter([log / "gone"]))
    with pytest.raises(UnavailableError):
        static_site.write_site(tmp_path / "site")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_two_folders_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool) -> None:  # noqa: FBT001
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not can_exchange:
        monkeypatch.setattr(exchange, "_exchange", lambda _one, _other: False)

    exchange.put_in_place(tmp_path / "new", tmp_path / "old")

    assert [path.name for path in (tmp_path / "old").iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["old"]
    with pytest.raises(OSError, match=r"o such file"):
        exchange.put_in_place(tmp_path / "missing", tmp_path / "old")


@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("/b/", "../b/index.html"),
        ("/b/#part", "../b/index.html#part"),
        ("?page=2", "page-2.html"),
        ("?page=3", f"{BASE}/a/?page=3"),
        ("#main", "#main"),
        (f"{BASE}/b/", "../b/index.html"),
        ("/c/?x=1&amp;y=2", f"{BASE}/c/?x=1&amp;y=2"),
        ("https://other.example/b/", "https://other.example/b/"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("//other.example/b/", "//other.example/b/"),
    ],
)
def test_a_link_is_moved_to_where_its_page_lies(link: str, moved: str) -> None:
    names = {"/a/": "a/index.html", "/a/?page=2": "a/page-2.html", "/b/": "b/index.html"}

    page = relinked(f'<a href="{link}">x</a>', address="/a/", names=names, base=f"{BASE}/")

    assert page == f'<a href="{moved}">x</a>'
    assert urljoin(f"{BASE}/a/index.html", unescape(moved))


def test_words_of_people_are_not_taken_for_links() -> None:
    page = "<p>&quot; href=&quot;/b/&quot; and href='/b/'</p>"

    assert relinked(page, address="/a/", names={"/a/": "a/index.html"}, base=BASE) == page
