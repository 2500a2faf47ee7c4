# SPDX-License-Identifier: Apache-2.0
"""Bad requests to the pages: each ends in one clear answer of ours, never in a fault, and nothing is half-saved."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import NOON, PASSWORD
from tests.server.factories import client_of, make_party, viewer

from safeconduct.domain.parties import Role
from safeconduct.errors import UnavailableError
from safeconduct.server.parties import services
from safeconduct.server.parties.models import Party, WebSession

pytestmark = pytest.mark.django_db
REFUSED = range(400, 500)


@pytest.mark.parametrize(
    "path",
    [
        "/people/%00/",
        "/join/%00/",
        "/log/%00",
        "/log/../keys/django.key",
        "/log/%2e%2e/keys/django.key",
        "/log//etc/passwd",
        "/log/tile/0/x000",
        "/static/../settings.py",
        "/policy/disclosure/99999999999999999999999/",
        "/policy/unheard-of/1/",
        "/people/" + "a" * 5000 + "/",
        "/people/%ff%fe/",
        "/people/'; DROP TABLE parties_party; --/",
    ],
)
def test_a_hostile_address_is_refused(path: str) -> None:
    client = client_of(Role.ADMINISTRATOR)

    assert client.get(path).status_code in REFUSED


@given(text=st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_an_address_is_answered(text: str) -> None:
    client = Client()

    for name in ("parties:join", "parties:new_password"):
        if text and "/" not in text:
            assert client.get(reverse(name, args=[text])).status_code in REFUSED


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:80:80", "a b", "[::1", "\x7f"])
def test_a_foreign_host_is_refused(client: Client, host: str) -> None:
    assert client.get("/", HTTP_HOST=host).status_code == 400


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"login=" + b"a" * 5_000_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % number for number in range(3000)), "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
        (b"anything", "multipart/form-data; boundary=" + "x" * 3000),
    ],
)
def test_a_body_that_is_too_large_or_broken_is_refused(client: Client, body: bytes, kind: str) -> None:
    answer = client.post(reverse("account_login"), body, content_type=kind)

    assert answer.status_code in {200, 400, 413}
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize("value", ["\x00", "\ud800", "a" * 100_000, "<script>alert(1)</script>"])
def test_hostile_words_in_a_form_are_told_or_escaped(client: Client, value: str) -> None:
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.ADMINISTRATOR), now=NOON.replace(year=2099))
    encoded = value.encode("utf-8", "surrogatepass")
    body = b"handle=" + encoded + b"&password=x&again=y&name=" + encoded

    answer = client.post(
        reverse("parties:join", args=[link.secret]), body, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 200
    assert b"<script>" not in answer.content
    assert Party.objects.count() == 1


@pytest.mark.parametrize("cookie", ["", "x" * 4000, "../../etc/passwd", "null", '"; DROP TABLE', "a" * 32])
def test_a_forged_session_is_nobody(client: Client, cookie: str) -> None:
    client.cookies["session"] = cookie

    assert client.get(reverse("parties:account")).status_code == 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_leads_to_no_foreign_place(client: Client, target: str) -> None:
    make_party(Role.VENDOR, handle="ada")

    answer = client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD, "next": target})

    assert answer.headers["Location"] == reverse("desk:home")


def test_a_full_disk_at_sign_in_is_told_and_leaves_no_session(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_party(Role.VENDOR, handle="ada")

    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.save", full)
    answer = client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})

    assert answer.status_code == 503
    assert b"unavailable" in answer.content
    assert not WebSession.objects.exists()


def test_an_error_is_json_where_json_is_asked_for(client: Client) -> None:
    answer = client.get("/nowhere/", headers={"accept": "application/json"})

    assert answer.json()["error"]["code"] == "not_found"
    assert answer.status_code == 404


@pytest.mark.parametrize("act", [services.create_party])
def test_an_act_that_cannot_be_saved_leaves_no_half(act: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safeconduct.server.audit.services.record", full)

    with pytest.raises(UnavailableError):
        act(handle="half", password=PASSWORD, roles=[Role.VENDOR], now=NOON)
    assert not Party.objects.filter(handle="half").exists()
