# SPDX-License-Identifier: Apache-2.0
"""The pages of targets, as a browser without scripts uses them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.factories.authorizations import granted, write_secret
from tests.server.factories import client_of, make_party

from safeconduct.domain.parties import Role
from safeconduct.server.authorizations.models import Target, TargetState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
FORM = {
    "label": "The assistant",
    "role": "unpatched",
    "model": "orchid-assistant-1",
    "adapter": "openai-chat",
    "url": "https://models.example/v1",
    "max_calls": "200",
    "max_tokens": "5000",
    "max_tokens_per_call": "64",
    "calls_per_minute": "30",
    "call_seconds": "20",
}


@pytest.fixture
def client(db: None) -> Client:
    return client_of(Role.COORDINATOR)


def text(answer: Any) -> str:
    return answer.content.decode()


def test_a_target_is_granted_and_shown_with_its_caps(client: Client) -> None:
    answer = client.post(reverse("authorizations:grant"), FORM, follow=True)

    target = Target.objects.get()
    assert (target.max_calls, target.max_tokens, target.calls_per_minute) == (200, 5000, 30)
    assert "The target is granted" in text(answer)
    assert "https://models.example/v1" in text(answer)
    assert target.label in text(client.get(reverse("authorizations:targets")))


def test_the_window_is_read_as_utc(client: Client) -> None:
    client.post(
        reverse("authorizations:grant"), FORM | {"starts_at": "2026-12-01T08:00", "ends_at": "2026-12-02T08:30"}
    )

    target = Target.objects.get()
    assert target.starts_at is not None
    assert target.starts_at.isoformat() == "2026-12-01T08:00:00+00:00"
    page = text(client.get(reverse("authorizations:target", args=[target.pk])))
    assert "2026-12-02 08:30 UTC" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "https://user:hunter2@models.example/v1"}, "holds a name or a password"),
        ({"url": "http://169.254.169.254/v1"}, "metadata"),
        ({"url": "http://127.0.0.1:8080/v1"}, "is private"),
        ({"url": ""}, "not complete"),
        ({"starts_at": "2026-12-02T08:00", "ends_at": "2026-12-01T08:00"}, "ends before it starts"),
        ({"ends_at": "tomorrow"}, "valid date"),
        ({"max_calls": "0"}, "greater than or equal to 1"),
        ({"max_tokens": "-4"}, "greater than or equal to 1"),
        ({"call_seconds": "nan"}, "Enter a number"),
        ({"secret_name": "NOT_THERE"}, "no secret is stored"),
        ({"adapter": "telepathy"}, "valid choice"),
        ({"label": "x" * 300}, "at most 200"),
        ({"model": "a\0b"}, "Null characters"),
    ],
)
def test_a_wrong_answer_is_told_and_what_was_written_stays(client: Client, changes: dict[str, str], words: str) -> None:
    answer = client.post(reverse("authorizations:grant"), FORM | changes)

    assert answer.status_code == 422
    assert words in text(answer)
    assert 'value="The assistant"' in text(answer) or "label" in changes
    assert not Target.objects.exists()


def test_the_form_asks_for_the_name_of_a_secret_and_never_for_its_value(client: Client) -> None:
    page = text(client.get(reverse("authorizations:grant")))

    assert "keys/targets/NAME" in page
    assert 'type="password"' not in page
    assert "there may be services that trust whoever reaches them" in " ".join(page.split())


def test_a_secret_is_shown_as_there_or_missing_and_never_itself(client: Client, now: datetime) -> None:
    value = write_secret("ACME_KEY").decode()
    target = granted(now, secret_name="ACME_KEY")
    url = reverse("authorizations:target", args=[target.pk])
    assert "there" in text(client.get(url))

    write_secret("ACME_KEY", b"")
    page = text(client.get(url))

    assert "The secret cannot be read" in page
    assert value not in page


def test_a_target_is_suspended_resumed_and_revoked_with_reasons(client: Client, now: datetime) -> None:
    target = granted(now)

    for act, state in (("suspend", "suspended"), ("resume", "granted"), ("revoke", "revoked")):
        answer = client.post(
            reverse(f"authorizations:{act}", args=[target.pk]), {"reason": f"because {act}"}, follow=True
        )
        target.refresh_from_db()
        assert (answer.status_code, target.state) == (200, state)
    assert "because revoke" in text(answer)
    assert "<button" not in text(answer).partition("<main")[2]


def test_a_change_without_reason_or_twice_changes_nothing(client: Client, now: datetime) -> None:
    target = granted(now)
    suspend = reverse("authorizations:suspend", args=[target.pk])

    assert client.post(suspend, {"reason": " "}).status_code == 422
    assert client.post(suspend, {"reason": "first"}).status_code == 302
    assert client.post(suspend, {"reason": "second"}).status_code == 409

    target.refresh_from_db()
    assert (target.state, target.reason) == (TargetState.SUSPENDED, "first")


def test_each_state_has_its_word(client: Client, now: datetime) -> None:
    real = make_party(Role.COORDINATOR).joined_at.replace(year=now.year)
    day = timedelta(days=1)
    granted(now, label="open")
    granted(now, label="later", starts_at=real + 400 * day)
    granted(now, label="over", starts_at=real - 400 * day, ends_at=real - 399 * day)
    spent = granted(now, label="spent")
    Target.objects.filter(pk=spent.pk).update(calls_used=spent.max_calls)

    page = text(client.get(reverse("authorizations:targets")))

    for word in ("may be tested", "not open yet", "window closed", "caps are spent"):
        assert word in page


def test_many_targets_come_on_pages(client: Client, now: datetime) -> None:
    for number in range(51):
        granted(now + timedelta(seconds=number), label=f"target {number}")

    first, second = (text(client.get(reverse("authorizations:targets"), {"page": page})) for page in (1, 2))

    assert ("target 50" in first, "target 0<" in first, "target 0<" in second) == (True, False, True)


def test_hostile_text_stays_text(client: Client, now: datetime) -> None:
    target = granted(now, label="<script>alert(1)</script>", vendor="<b>x", product="{{ 7 }}")

    for url in (reverse("authorizations:targets"), reverse("authorizations:target", args=[target.pk])):
        page = text(client.get(url))
        assert "<script" not in page
        assert "<b>x" not in page


@pytest.mark.parametrize("role", [Role.VENDOR, Role.DEPLOYER, Role.OBSERVER, Role.REGULATOR])
def test_others_see_neither_list_nor_target(now: datetime, role: Role) -> None:
    target, outsider = granted(now), client_of(role)

    missing = outsider.get(reverse("authorizations:target", args=["tgt_none"]))
    for name in ("target", "suspend", "resume", "revoke"):
        url = reverse(f"authorizations:{name}", args=[target.pk])
        answer = outsider.get(url) if name == "target" else outsider.post(url, {"reason": "x"})
        assert (answer.status_code, answer.content) == (404, missing.content)
    assert outsider.get(reverse("authorizations:targets")).status_code == 404


def test_hours_of_the_week_and_a_price_are_granted_and_shown(client: Client) -> None:
    given = {"days": ["0", "4"], "opens": "09:00", "closes": "17:30", "zone": "Europe/Berlin"}
    money = {"currency": "EUR", "price_per_call": "0.01", "max_spending": "12.5"}

    client.post(reverse("authorizations:grant"), FORM | given | money)

    target = Target.objects.get()
    page = text(client.get(reverse("authorizations:target", args=[target.pk])))
    assert "Mon, Fri, 09:00–17:30 (Europe/Berlin)" in page
    assert "Money (EUR)" in page
    assert "12.5" in page


def test_days_without_times_are_whole_days_in_utc(client: Client) -> None:
    client.post(reverse("authorizations:grant"), FORM | {"days": ["6"]})

    target = Target.objects.get()
    assert (target.days, str(target.opens), str(target.closes), target.zone) == ("6", "00:00:00", "00:00:00", "UTC")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_spending": "3"}, "needs a price"),
        ({"currency": "euro"}, "at most 3"),
        ({"currency": "eur"}, "no code of three letters"),
        ({"currency": "EUR", "price_per_call": "-1"}, "greater than or equal to 0"),
        ({"days": ["0"], "zone": "Mars"}, "time zone"),
        ({"days": ["9"]}, "valid choice"),
        ({"days": ["0"], "opens": "25:00"}, "valid time"),
    ],
)
def test_wrong_hours_and_money_are_told(client: Client, changes: dict[str, Any], words: str) -> None:
    answer = client.post(reverse("authorizations:grant"), FORM | changes)

    assert answer.status_code == 422
    assert words in text(answer)
    assert not Target.objects.exists()
