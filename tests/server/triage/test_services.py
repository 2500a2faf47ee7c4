# SPDX-License-Identifier: Apache-2.0
"""The acts of triage: who may, what is kept, what the reporter reads, and what happens when two decide at once."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from tests.factories import intake as reports
from tests.factories import records
from tests.factories import triage as factory
from tests.server.factories import viewer

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    SafeconductError,
    SealError,
    TooLargeError,
    UnknownValueError,
)
from safeconduct.server.audit import vault
from safeconduct.server.audit.models import Event
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake import services as intake_services
from safeconduct.server.intake.models import MessageKind, Report, ReportStatus
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import services as registry
from safeconduct.server.triage import queries, services, tasks
from safeconduct.server.triage.models import Appeal, Assessment, AssessmentState
from safeconduct.server.triage.queries import QueueFilter

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
HOUR = timedelta(hours=1)
OUTSIDERS = [Role.VENDOR, Role.DEPLOYER, Role.OBSERVER, Role.REGULATOR, Role.ADMINISTRATOR]


@pytest.fixture
def by(db: None) -> Viewer:
    return viewer(Role.COORDINATOR)


@pytest.fixture
def assessment(now: datetime, by: Viewer) -> Assessment:
    return factory.assessed(now, by=by)


def overridden(assessment: Assessment, field: str, value: str, *, by: Viewer, now: datetime) -> Assessment:
    return services.override(assessment=assessment, field=field, value=value, reason="because", by=by, now=now)


def said(assessment: Assessment) -> list[tuple[str, str]]:
    return [(message.row.kind, message.text) for message in intake.messages_of(assessment.report)]


def rejected(now: datetime, by: Viewer) -> Assessment:
    return services.reject(assessment=factory.assessed(now, by=by), reason="Not ours.", by=by, now=now)


def appealed(now: datetime, by: Viewer) -> Appeal:
    return services.appeal(row=rejected(now, by).report, text="Please look again.", now=now)


def test_the_task_assesses_each_report_once(now: datetime) -> None:
    rows = [reports.received(now).row for _ in range(3)]

    assert tasks.assess(now) == 3
    assert tasks.assess(now) == 0

    assert Assessment.objects.count() == 3
    assert Event.objects.filter(tag=EventTag.ASSESSMENT_MADE, subject__in=[row.pk for row in rows]).count() == 3


def test_nothing_that_repeats_the_report_stands_in_clear(now: datetime, by: Viewer) -> None:
    told = records.report(title="xylophone", description="xylophone quixotry", steps="xylophone")
    reports.received(now, told=told)
    assessment = factory.assessed(now, by=by, told=told)
    services.override(assessment=assessment, field="cvss", value="", reason="a xylophone", by=by, now=now)
    appealing = services.reject(assessment=assessment, reason="no xylophone", by=by, now=now)
    services.appeal(row=appealing.report, text="yes, a xylophone", now=now)

    assert "xylophone" in str(queries.answers_of(assessment)["matches"])
    for table in (Assessment, Appeal):
        for row in table.objects.values():
            for value in row.values():
                shown = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                assert b"xylophone" not in shown


def test_an_override_is_kept_with_who_when_and_why_and_the_rules_are_asked_again(
    now: datetime, by: Viewer, assessment: Assessment
) -> None:
    before = queries.answers_of(assessment)["severity"]["reasons"]

    overridden(assessment, "cvss", factory.CVSS, by=by, now=now + HOUR)
    changed = overridden(assessment, "profile", factory.PROFILE, by=by, now=now + 2 * HOUR)

    assert [(one["field"], one["by"], one["reason"]) for one in queries.overrides_of(changed)] == [
        ("cvss", by.actor, "because"),
        ("profile", by.actor, "because"),
    ]
    assert queries.overrides_of(changed)[1]["at"] == (now + 2 * HOUR).isoformat()
    assert changed.cvss_vector == factory.CVSS
    assert queries.answers_of(changed)["severity"]["reasons"] != before
    assert Event.objects.filter(tag=EventTag.ASSESSMENT_OVERRIDDEN, actor=by.actor).count() == 2


def test_an_override_can_be_taken_back(now: datetime, by: Viewer, assessment: Assessment) -> None:
    overridden(assessment, "exploitation", "active", by=by, now=now)

    assert overridden(assessment, "exploitation", "", by=by, now=now).exploitation == "none"


@pytest.mark.parametrize(
    ("field", "value", "reason", "refusal"),
    [
        ("tier", "none", "x", UnknownValueError),
        ("exploitation", "maybe", "x", UnknownValueError),
        ("tracks", "nonsense", "x", UnknownValueError),
        ("cvss", "CVSS:3.1/AV:N", "x", MalformedError),
        ("cvss", "x" * 2000, "x", TooLargeError),
        ("profile", "MLP:1.0/SR:Q", "x", UnknownValueError),
        ("profile", "what", "x", MalformedError),
        ("cvss", factory.CVSS, "  ", IncompleteError),
        ("cvss", factory.CVSS, "x" * 20_000, TooLargeError),
    ],
)
def test_a_wrong_override_changes_nothing(
    now: datetime, by: Viewer, assessment: Assessment, *, field: str, value: str, reason: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        services.override(assessment=assessment, field=field, value=value, reason=reason, by=by, now=now)

    assert queries.overrides_of(Assessment.objects.get(pk=assessment.pk)) == []


@pytest.mark.parametrize("role", OUTSIDERS)
def test_nobody_else_may_act_or_see(now: datetime, by: Viewer, assessment: Assessment, role: Role) -> None:
    outsider = viewer(role)
    appeal = appealed(now, by)
    other = reports.received(now).row
    acts: list[Callable[[], object]] = [
        lambda: overridden(assessment, "cvss", "", by=outsider, now=now),
        lambda: services.ask(assessment=assessment, question="?", by=outsider, now=now),
        lambda: services.accept(assessment=assessment, by=outsider, now=now),
        lambda: services.reject(assessment=assessment, reason="x", by=outsider, now=now),
        lambda: services.mark_duplicate(assessment=assessment, original=other, by=outsider, now=now),
        lambda: services.decide_appeal(appeal=appeal, upheld=True, reason="x", by=outsider, now=now),
        lambda: services.reveal(assessment=assessment, by=outsider, now=now),
    ]

    for act in acts:
        with pytest.raises(NotPermittedError):
            act()
    with pytest.raises(NotFoundError):
        queries.assessment_for(outsider, assessment.pk)
    with pytest.raises(NotFoundError):
        queries.appeal_for(outsider, appeal.pk)
    with pytest.raises(NotFoundError):
        queries.report_to_compare(outsider, other.pk)
    assert not queries.queue(outsider, QueueFilter()).exists()
    assert sum(queries.counts(outsider).values()) == 0
    assert queries.unassessed(outsider) == 0


def test_a_question_waits_for_its_answer_and_the_answer_opens_the_assessment_again(
    now: datetime, by: Viewer, assessment: Assessment
) -> None:
    services.ask(assessment=assessment, question="Which version?", by=by, now=now)
    assessment.refresh_from_db()
    assert assessment.state == AssessmentState.WAITING
    assert said(assessment) == [(MessageKind.QUESTION, "Which version?")]
    assert tasks.assess(now) == 0

    intake_services.answer(row=assessment.report, text="The newest.", now=now)
    assert tasks.assess(now + HOUR) == 1

    assessment.refresh_from_db()
    assert assessment.state == AssessmentState.OPEN


def test_an_empty_question_changes_nothing(now: datetime, by: Viewer, assessment: Assessment) -> None:
    with pytest.raises(IncompleteError):
        services.ask(assessment=assessment, question=" ", by=by, now=now)

    assessment.refresh_from_db()
    assert assessment.state == AssessmentState.OPEN


def test_a_rejection_is_told_with_its_reason(now: datetime, by: Viewer) -> None:
    assessment = rejected(now, by)

    assert said(assessment) == [(MessageKind.DECISION, "Not ours.")]
    assert Report.objects.get(pk=assessment.report_id).status == ReportStatus.REJECTED
    assert (assessment.state, assessment.decided_by_id) == (AssessmentState.REJECTED, by.party_id)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 20_000])
def test_a_rejection_without_a_sane_reason_changes_nothing(
    now: datetime, by: Viewer, assessment: Assessment, reason: str
) -> None:
    with pytest.raises((IncompleteError, TooLargeError)):
        services.reject(assessment=assessment, reason=reason, by=by, now=now)

    assert said(assessment) == []


def test_what_is_decided_stays_decided(now: datetime, by: Viewer) -> None:
    assessment = rejected(now, by)
    other = reports.received(now).row

    acts: list[Callable[[], object]] = [
        lambda: services.accept(assessment=assessment, by=by, now=now),
        lambda: services.reject(assessment=assessment, reason="x", by=by, now=now),
        lambda: services.ask(assessment=assessment, question="?", by=by, now=now),
        lambda: services.mark_duplicate(assessment=assessment, original=other, by=by, now=now),
        lambda: overridden(assessment, "cvss", "", by=by, now=now),
    ]
    for act in acts:
        with pytest.raises(ConflictError, match="was decided: not accepted"):
            act()
    assert services.assess(row=assessment.report, now=now + HOUR).changed_at == assessment.changed_at


def test_a_withdrawn_report_is_decided_by_nobody_and_leaves_the_queue(
    now: datetime, by: Viewer, assessment: Assessment
) -> None:
    intake_services.withdraw(row=assessment.report, reason="", now=now)

    for act in (services.accept,):
        with pytest.raises(ConflictError, match="over"):
            act(assessment=assessment, by=by, now=now)
    assert not queries.queue(by, QueueFilter()).exists()
    assert not queries.queue(by, QueueFilter(state="open")).exists()
    assert queries.queue(by, QueueFilter(state="withdrawn")).get() == assessment
    assert queries.counts(by)["withdrawn"] == 1
    assert queries.counts(by)["open"] == 0


def test_a_duplicate_stays_linked_and_its_reporter_is_told(now: datetime, by: Viewer, assessment: Assessment) -> None:
    original = factory.assessed(now, by=by).report

    marked = services.mark_duplicate(assessment=assessment, original=original, by=by, now=now)

    assert (marked.state, marked.duplicate_of) == (AssessmentState.DUPLICATE, original)
    assert "was reported before" in said(assessment)[0][1]
    assert original.pk not in said(assessment)[0][1]


def test_a_public_entry_may_be_the_original(now: datetime, by: Viewer, assessment: Assessment) -> None:
    entry = registry.reserve(flaw_class=records.advisory("x").flaw_class, by=by, now=now)
    registry.publish(entry=entry, record=records.advisory(entry.public_id), by=by, now=now)

    marked = services.mark_duplicate(assessment=assessment, original=entry, by=by, now=now)

    assert (marked.duplicate_of, marked.duplicate_entry) == (None, entry)
    assert entry.public_id in said(assessment)[0][1]


def test_a_report_is_no_duplicate_of_itself_of_a_duplicate_or_of_what_was_withdrawn(
    now: datetime, by: Viewer, assessment: Assessment
) -> None:
    first, second = factory.assessed(now, by=by), factory.assessed(now, by=by)
    services.mark_duplicate(assessment=second, original=first.report, by=by, now=now)
    gone = reports.received(now).row
    intake_services.withdraw(row=gone, reason="", now=now)

    for original in (assessment.report, second.report, gone):
        with pytest.raises(ConflictError):
            services.mark_duplicate(assessment=assessment, original=original, by=by, now=now)
    assert said(assessment) == []


def test_an_appeal_needs_a_decision_a_text_and_is_made_once(now: datetime, by: Viewer, assessment: Assessment) -> None:
    with pytest.raises(ConflictError, match="no decision"):
        services.appeal(row=assessment.report, text="Why?", now=now)
    with pytest.raises(ConflictError, match="no decision"):
        services.appeal(row=reports.received(now).row, text="Why?", now=now)
    row = services.reject(assessment=assessment, reason="No.", by=by, now=now).report
    with pytest.raises(IncompleteError):
        services.appeal(row=row, text=" ", now=now)

    appeal = services.appeal(row=row, text="Why?", now=now + timedelta(minutes=40))
    with pytest.raises(ConflictError, match="looked at"):
        services.appeal(row=row, text="Why??", now=now)

    assert queries.appeal_for(by, appeal.pk).text == "Why?"
    assert appeal.made_at == now
    assert said(assessment)[-1] == (MessageKind.APPEAL, "Why?")


def test_an_upheld_appeal_opens_the_assessment_again(now: datetime, by: Viewer) -> None:
    appeal = appealed(now, by)

    opened = services.decide_appeal(
        appeal=appeal, upheld=True, reason="You are right.", by=viewer(Role.COORDINATOR), now=now
    )

    assert (opened.state, opened.decided_by, opened.decided_at) == (AssessmentState.OPEN, None, None)
    assert Report.objects.get(pk=opened.report_id).status == ReportStatus.IN_TRIAGE
    assert said(opened)[-1] == (MessageKind.DECISION, "You are right.")
    services.accept(assessment=opened, by=by, now=now)


def test_an_upheld_appeal_of_a_duplicate_takes_the_link_away(now: datetime, by: Viewer, assessment: Assessment) -> None:
    original = reports.received(now).row
    services.mark_duplicate(assessment=assessment, original=original, by=by, now=now)
    appeal = services.appeal(row=assessment.report, text="It is another.", now=now)

    opened = services.decide_appeal(appeal=appeal, upheld=True, reason="Yes.", by=viewer(Role.COORDINATOR), now=now)

    assert opened.duplicate_of is None


def test_an_appeal_that_is_not_upheld_leaves_the_decision_and_another_appeal_is_possible(
    now: datetime, by: Viewer
) -> None:
    appeal = appealed(now, by)

    stands = services.decide_appeal(appeal=appeal, upheld=False, reason="No.", by=viewer(Role.COORDINATOR), now=now)

    assert stands.state == AssessmentState.REJECTED
    assert not queries.open_appeals(by).exists()
    assert services.appeal(row=stands.report, text="There is more.", now=now).pk != appeal.pk


def test_who_decided_does_not_decide_on_the_appeal(now: datetime, by: Viewer) -> None:
    appeal = appealed(now, by)

    with pytest.raises(ConflictError, match="somebody else"):
        services.decide_appeal(appeal=appeal, upheld=True, reason="Hm.", by=by, now=now)

    assert queries.open_appeals(by).get() == appeal


def test_an_appeal_is_decided_once_and_with_a_reason(now: datetime, by: Viewer) -> None:
    appeal, other = appealed(now, by), viewer(Role.COORDINATOR)
    with pytest.raises(IncompleteError):
        services.decide_appeal(appeal=appeal, upheld=True, reason="", by=other, now=now)
    services.decide_appeal(appeal=appeal, upheld=False, reason="No.", by=other, now=now)

    with pytest.raises(ConflictError, match="is decided"):
        services.decide_appeal(appeal=appeal, upheld=True, reason="Yes.", by=other, now=now)


def test_a_shredded_report_is_told_as_such(now: datetime, by: Viewer, assessment: Assessment) -> None:
    vault.shred(assessment.report_id)

    for read in (queries.answers_of, lambda one: services.assess(row=one.report, now=now)):
        with pytest.raises(SealError):
            read(assessment)


def test_the_queue_filters_by_state_tier_and_gate(now: datetime, by: Viewer) -> None:
    first, second, third = (factory.assessed(now, by=by) for _ in range(3))
    services.accept(assessment=third, by=by, now=now)
    Assessment.objects.filter(pk=first.pk).update(tier="low", gate="reproduced")
    Report.objects.filter(pk=first.report_id).update(has_bundle=True)

    def found(**wanted: str) -> set[str]:
        return set(queries.queue(by, QueueFilter(**wanted)).values_list("pk", flat=True))

    assert found() == found(state="open") == {first.pk, second.pk}
    assert found(state="accepted") == {third.pk}
    assert found(tier="low") == found(gate="reproduced") == {first.pk}
    assert found(gate="none") == {second.pk}
    assert found(gate="not_run") == set()
    assert found(state="nonsense") == set()
    counted = queries.counts(by)
    assert (counted["open"], counted["accepted"]) == (2, 1)


def test_a_report_that_cannot_be_read_keeps_no_other_waiting(now: datetime) -> None:
    broken, good = reports.received(now).row, reports.received(now).row
    Report.objects.filter(pk=broken.pk).update(body=b"nonsense")

    assert tasks.assess(now) == 1

    assert queries.assessment_of(good) is not None


def run_at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts in threads of their own at the same time; return what each gave or how it was refused."""
    start, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        try:
            start.wait()
            results[number] = acts[number]()
        except SafeconductError as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(now: datetime) -> None:
    ada, bob = viewer(Role.COORDINATOR), viewer(Role.COORDINATOR)
    assessment = factory.assessed(now, by=ada)

    results = run_at_once(
        lambda: services.accept(assessment=assessment, by=ada, now=now),
        lambda: services.reject(assessment=assessment, reason="No.", by=bob, now=now),
    )

    lost = [result for result in results if isinstance(result, ConflictError)]
    assert len(lost) == 1
    assert "was decided" in lost[0].message
    assessment.refresh_from_db()
    row = Report.objects.get(pk=assessment.report_id)
    assert (assessment.state, row.status) in {("accepted", "accepted"), ("rejected", "rejected")}
    assert len(said(assessment)) == (assessment.state == "rejected")


