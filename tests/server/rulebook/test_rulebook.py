# SPDX-License-Identifier: Apache-2.0
"""The policies in force: versions that stay readable, harmless mark-up, security.txt as RFC 9116 wants it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import NOON
from tests.server.factories import client_of, viewer

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import IncompleteError, NotFoundError, NotPermittedError
from safeconduct.server.audit import queries as audit
from safeconduct.server.rulebook import queries, services
from safeconduct.server.rulebook.markup import as_html
from safeconduct.server.rulebook.models import PolicyKind, PolicyText

pytestmark = pytest.mark.django_db


def put(text: str = "# New", *, days: int = 45, from_day: datetime | None = None) -> PolicyText:
    return services.put_in_force(
        kind=PolicyKind.EMBARGO,
        text=text,
        embargo_days=days,
        by=viewer(Role.ADMINISTRATOR),
        now=NOON,
        from_day=from_day,
    )


@pytest.mark.parametrize("kind", PolicyKind)
def test_a_fresh_service_has_every_policy(kind: PolicyKind) -> None:
    policy = queries.policy_in_force(kind, now=NOON)

    assert policy.version == 0
    assert policy.text.startswith("# ")
    assert policy.embargo_days == 90


def test_a_new_version_is_in_force_and_the_old_one_stays() -> None:
    put("# First")
    put("# Second")

    assert queries.policy_in_force(PolicyKind.EMBARGO, now=NOON).text == "# Second"
    assert queries.policy_version(PolicyKind.EMBARGO, 1).text == "# First"
    assert queries.policy_version(PolicyKind.EMBARGO, 0).version == 0
    assert audit.events_of("policy:embargo").filter(tag=EventTag.RULEBOOK_CHANGED).count() == 2


def test_a_version_waits_for_its_day() -> None:
    put("# Later", from_day=NOON + timedelta(days=1))

    assert queries.policy_in_force(PolicyKind.EMBARGO, now=NOON).version == 0
    assert queries.policy_in_force(PolicyKind.EMBARGO, now=NOON + timedelta(days=1)).version == 1


def test_an_unknown_version_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        queries.policy_version(PolicyKind.EMBARGO, 7)


def test_only_administrators_put_a_policy_in_force() -> None:
    with pytest.raises(NotPermittedError):
        services.put_in_force(kind=PolicyKind.EMBARGO, text="x", embargo_days=1, by=viewer(Role.COORDINATOR), now=NOON)


def test_an_empty_policy_is_refused() -> None:
    with pytest.raises(IncompleteError):
        put("  \n ")


def test_a_version_exists_once() -> None:
    put()

    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyText.objects.create(kind=PolicyKind.EMBARGO, version=1, text="x", in_force_from=NOON)


def test_the_page_fills_in_the_name_and_the_days(client: Client) -> None:
    page = client.get(reverse("rulebook:policy")).content.decode()

    assert "90 days" in page
    assert "$service" not in page
    assert "$embargo_days" not in page
    assert "Safe harbor" in page


def test_an_administrator_changes_a_policy_by_page(client: Client) -> None:
    path = reverse("rulebook:change", args=["embargo"])

    answer = client_of(Role.ADMINISTRATOR).post(path, {"text": "# Ours\n\n$embargo_days days", "embargo_days": "30"})

    assert answer.status_code == 302
    assert "30 days" in client.get(reverse("rulebook:policy")).content.decode()
    assert "30 days" in client.get(reverse("rulebook:version", args=["embargo", 1])).content.decode()


@pytest.mark.parametrize("values", [{"text": "", "embargo_days": "30"}, {"text": "x", "embargo_days": "0"}, {}])
def test_a_wrong_policy_form_is_told(values: dict[str, str]) -> None:
    answer = client_of(Role.ADMINISTRATOR).post(reverse("rulebook:change", args=["embargo"]), values)

    assert answer.status_code == 200
    assert not PolicyText.objects.exists()


def test_security_txt_says_each_thing_once(client: Client) -> None:
    answer = client.get("/.well-known/security.txt")
    fields = [line.split(": ", 1) for line in answer.content.decode().splitlines()]

    names = [name for name, _ in fields]
    assert sorted(names) == ["Canonical", "Contact", "Expires", "Policy", "Preferred-Languages"]
    expires = datetime.strptime(dict(fields)["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=100) < expires - datetime.now(tz=UTC) < timedelta(days=366)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_contact_is_a_setting(client: Client, settings) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, contact="mailto:cvd@example.org")

    assert "Contact: mailto:cvd@example.org\n" in client.get("/.well-known/security.txt").content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        '<a href="x" onclick="y">z</a>',
        "![x](http://tracker.example/x.png)",
        "<style>*{}</style>",
        "[x](data:text/html,<script>)",
    ],
)
def test_no_hostile_mark_up_passes(text: str) -> None:
    html = as_html(text)

    for bad in ("<script", 'href="javascript:', "<img", "<style", 'href="data:', '<a href="x" onclick'):
        assert bad not in html


@given(text=st.text())
def test_any_text_becomes_html(text: str) -> None:
    assert "<script" not in as_html(text)


def test_a_page_keeps_its_single_first_heading() -> None:
    assert "<h1>" not in as_html("# One\n\n###### Six")
    assert "<h2>One</h2>" in as_html("# One")
