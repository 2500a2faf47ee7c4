# SPDX-License-Identifier: Apache-2.0
"""The evidence gate against real endpoints on loopback: what it finds, what it spends, what a crash leaves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from tests.factories import authorizations as targets
from tests.factories import intake as reports
from tests.factories import triage as factory
from tests.factories.spine import ATTACK, CANARY, bundle_bytes, report_with_bundle
from tests.server.factories import viewer
from tests.verification.bundles import evasion_bundle, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.bundle import Limits, Oracle
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.script import CodeCheck, CodeFile
from safeconduct.errors import ConflictError, NotPermittedError
from safeconduct.server.audit import vault
from safeconduct.server.audit.models import Event
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake import services as intake_services
from safeconduct.server.intake.models import Report, ReportStatus
from safeconduct.server.triage import gate, queries, running, services, tasks
from safeconduct.server.triage.gate import ATTEMPTS, HOUR
from safeconduct.server.triage.models import GateRun, GateState
from safeconduct.server.triage.queries import QueueFilter
from safeconduct.verification.bundle import zip_bundle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
MINUTE = timedelta(minutes=1)
HARMLESS_CALLS = 3


@contextmanager
def leaking(**options: Any) -> Iterator[Endpoint]:
    with endpoint(canary=CANARY, **({"rate": 1.0, "only_for": ATTACK} | options)) as server:
        yield server


def granted(server: Endpoint, now: datetime, **changes: Any) -> Target:
    caps = {"calls": 500, "call_seconds": 5.0} | changes.pop("caps", {})
    return targets.granted(now, url=server.url, allow_private=True, caps=caps, **changes)


def last(row: Report) -> tuple[GateRun, dict[str, Any]]:
    run = queries.last_run(row)
    assert run is not None
    return run, queries.detail_of(run)


def spent(target: Target) -> tuple[int, int]:
    target.refresh_from_db()
    return target.calls_used, target.calls_reserved


def test_without_a_target_a_report_waits_as_not_run_and_never_as_failed(now: datetime) -> None:
    row = report_with_bundle(now).row

    assert tasks.run_gate(now) == 0

    run, detail = last(row)
    assert (run.state, detail["reason"]) == (GateState.NOT_RUN, gate.NO_TARGET)
    assert [event.facts["state"] for event in Event.objects.filter(tag=EventTag.GATE_SKIPPED)] == ["not_run"]
    assessment = queries.assessment_of(row)
    assert assessment is not None
    assert queries.answers_of(assessment)["priority"]["outcome"] == "waiting"


def test_a_report_that_waits_is_not_looked_at_again_until_a_target_comes(now: datetime) -> None:
    row = report_with_bundle(now).row
    tasks.run_gate(now)

    for later in (1, 60, 6000):
        assert queries.to_gate(now + later * MINUTE, 20) == []
    targets.granted(now + MINUTE, model="another")
    assert queries.to_gate(now + MINUTE, 20) == [row]
    tasks.run_gate(now + 3 * MINUTE)

    assert queries.to_gate(now + 4 * MINUTE, 20) == []
    assert GateRun.objects.count() == 1
    assert Event.objects.filter(tag=EventTag.GATE_SKIPPED).count() == 1


def test_a_grant_that_is_saved_while_a_look_goes_on_is_not_missed(now: datetime) -> None:
    row = report_with_bundle(now).row
    tasks.run_gate(now)

    with leaking() as server:
        granted(server, now - MINUTE)
        tasks.run_gate(now + timedelta(seconds=2))

    assert last(row)[0].state == GateState.REPRODUCED


def test_the_gate_runs_when_a_target_is_granted_later_and_the_report_goes_ahead(now: datetime) -> None:
    told = reports.received(now).row
    row = report_with_bundle(now).row
    tasks.assess(now)
    tasks.run_gate(now)

    with leaking() as server:
        target = granted(server, now + MINUTE)
        assert tasks.run_gate(now + 2 * MINUTE) == 1

    run, detail = last(row)
    assert (run.state, run.hits, run.calls) == (GateState.REPRODUCED, 3, HARMLESS_CALLS + 3)
    assert (run.target, run.attempts, run.reserved, run.lease_until) == (target, 1, 0, None)
    assert spent(target) == (6, 0)
    assert target.tokens_used == 6 * 7
    assert sum(counts.get("hit", 0) for counts in detail["families"].values()) == 3
    assert detail["fingerprint"].startswith("openai-chat orchid-assistant-1")
    order = [found.report_id for found in queries.queue(viewer(Role.COORDINATOR), QueueFilter())]
    assert order == [row.pk, told.pk]


def test_a_target_that_does_not_leak_does_not_reproduce(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(rate=0.0) as server:
        target = granted(server, now)
        tasks.run_gate(now)

    run, detail = last(row)
    assert (run.state, run.hits, detail["n"]) == (GateState.NOT_REPRODUCED, 0, 40)
    assert spent(target) == (HARMLESS_CALLS + 40, 0)
    assessment = queries.assessment_of(row)
    assert assessment is not None
    assert queries.answers_of(assessment)["priority"]["outcome"] == "doubted"
    assert queries.to_gate(now + 100 * HOUR, 20) == []


def test_an_oracle_that_hits_everything_proves_nothing(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(only_for="") as server:
        granted(server, now)
        tasks.run_gate(now)

    run, detail = last(row)
    assert run.state == GateState.INVALID
    assert "harmless prompt" in detail["reason"]
    assessment = queries.assessment_of(row)
    assert assessment is not None
    assert queries.answers_of(assessment)["priority"]["outcome"] == "told"


@pytest.mark.parametrize(
    "manner", ["500", "401", "garbage", "list", "silent", "deep", "redirect", "gzip", "cut", "flood"]
)
def test_a_target_that_fails_is_an_error_and_is_tried_again_three_times_at_most(now: datetime, manner: str) -> None:
    row = report_with_bundle(now).row

    with endpoint(canary=CANARY, manner=manner) as server:
        target = granted(server, now)
        for attempt in range(1, ATTEMPTS + 1):
            at = now + attempt * HOUR
            assert queries.to_gate(at - 2 * MINUTE, 20) == ([row] if attempt == 1 else [])
            tasks.run_gate(at)
            assert (last(row)[0].state, last(row)[0].attempts) == (GateState.ERROR, attempt)

    assert queries.to_gate(now + 100 * HOUR, 20) == []
    assert spent(target) == (ATTEMPTS, 0)
    assert queries.reproduction_of(row).value == "not_run"


@pytest.mark.parametrize("manner", ["hang", "drip"])
def test_a_target_that_hangs_ends_at_the_grant_s_seconds(now: datetime, manner: str) -> None:
    row = report_with_bundle(now).row

    with endpoint(canary=CANARY, manner=manner) as server:
        granted(server, now, caps={"call_seconds": 0.2})
        tasks.run_gate(now)

    run, detail = last(row)
    assert run.state == GateState.ERROR
    assert "did not answer in time" in detail["reason"]


def test_an_error_is_mended_by_a_later_try(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(manner="500") as server:
        granted(server, now)
        tasks.run_gate(now)
        server.manner = "well"
        tasks.run_gate(now + HOUR)

    assert [run.state for run in queries.runs_of(row)] == [GateState.REPRODUCED, GateState.ERROR]
    assessment = queries.assessment_of(row)
    assert assessment is not None
    assert assessment.gate == GateState.REPRODUCED


def test_a_suspended_target_is_not_used_and_its_reports_wait(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking() as server:
        target = granted(server, now)
        authorizing.suspend(target=target, reason="maintenance", by=targets.OPERATOR, now=now)
        tasks.run_gate(now)
        assert (last(row)[0].state, server.asked) == (GateState.NOT_RUN, [])

        authorizing.resume(target=target, reason="done", by=targets.OPERATOR, now=now + 5 * MINUTE)
        tasks.run_gate(now + 6 * MINUTE)
        assert last(row)[0].state == GateState.REPRODUCED


def test_a_window_that_opens_later_is_waited_for(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking() as server:
        granted(server, now, starts_at=now + 30 * MINUTE, ends_at=now + 60 * MINUTE)
        tasks.run_gate(now)
        assert last(row)[0].state == GateState.NOT_RUN

        assert queries.to_gate(now + 29 * MINUTE, 20) == []
        tasks.run_gate(now + 31 * MINUTE)
        assert last(row)[0].state == GateState.REPRODUCED


def test_caps_hold_over_all_runs(now: datetime) -> None:
    rows = [report_with_bundle(now).row for _ in range(3)]

    with leaking(rate=0.0) as server:
        target = granted(server, now, caps={"calls": 100})
        tasks.run_gate(now)

        states = [last(row)[0].state for row in rows]
        assert sorted(states) == [GateState.NOT_REPRODUCED, GateState.NOT_REPRODUCED, GateState.NOT_RUN]
        assert (spent(target), len(server.asked)) == ((86, 0), 86)
    waiting = next(row for row in rows if last(row)[0].state == GateState.NOT_RUN)
    assert "fewer than 43 calls are left" in last(waiting)[1]["reason"]


def test_a_bundle_for_another_kind_of_target_waits(now: datetime) -> None:
    row = report_with_bundle(now, zip_bundle(evasion_bundle())).row

    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)
        assert server.asked == []

    assert last(row)[1]["reason"] == gate.OTHER_KIND


def test_the_limits_of_the_bundle_are_kept_too(now: datetime) -> None:
    row = report_with_bundle(now, zip_bundle(leak_bundle(limits=Limits(calls=10)))).row
    tight = report_with_bundle(now, zip_bundle(leak_bundle(limits=Limits(calls=5)))).row

    with leaking(rate=0.0) as server:
        granted(server, now)
        tasks.run_gate(now)
        assert len(server.asked) == 10

    assert last(row)[1]["n"] == 7
    assert (last(tight)[0].state, last(tight)[1]["reason"]) == (
        GateState.INVALID,
        "limits.json: it allows too few calls to show anything",
    )


def test_a_bundle_with_code_waits_for_a_person_and_is_not_called_invalid(now: datetime) -> None:
    code = CodeFile(name="judge.py", text="def judge(reply):\n    return 'miss'\n")
    bundle = leak_bundle(code=(code,), oracle=Oracle(checks=(CodeCheck(file="judge.py"),)))
    row = report_with_bundle(now, zip_bundle(bundle)).row

    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)
        assert server.asked == []

    run, detail = last(row)
    assert run.state == GateState.NOT_RUN
    assert detail["reason"] == "the bundle holds code that nobody has approved"


def test_a_secret_that_vanished_is_an_error_before_any_call(now: datetime) -> None:
    row = report_with_bundle(now).row
    targets.write_secret("ACME_KEY")

    with leaking() as server:
        target = granted(server, now, secret_name="ACME_KEY")
        targets.write_secret("ACME_KEY", b"")
        tasks.run_gate(now)
        assert server.asked == []

    assert last(row)[0].state == GateState.ERROR
    assert spent(target) == (0, 0)


def test_the_secret_goes_to_the_target_and_nowhere_else(now: datetime) -> None:
    row = report_with_bundle(now).row
    secret = targets.write_secret("ACME_KEY").decode()

    with leaking() as server:
        granted(server, now, secret_name="ACME_KEY")
        tasks.run_gate(now)
        assert server.headers[0]["Authorization"] == f"Bearer {secret}"

    run, detail = last(row)
    assert secret not in str(detail)
    assert CANARY.encode() not in bytes(run.detail)
    assert b"reason" not in bytes(run.detail)


class _Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that lets the next run end in the middle, as kill -9 does."""

    def crash(*_: object, **__: object) -> None:
        raise _Crash

    def prepare() -> None:
        monkeypatch.setattr(gate, "attempt", crash)

    return prepare