@pytest.mark.django_db(transaction=True)
def test_two_reports_are_not_made_duplicates_of_each_other(now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    one, other = factory.assessed(now, by=by), factory.assessed(now, by=by)

    results = run_at_once(
        lambda: services.mark_duplicate(assessment=one, original=other.report, by=by, now=now),
        lambda: services.mark_duplicate(assessment=other, original=one.report, by=by, now=now),
    )

    assert sum(isinstance(result, ConflictError) for result in results) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_assessment(now: datetime) -> None:
    row = reports.received(now).row

    results = run_at_once(*[lambda: services.assess(row=row, now=now)] * 3)

    assert {result.pk for result in results} == {Assessment.objects.get().pk}
    assert Event.objects.filter(tag=EventTag.ASSESSMENT_MADE).count() == 1


@pytest.mark.django_db(transaction=True)
def test_overrides_at_once_are_all_kept(now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    assessment = factory.assessed(now, by=by)

    run_at_once(
        lambda: overridden(assessment, "cvss", factory.CVSS, by=by, now=now),
        lambda: overridden(assessment, "exploitation", "active", by=by, now=now),
        lambda: overridden(assessment, "tracks", "limitation", by=by, now=now),
        lambda: services.assess(row=assessment.report, now=now),
    )

    assessment.refresh_from_db()
    assert {one["field"] for one in queries.overrides_of(assessment)} == {"cvss", "exploitation", "tracks"}
    assert (assessment.cvss_vector, assessment.exploitation) == (factory.CVSS, "active")
    assert assessment.tracks == ["limitation"]


@pytest.mark.django_db(transaction=True)
def test_two_appeals_at_once_become_one(now: datetime) -> None:
    row = rejected(now, viewer(Role.COORDINATOR)).report

    results = run_at_once(*[lambda: services.appeal(row=Report.objects.get(pk=row.pk), text="Why?", now=now)] * 2)

    assert sum(isinstance(result, ConflictError) for result in results) == 1
    assert Appeal.objects.count() == 1
