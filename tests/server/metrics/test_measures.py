# SPDX-License-Identifier: Apache-2.0
"""Measures: defined, counted from facts, silent about single cases, and the same for people and machines."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import intake
from tests.factories.clock import Clock
from tests.server.factories import viewer

from safeconduct.domain.parties import Role
from safeconduct.server.intake import services
from safeconduct.server.intake.models import Report, ReportStatus
from safeconduct.server.metrics import queries
from safeconduct.server.metrics.measures import LEAST, Span, percentile, time_measure

BEGIN = datetime(2026, 1, 1, 12, 0)  # noqa: DTZ001  # differences only


def spans(*days: float | None, tier: str = "high") -> list[Span]:
    return [Span(tier=tier, begin=BEGIN, end=None if day is None else BEGIN + timedelta(days=day)) for day in days]


def measured(given_spans: list[Span]):
    return time_measure(name="x", title="X", definition="…", spans=given_spans, tiers=("high", "low"))


def test_what_is_not_done_is_counted_apart_and_never_as_zero() -> None:
    row = measured(spans(2, 4, None)).rows[0]

    assert (row.done, row.waiting, row.median) == (2, 1, 2.0)


def test_a_tier_with_few_cases_is_not_shown() -> None:
    rows = measured(spans(*[1.0] * (LEAST - 1)) + spans(*[1.0] * LEAST, tier="low")).rows

    assert [row.tier for row in rows] == ["all", "low"]


def test_a_tier_with_few_that_are_done_shows_no_time() -> None:
    [_, few] = measured(spans(7.0, 8.0, None)).rows
    [_, enough] = measured(spans(7.0, 8.0, 9.0)).rows

    assert (few.done, few.waiting, few.median, few.p90) == (2, 1, None, None)
    assert enough.median == 8.0


def test_what_ended_before_is_neither_done_nor_open() -> None:
    over = [replace(span, is_over=True) for span in spans(None, 4.0)]

    row = measured([*over, *spans(None)]).rows[0]

    assert (row.done, row.waiting) == (1, 1)


@pytest.mark.django_db
@pytest.mark.usefixtures("own_home")
def test_a_withdrawn_report_is_not_said_to_wait(now: datetime) -> None:
    row = intake.received(now).row
    Report.objects.filter(pk=row.pk).update(status=ReportStatus.WITHDRAWN)

    assert {measure.name: measure.rows[0].waiting for measure in queries.times()}["acknowledge"] == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["high", "low"]), st.none() | st.floats(-10, 1000, allow_nan=False), st.booleans())
    )
)
def test_every_span_is_counted_once_and_no_time_is_negative(given_spans: list[tuple[str, float | None, bool]]) -> None:
    made = [replace(spans(day, tier=tier)[0], is_over=over) for tier, day, over in given_spans]
    rows = measured(made).rows

    known = [span for span in made if span.end is not None or not span.is_over]
    assert rows[0].done + rows[0].waiting == len(known)
    for row in rows:
        assert row.median is None or 0 <= row.median <= row.p90


def test_nothing_done_gives_no_number() -> None:
    assert measured(spans(None)).rows[0].median is None


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_and_enough_lie_below(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@pytest.mark.django_db
@pytest.mark.usefixtures("own_home")
def test_the_page_and_the_numbers_agree(now: datetime, client: Client) -> None:
    row = intake.received(now).row
    services.mark_opened(row=row, by=viewer(Role.COORDINATOR), now=now + timedelta(days=3))

    page = client.get("/measures/").content.decode()
    numbers = client.get("/measures/numbers.json").json()

    assert numbers["counts"][0]["rows"][0] == {"what": "received", "count": 1, "of": None}
    assert numbers["times"][0]["rows"][0]["median"] == 3.0
    assert '<td class="number">3.0</td>' in page
    assert row.pk not in page


@pytest.mark.django_db
@pytest.mark.usefixtures("own_home")
def test_the_numbers_do_not_tell_when_a_report_arrived(now: datetime, client: Client, clock: Clock) -> None:
    def received() -> int:
        return client.get("/measures/numbers.json").json()["counts"][0]["rows"][0]["count"]

    before = received()
    intake.received(now)

    assert (before, received()) == (0, 0)
    clock.pass_by(hours=1)
    assert received() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("own_home")
def test_a_report_that_could_not_be_run_is_not_counted_as_failed(now: datetime) -> None:
    intake.received(now)

    rows = {row.what: row for row in queries.counts()[1].rows}

    assert rows["reproduced"].share is None


@pytest.mark.django_db
def test_the_chart_is_a_document_that_may_do_nothing(client: Client) -> None:
    response = client.get("/measures/times.svg")

    assert response["Content-Type"] == "image/svg+xml"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(rb"""(?:href|src)=["']https?:""", response.content)
    assert client.get("/measures/times.svg", headers={"If-None-Match": response["ETag"]}).status_code == 304