def test_a_run_that_a_crash_left_is_made_again_when_its_lease_ends(
    now: datetime, crashing: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = report_with_bundle(now).row
    attempt = gate.attempt
    with leaking() as server:
        target = granted(server, now)
        crashing()
        with pytest.raises(_Crash):
            tasks.run_gate(now)
        run, _ = last(row)
        assert run.state == GateState.RUNNING
        assert run.lease_until is not None
        assert spent(target) == (0, 129)

        monkeypatch.setattr(gate, "attempt", attempt)
        assert queries.to_gate(run.lease_until - MINUTE, 20) == []
        tasks.run_gate(run.lease_until + MINUTE)

    assert [(one.state, one.attempts) for one in queries.runs_of(row)] == [("reproduced", 2), ("error", 1)]
    assert queries.detail_of(queries.runs_of(row)[1])["reason"] == gate.BROKE_OFF
    assert spent(target) == (129 + 6, 0)


def test_a_run_that_breaks_off_each_time_ends_as_an_error(now: datetime, crashing: Callable[[], None]) -> None:
    row = report_with_bundle(now).row
    at = now
    with leaking() as server:
        granted(server, now)
        crashing()
        for _ in range(ATTEMPTS):
            with pytest.raises(_Crash):
                tasks.run_gate(at)
            at = (last(row)[0].lease_until or at) + MINUTE
        tasks.run_gate(at)

    assert [run.state for run in queries.runs_of(row)] == [GateState.ERROR] * ATTEMPTS
    assert queries.to_gate(at + 100 * HOUR, 20) == []


def test_a_run_that_a_crash_left_is_closed_also_when_its_report_was_decided_or_shredded(
    now: datetime, crashing: Callable[[], None]
) -> None:
    by = viewer(Role.COORDINATOR)
    rows = [report_with_bundle(now).row for _ in range(2)]
    assessment = services.assess(row=rows[0], now=now)
    with leaking() as server:
        target = granted(server, now)
        crashing()
        for _ in rows:
            with pytest.raises(_Crash):
                tasks.run_gate(now)
    services.accept(assessment=assessment, by=by, now=now)
    vault.shred(rows[1].pk)
    assert spent(target) == (0, 258)

    assert tasks.run_gate(now + 100 * MINUTE) == 0

    assert spent(target) == (258, 0)
    assert {run.state for run in GateRun.objects.all()} == {GateState.ERROR}
    assessment.refresh_from_db()
    assert assessment.gate == GateState.ERROR


def test_a_worker_whose_lease_ended_writes_nothing_over_the_next_one(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = report_with_bundle(now).row
    attempt, held = gate.attempt, []

    def slow(*given: Any, **named: Any) -> running.Outcome:
        if not held:
            held.append(attempt(*given, **named))
            tasks.run_gate((last(row)[0].lease_until or now) + MINUTE)
            return held[0]
        return attempt(*given, **named)

    monkeypatch.setattr(gate, "attempt", slow)
    with leaking() as server:
        target = granted(server, now)
        tasks.run_gate(now)

    assert [(run.state, run.attempts) for run in queries.runs_of(row)] == [("reproduced", 2), ("error", 1)]
    assert spent(target)[1] == 0


def test_two_workers_run_a_report_once(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    row = report_with_bundle(now).row
    attempt = gate.attempt

    def meanwhile(*given: Any, **named: Any) -> running.Outcome:
        other = gate.run(row, now=now, clock=lambda: now)
        assert other.state == GateState.RUNNING
        return attempt(*given, **named)

    monkeypatch.setattr(gate, "attempt", meanwhile)
    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)
        assert len(server.asked) == 6

    assert GateRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_threads_claim_a_report_once(now: datetime) -> None:
    row = report_with_bundle(now).row
    results: list[GateState] = []
    start = threading.Barrier(2)

    def work() -> None:
        try:
            start.wait()
            results.append(gate.run(row, now=now, clock=lambda: now).state)
        finally:
            connection.close()

    with leaking() as server:
        granted(server, now)
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked) == 6

    assert "reproduced" in results
    assert GateRun.objects.count() == 1


def test_suspending_the_target_stops_a_run_that_is_going_on(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    row = report_with_bundle(now).row
    monkeypatch.setattr(running, "LOOK_EVERY", timedelta(0))

    with leaking(rate=0.0) as server:
        target = granted(server, now)
        by = targets.OPERATOR
        may_go_on = running.authorizations.is_usable

        def looked(target_id: str, *, now: datetime) -> bool:
            if len(server.asked) == 10:
                authorizing.suspend(target=target, reason="it melts", by=by, now=now)
            return may_go_on(target_id, now=now)

        monkeypatch.setattr(running.authorizations, "is_usable", looked)
        tasks.run_gate(now)
        assert len(server.asked) == 10

    run, detail = last(row)
    assert (run.state, run.calls) == (GateState.ERROR, 10)
    assert "was suspended" in detail["reason"]
    assert spent(target) == (10, 0)


def test_a_coordinator_may_ask_for_another_run(now: datetime) -> None:
    by = viewer(Role.COORDINATOR)
    row = report_with_bundle(now).row
    assessment = services.assess(row=row, now=now)

    with leaking(rate=0.0) as server:
        granted(server, now)
        tasks.run_gate(now)
        gate.request(assessment=assessment, by=by, now=now + MINUTE)
        with pytest.raises(ConflictError, match="asked for already"):
            gate.request(assessment=assessment, by=by, now=now + MINUTE)
        server.rate = 1.0
        tasks.run_gate(now + 2 * MINUTE)

    assert [run.state for run in queries.runs_of(row)] == [GateState.REPRODUCED, GateState.NOT_REPRODUCED]
    assert queries.reproduction_of(row).value == "reproduced"


def test_another_run_is_not_asked_for_where_there_is_nothing_to_run(
    now: datetime, crashing: Callable[[], None]
) -> None:
    by = viewer(Role.COORDINATOR)
    bare = factory.assessed(now, by=by)
    with pytest.raises(ConflictError, match="nothing to run"):
        gate.request(assessment=bare, by=by, now=now)

    row = report_with_bundle(now).row
    assessment = services.assess(row=row, now=now)
    with pytest.raises(NotPermittedError):
        gate.request(assessment=assessment, by=viewer(Role.VENDOR), now=now)
    with leaking() as server:
        granted(server, now)
        crashing()
        with pytest.raises(_Crash):
            tasks.run_gate(now)
    with pytest.raises(ConflictError, match="going on"):
        gate.request(assessment=assessment, by=by, now=now + MINUTE)
    gate.sweep(now=now + 100 * MINUTE)
    assert gate.request(assessment=assessment, by=by, now=now + 100 * MINUTE).state == GateState.QUEUED
    assert [run.state for run in queries.runs_of(row)] == [GateState.QUEUED, GateState.ERROR]


def test_a_report_that_is_over_or_shredded_is_not_run(now: datetime) -> None:
    withdrawn, shredded = report_with_bundle(now).row, report_with_bundle(now).row
    intake_services.withdraw(row=withdrawn, reason="", now=now)
    vault.shred(shredded.pk)

    assert queries.to_gate(now, 20) == []


def test_a_report_that_was_decided_meanwhile_keeps_its_decision_and_shows_the_gate(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = viewer(Role.COORDINATOR)
    row = report_with_bundle(now).row
    assessment = services.assess(row=row, now=now)
    attempt = gate.attempt

    def meanwhile(*given: Any, **named: Any) -> running.Outcome:
        services.accept(assessment=assessment, by=by, now=now)
        return attempt(*given, **named)

    monkeypatch.setattr(gate, "attempt", meanwhile)
    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)

    assessment.refresh_from_db()
    assert (assessment.state, assessment.gate) == ("accepted", GateState.REPRODUCED)
    assert Report.objects.get(pk=row.pk).status == ReportStatus.ACCEPTED


def test_one_bundle_that_is_gone_does_not_stop_the_others(now: datetime) -> None:
    gone, row = report_with_bundle(now).row, report_with_bundle(now).row
    blob = gone.attachments.get().blob
    from safeconduct.server.intake import storage

    storage.remove(blob)
    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)

    assert (last(gone)[0].state, last(row)[0].state) == (GateState.ERROR, GateState.REPRODUCED)
    assert "not there any more" in last(gone)[1]["reason"]


def test_a_slow_rate_gets_the_time_it_needs(now: datetime) -> None:
    plan = running.Plan.of(leak_bundle())

    assert plan.seconds(0) == running.WALL_SECONDS
    assert plan.seconds(2) == running.WALL_SECONDS + 60 * plan.calls / 2
    hurried = replace(leak_bundle(), limits=Limits(wall_seconds=5.0))
    assert running.Plan.of(hurried).seconds(2) == 5.0


def test_the_bundle_is_what_was_sent(now: datetime) -> None:
    assert intake.bundle_of(report_with_bundle(now).row) == bundle_bytes()


def test_no_time_of_a_run_tells_the_minute_in_which_a_report_came(now: datetime) -> None:
    came = now + timedelta(minutes=17, seconds=13)
    rows = [report_with_bundle(came).row for _ in range(2)]

    with leaking(manner="500") as server:
        target = granted(server, now)
        tasks.run_gate(came)
        authorizing.revoke(target=target, reason="over", by=targets.OPERATOR, now=now)
        tasks.run_gate(came + HOUR)
    tasks.assess(came)

    of_rows = Event.objects.filter(subject__in=[row.pk for row in rows])
    times = [event.at for event in of_rows]
    for run in GateRun.objects.all():
        times += [at for at in (run.made_at, run.started_at, run.ended_at, run.due_at, run.lease_until) if at]
    times += [at for row in rows for at in (row.assessment.made_at, row.assessment.changed_at)]
    assert len(times) > 10
    assert {(at.minute, at.second) for at in times} == {(0, 0)}


def test_a_report_that_cannot_be_opened_does_not_stop_the_gate(now: datetime) -> None:
    broken, row = report_with_bundle(now).row, report_with_bundle(now).row
    Report.objects.filter(pk=broken.pk).update(body=b"nonsense")

    with leaking() as server:
        granted(server, now)
        assert tasks.run_gate(now) == 1

    assert last(row)[0].state == GateState.REPRODUCED
