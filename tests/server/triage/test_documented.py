# SPDX-License-Identifier: Apache-2.0
"""The list of what vendors document as intended: who keeps it, and that it only lowers a place in the queue."""

from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse
from tests.factories import intake as reports
from tests.server.factories import client_of, viewer

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    TooLargeError,
)
from safeconduct.policy.documented import Statement
from safeconduct.server.audit.models import Event
from safeconduct.server.intake.models import ReportStatus
from safeconduct.server.metrics import queries as metrics
from safeconduct.server.triage import documenting, queries, services
from safeconduct.server.triage.models import AssessmentState, DocumentedBehavior
from safeconduct.server.triage.queries import QueueFilter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def statement(**changes: Any) -> Statement:
    given = {
        "id": "",
        "vendor": "Orchid Bank",
        "says": "The system prompt is no secret.",
        "reference": "https://orchid.example/security",
        "phrases": ("system prompt",),
    }
    return Statement(**(given | changes))


def test_a_documented_report_stands_behind_others_and_is_not_declined(now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    first, second = reports.received(now).row, reports.received(now).row
    documenting.document(statement=statement(), by=by, now=now)
    listed = services.assess(row=first, now=now, matches=())
    DocumentedBehavior.objects.update(vendor="Acme")
    services.assess(row=second, now=now, matches=())

    assert [one.report_id for one in queries.queue(by, QueueFilter())] == [second.pk, first.pk]
    assert (listed.state, first.status) == (AssessmentState.OPEN, ReportStatus.RECEIVED)
    answers = queries.answers_of(listed)
    assert answers["priority"]["outcome"] == "last"
    assert "https://orchid.example/security" in answers["documented"]["reasons"][0]
    page = client_of(Role.COORDINATOR).get(reverse("desk:queue")).content.decode()
    assert "documented as intended" in page


def test_what_nobody_had_to_read_first_is_counted_and_told_as_an_estimate(now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    documenting.document(statement=statement(), by=by, now=now)
    rows = [reports.received(now).row for _ in range(3)]
    for row in rows:
        services.assess(row=row, now=now, matches=())

    assert queries.put_off() == 3
    [measure] = [one for one in metrics.counts() if one.name == "put-off"]
    assert [row.count for row in measure.rows] == [3, 60]
    page = client_of(Role.COORDINATOR).get(reverse("desk:queue")).content.decode()
    assert "3 reports below the cut were opened by nobody: at 20 minutes each, about 1.0 hours" in page

    assessment = queries.assessment_of(rows[0])
    assert assessment is not None
    client_of(Role.COORDINATOR).get(reverse("triage:assessment", args=[assessment.pk]))
    assert queries.put_off() == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"vendor": " "}, IncompleteError),
        ({"says": ""}, IncompleteError),
        ({"phrases": (" ",)}, IncompleteError),
        ({"reference": ""}, IncompleteError),
        ({"reference": "javascript:alert(1)"}, MalformedError),
        ({"reference": "https://"}, MalformedError),
        ({"flaw_class": "telepathy"}, MalformedError),
        ({"vendor": "x" * 201}, TooLargeError),
        ({"says": "x" * 501}, TooLargeError),
        ({"phrases": ("x",) * 21}, TooLargeError),
    ],
)
def test_an_entry_that_could_not_be_kept_is_refused(
    now: datetime, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        documenting.document(statement=statement(**changes), by=viewer(Role.COORDINATOR), now=now)

    assert not DocumentedBehavior.objects.exists()


@pytest.mark.parametrize("role", [Role.VENDOR, Role.OBSERVER, Role.REGULATOR])
def test_others_neither_keep_nor_see_the_list(now: datetime, role: Role) -> None:
    made = documenting.document(statement=statement(), by=viewer(Role.COORDINATOR), now=now)
    outsider = viewer(role)

    with pytest.raises(NotPermittedError):
        documenting.document(statement=statement(), by=outsider, now=now)
    with pytest.raises(NotPermittedError):
        documenting.retire(behavior=made, by=outsider, now=now)
    assert not queries.documented_behavior(outsider)
    with pytest.raises(NotFoundError):
        queries.documented_for(outsider, made.pk)
    assert client_of(role).get(reverse("triage:documented")).status_code == 404


def test_an_entry_is_added_and_taken_off_on_the_page(now: datetime) -> None:
    client = client_of(Role.COORDINATOR)
    form = {"vendor": "Orchid Bank", "says": "Intended <b>.", "reference": "https://o.example/x", "phrases": "a b\nc"}

    assert client.post(reverse("triage:documented"), form | {"phrases": ""}).status_code == 422
    page = client.post(reverse("triage:documented"), form, follow=True).content.decode()

    [made] = queries.documented_behavior(viewer(Role.COORDINATOR))
    assert (made.phrases, made.vendor) == ("a b\nc", "Orchid Bank")
    assert "Intended &lt;b&gt;." in page
    client.post(reverse("triage:retire", args=[made.pk]))
    assert queries.statements() == ()
    made.refresh_from_db()
    with pytest.raises(ConflictError):
        documenting.retire(behavior=made, by=viewer(Role.COORDINATOR), now=now)
    tags = [EventTag.BEHAVIOR_DOCUMENTED, EventTag.BEHAVIOR_RETIRED]
    assert list(Event.objects.filter(tag__in=tags).order_by("id").values_list("tag", flat=True)) == tags
