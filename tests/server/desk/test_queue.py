# SPDX-License-Identifier: Apache-2.0
"""The queue: its order and words, its filters, and that many reports stay cheap."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from tests.factories import authorizations as targets
from tests.factories import intake as reports
from tests.factories import records
from tests.factories import triage as factory
from tests.factories.spine import ATTACK, CANARY, report_with_bundle
from tests.server.factories import client_of, make_party
from tests.verification.endpoint import endpoint

from safeconduct.domain.parties import Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.server.audit import vault
from safeconduct.server.desk import queue as desk_queue
from safeconduct.server.desk.queue import age_in_words
from safeconduct.server.intake import services as intake
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.parties.models import Party
from safeconduct.server.triage import services, tasks
from safeconduct.server.triage.models import Assessment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
HOUR = timedelta(hours=1)
QUEUE = "/queue/"


@pytest.fixture
def ada(db: None) -> Party:
    return make_party(Role.COORDINATOR)


@pytest.fixture
def client(ada: Party) -> Client:
    return client_of(ada)


def rows(answer: Any) -> list[str]:
    body = answer.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in body.split("<tr>")[1:]]


def many(number: int, now: datetime) -> None:
    for count in range(number):
        told = records.report(title=f"Report number {count:03d}", description=f"{count} " * 5, steps=f"{count}")
        services.assess(row=reports.received(now + count * HOUR, told=told).row, now=now, matches=())


def test_reports_stand_in_their_order_with_badges_and_reasons(client: Client, now: datetime, ada: Party) -> None:
    factory.tiered(now, by=viewer_of(ada), told=records.report(title="Only told", description="apples"))
    waits = report_with_bundle(now).row
    tasks.run_gate(now)
    proven = report_with_bundle(now).row
    with endpoint(canary=CANARY, rate=1.0, only_for=ATTACK) as server:
        targets.granted(now, url=server.url, allow_private=True, caps={"calls": 60})
        services.assess(row=proven, now=now)
        intake.withdraw(row=waits, reason="", now=now)
        tasks.run_gate(now)
    report_with_bundle(now)
    tasks.run_gate(now)

    shown = rows(client.get(QUEUE))

    assert ["reproduced" in shown[0], "not run" in shown[1], "no bundle" in shown[2]] == [True] * 3
    assert "its evidence was not run yet, which says nothing against it" in shown[1]
    assert "provisional, none at least" in shown[1]
    assert [row.split()[0] for row in shown] == ["1", "2", "3"]
    assert len(shown) == 3


def test_the_page_says_how_many_there_are_in_each_state(client: Client, now: datetime, ada: Party) -> None:
    by = viewer_of(ada)
    first, second, _ = (factory.assessed(now, by=by) for _ in range(3))
    services.accept(assessment=first, by=by, now=now)
    services.ask(assessment=second, question="?", by=by, now=now)
    reports.received(now)

    page = client.get(QUEUE).content.decode()

    for words in ("To decide (2)", "Open (1)", "Waiting for the reporter (1)", "Accepted (1)", "Withdrawn (0)"):
        assert words in page
    assert "1 more is with the rules" in page


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"state": "rejected"}, 1),
        ({"tier": "critical"}, 2),
        ({"tier": "low"}, 0),
        ({"gate": "none"}, 2),
        ({"gate": "reproduced"}, 0),
        ({"state": "nonsense", "tier": "<script>", "gate": "x"}, 2),
    ],
)
def test_the_queue_is_filtered(
    client: Client, now: datetime, ada: Party, *, asked: dict[str, str], number: int
) -> None:
    by = viewer_of(ada)
    for _ in range(2):
        factory.assessed(now, by=by)
    services.reject(assessment=factory.assessed(now, by=by), reason="No.", by=by, now=now)

    answer = client.get(QUEUE, asked)

    assert len(rows(answer)) == number
    assert b"<script>" not in answer.content


def test_two_hundred_reports_come_on_pages_with_few_queries_and_are_opened_once(
    client: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(201, now)
    opened: list[str] = []
    really = desk_queue.intake.opened
    monkeypatch.setattr(desk_queue.intake, "opened", lambda row: opened.append(row.pk) or really(row))

    with CaptureQueriesContext(connection) as counted:
        first = client.get(QUEUE)

    assert len(rows(first)) == 50
    assert len(opened) == len(set(opened)) == 50
    assert len(counted) <= 14
    last = client.get(QUEUE, {"page": 5})
    assert len(rows(last)) == 1
    assert rows(last)[0].startswith("201 ")
    numbers = [re.search(r"number (\d+)", row)[1] for row in rows(first)]
    assert numbers == sorted(numbers)
    assert "Page 1 of 5" in first.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_reports(client: Client, now: datetime) -> None:
    counts = []
    for number in (3, 30):
        Assessment.objects.all().delete()
        many(number, now)
        with CaptureQueriesContext(connection) as counted:
            assert len(rows(client.get(QUEUE))) == number
        counts.append(len(counted))

    assert counts[0] == counts[1]


def test_a_filter_stays_on_the_next_page(client: Client, now: datetime) -> None:
    many(51, now)

    page = client.get(QUEUE, {"gate": "none"}).content.decode()

    assert 'href="?gate=none&amp;page=2"' in page


def test_hostile_titles_stay_text_and_restricted_ones_are_marked(client: Client, now: datetime, ada: Party) -> None:
    by = viewer_of(ada)
    factory.assessed(now, by=by, told=records.report(title="<script>x</script>\u202e", description="a"))
    told = records.report(restricted_material=RestrictedMaterial.CLASSIFIED, description="DETAIL")
    factory.assessed(now, by=by, told=told)

    answer = client.get(QUEUE).content.decode()

    assert "&lt;script&gt;x&lt;/script&gt;⟨U+202E⟩" in answer
    assert "restricted material" in answer
    assert "DETAIL" not in answer


def test_a_shredded_report_is_a_line_and_not_a_failure(client: Client, now: datetime, ada: Party) -> None:
    assessment = factory.assessed(now, by=viewer_of(ada))
    vault.shred(assessment.report_id)

    assert "(cannot be opened any more)" in rows(client.get(QUEUE))[0]


def test_appeals_that_wait_are_told_on_top(client: Client, now: datetime, ada: Party) -> None:
    assert b"appeal" not in client.get(QUEUE).content.partition(b"<main")[2]
    by = viewer_of(ada)
    assessment = services.reject(assessment=factory.assessed(now, by=by), reason="No.", by=by, now=now)
    services.appeal(row=assessment.report, text="Why?", now=now)

    page = client.get(QUEUE).content.decode()

    assert "1 appeal waits" in page
    assert reverse("triage:appeals") in page


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), "in this hour"),
        (timedelta(minutes=-5), "in this hour"),
        (timedelta(minutes=59), "in this hour"),
        (HOUR, "1 hour ago"),
        (47 * HOUR, "47 hours ago"),
        (48 * HOUR, "2 days ago"),
        (timedelta(days=400, minutes=3), "400 days ago"),
    ],
)
def test_an_age_is_told_no_closer_than_the_hour(*, age: timedelta, words: str) -> None:
    assert age_in_words(age) == words


def test_the_age_and_the_hour_of_arrival_are_shown(client: Client, ada: Party) -> None:
    came = timezone.now() - 5 * HOUR
    factory.assessed(came, by=viewer_of(ada))

    shown = rows(client.get(QUEUE))[0]

    assert re.search(r"\b[56] hours ago", shown)
    assert f"{came:%Y-%m-%d %H}:00 UTC" in shown
