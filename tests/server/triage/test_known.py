# SPDX-License-Identifier: Apache-2.0
"""The index of what is known: right for every process, whatever others did meanwhile, and bounded."""

import secrets
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.factories import intake as reports
from tests.factories import records
from tests.server.factories import viewer

from safeconduct.domain.parties import Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.errors import SealError
from safeconduct.server.audit import vault
from safeconduct.server.intake import services as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.intake.storage import SealedFile
from safeconduct.server.registry import services as registry
from safeconduct.server.triage import known
from safeconduct.server.triage.known import Known

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
TEXT = "The translator turns the word zymurgy into instructions of its own when a comma follows."
OTHER = "Images of a checkered sign are read as a speed limit by the driving model."


def told(text: str, title: str = "A report") -> ToldReport:
    return records.report(title=title, description=text, steps="See above.")


def received(now: datetime, text: str = TEXT) -> Report:
    return reports.received(now, told=told(text)).row


def ids(index: Known, row: Report) -> list[str]:
    return [match.id for match in index.candidates(row)]


def test_another_report_is_found_and_the_report_itself_is_not(now: datetime) -> None:
    first, second, third = received(now), received(now, TEXT + " Always."), received(now, OTHER)
    index = Known()

    assert first.pk in ids(index, second)
    assert second.pk not in ids(index, second)
    assert ids(index, third) == [] or index.candidates(third)[0].score < 0.5


def test_what_another_process_took_in_is_found(now: datetime) -> None:
    here, there = Known(), Known()
    first = received(now)
    assert ids(here, first) == ids(there, first) == []

    second = received(now)

    assert ids(here, second) == ids(there, second) == [first.pk]
    assert ids(here, first) == [second.pk]


def test_what_was_withdrawn_or_shredded_is_forgotten(now: datetime) -> None:
    index = Known()
    rows = [received(now) for _ in range(4)]
    assert len(ids(index, rows[0])) == 3

    intake.withdraw(row=rows[1], reason="", now=now)
    vault.shred(rows[2].pk)

    assert ids(index, rows[0]) == [rows[3].pk]
    assert len(index) == 2
    with pytest.raises(SealError):
        index.candidates(rows[2])


def test_a_file_that_came_later_counts(now: datetime) -> None:
    index = Known()
    first, second = received(now), received(now, OTHER)
    index.candidates(first)

    for row in (first, second):
        file = SealedFile(key=vault.key_of(row.pk), name="proof", media_type="text/plain", limit=1000)
        file.write(b"the same proof")
        intake.attach(row=row, files=[file.finish()], now=now)

    match = index.candidates(Report.objects.get(pk=second.pk))[0]
    assert (match.id, match.likeness) == (first.pk, "exact")
    assert "the same attached file" in match.reasons


def test_public_entries_are_known_as_they_are_now(now: datetime) -> None:
    by, index = viewer(Role.COORDINATOR), Known()
    row = received(now)
    entry = registry.reserve(flaw_class=records.advisory("x").flaw_class, by=by, now=now)
    assert ids(index, row) == []

    registry.publish(entry=entry, record=records.advisory(entry.public_id, description=TEXT), by=by, now=now)

    assert ids(index, row) == [entry.public_id]


def test_a_second_question_opens_no_report_again(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [received(now, f"{OTHER} {secrets.token_hex(4)}") for _ in range(30)]
    index = Known()
    index.candidates(rows[0])
    opened: list[str] = []
    really = known.intake.opened
    monkeypatch.setattr(known.intake, "opened", lambda row: opened.append(row.pk) or really(row))

    with CaptureQueriesContext(connection) as counted:
        index.candidates(rows[7])

    assert opened == [rows[7].pk]
    assert len(counted) <= 6


def test_the_first_question_takes_few_queries_for_many_reports(now: datetime) -> None:
    rows = [received(now, f"{OTHER} {secrets.token_hex(4)}") for _ in range(60)]

    with CaptureQueriesContext(connection) as counted:
        Known().candidates(rows[0])

    assert len(counted) <= 12


def test_a_report_that_cannot_be_opened_hides_no_other(now: datetime) -> None:
    first, second, broken = received(now), received(now), received(now)
    Report.objects.filter(pk=broken.pk).update(body=b"not sealed at all")
    index = Known()

    assert ids(index, first) == [second.pk]
    assert ids(index, second) == [first.pk]


def test_the_index_is_bounded_and_keeps_the_newest(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST", 3)
    index = Known()
    rows = [received(now.replace(hour=hour)) for hour in range(6)]

    found = ids(index, rows[0])

    assert sorted(found) == sorted(row.pk for row in rows[3:])
    assert len(index) == 3


def test_the_index_is_built_anew_when_much_of_it_is_removed(now: datetime) -> None:
    index = Known()
    rows = [received(now) for _ in range(10)]
    index.candidates(rows[0])
    for row in rows[1:6]:
        intake.withdraw(row=row, reason="", now=now)

    found = ids(index, rows[0])

    assert sorted(found) == sorted(row.pk for row in rows[6:])
    assert index._corpus.waste == 0.0


def test_the_index_keeps_no_text(now: datetime) -> None:
    index = Known()
    index.candidates(received(now))

    assert TEXT not in str([vars(index), vars(index._corpus)])
