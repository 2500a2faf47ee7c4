# SPDX-License-Identifier: Apache-2.0
"""The sweep fires what is due, once: twice in a row, two at a time, after a crash, after a clock that jumped."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import close_old_connections, connection
from tests.factories import cases, intake
from tests.factories.cases import World

from safeconduct.domain.case import Consent, EmbargoState
from safeconduct.domain.clock import DeadlineKind, EscalationAction
from safeconduct.domain.parties import Role
from safeconduct.errors import UnavailableError
from safeconduct.server.audit.models import Event
from safeconduct.server.cases import negotiation, services
from safeconduct.server.cases import queries as case_queries
from safeconduct.server.cases.models import Participant
from safeconduct.server.clock import queries, tasks
from safeconduct.server.clock import services as clock
from safeconduct.server.clock.models import Firing
from safeconduct.server.outbox.models import Message

DAY = timedelta(days=1)
own_home = pytest.mark.usefixtures("own_home")


def end_of(world: World) -> datetime:
    term = case_queries.active_term(world.present())
    assert term is not None
    return term.ends_at


def fired(kind: DeadlineKind | EscalationAction) -> int:
    return Firing.objects.filter(kind=kind).count()


@own_home
@pytest.mark.django_db
def test_nothing_fires_before_its_time(now: datetime) -> None:
    cases.opened(now)

    assert tasks.sweep(now + timedelta(hours=1)) == 0
    assert not Firing.objects.exists()


@own_home
@pytest.mark.django_db
def test_the_embargo_ends_with_its_time_and_is_told_once(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    end = end_of(world)

    assert tasks.sweep(end - timedelta(seconds=1)) > 0
    assert world.present().embargo == EmbargoState.ACTIVE
    tasks.sweep(end)
    tasks.sweep(end + timedelta(seconds=5))

    assert world.present().embargo == EmbargoState.EXITED
    assert guest.present().consent == Consent.NO_EMBARGO
    assert fired(DeadlineKind.EMBARGO) == 1
    assert Event.objects.filter(tag="cases:embargo:ended").count() == 1
    assert Message.objects.filter(party=guest.party, subject__contains="embargo").count() == 1
    assert Message.objects.filter(party=world.coordinator, subject="Clock: an embargo has ended").count() == 1


@own_home
@pytest.mark.django_db
def test_a_revision_moves_the_end_and_the_old_end_fires_nothing(now: datetime) -> None:
    world = cases.opened(now)
    old = end_of(world)
    term = negotiation.propose(
        case=world.case, seat=world.desk_seat(), ends_at=old + 10 * DAY, reason="more time", by=world.desk, now=now
    )
    negotiation.answer(term=term, seat=world.reporter(), accepts=True, by=world.desk, now=now)

    tasks.sweep(old + DAY)
    assert world.present().embargo == EmbargoState.ACTIVE
    tasks.sweep(old + 10 * DAY)

    assert world.present().embargo == EmbargoState.EXITED


@own_home
@pytest.mark.django_db
def test_a_missed_date_is_told_to_the_coordinator_without_a_word_of_the_flaw(now: datetime) -> None:
    world = cases.opened(now)

    for _ in range(3):
        tasks.sweep(now + 4 * DAY)

    (message,) = Message.objects.filter(party=world.coordinator, subject__contains="status")
    assert message.subject.startswith("Clock: a date was missed: tell the reporter the status")
    assert "vault" not in message.text
    assert "Orchid" not in message.text
    assert world.case.pk in message.text


@own_home
@pytest.mark.django_db
def test_the_ladder_of_silence_is_climbed_step_by_step(now: datetime) -> None:
    world = cases.opened(now)

    for days, steps in ((8, 1), (15, 2), (31, 3)):
        tasks.sweep(now + days * DAY)
        done = Firing.objects.filter(kind__in=[action.value for action in EscalationAction])
        assert done.count() == steps
    assert fired(EscalationAction.FINAL_NOTICE) == 1
    assert world.guest("Orchid Bank").participant.joined_at is None


@own_home
@pytest.mark.django_db
def test_a_vendor_who_came_stops_the_ladder_for_itself_and_not_for_a_silent_one(now: datetime) -> None:
    one, two = cases.opened(now), cases.opened(now, guests=("Orchid Bank", "Acme"))
    for world in (one, two):
        cases.seated(world, "Orchid Bank", now)

    tasks.sweep(now + 8 * DAY)

    assert list(Firing.objects.filter(kind=EscalationAction.SECOND_CHANNEL).values_list("case", flat=True)) == [
        two.case.pk
    ]


@own_home
@pytest.mark.django_db
def test_a_leak_is_told_to_all_parties(now: datetime) -> None:
    from safeconduct.domain.case import CaseFact

    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    services.record_public(case=world.case, fact=CaseFact.PUBLIC_AWARE, by=world.desk, now=now)

    tasks.sweep(now + timedelta(hours=4))

    assert fired(EscalationAction.TELL_ALL_PARTIES) == 1
    assert Message.objects.filter(party=guest.party, subject__contains="is public").exists()


@own_home
@pytest.mark.django_db
def test_silence_lapses_in_the_same_sweep(now: datetime) -> None:
    world = cases.opened(now)

    tasks.sweep(now + 7 * DAY)

    assert Participant.objects.get(pk=world.guest("Orchid Bank").participant.pk).consent == Consent.DECLINED


@own_home
@pytest.mark.django_db
def test_a_report_that_nobody_opens_is_told_to_all_who_coordinate_once(now: datetime, make_party) -> None:
    people = [make_party(Role.COORDINATOR) for _ in range(2)]
    row = intake.received(now).row

    for _ in range(2):
        tasks.sweep(now + 3 * DAY)

    assert set(row.firings.values_list("kind", flat=True)) == {DeadlineKind.ACKNOWLEDGE, DeadlineKind.ASSESS}
    assert {message.party for message in Message.objects.filter(about=row.pk)} == set(people)


@own_home
@pytest.mark.django_db
def test_nothing_fires_in_a_closed_case(now: datetime) -> None:
    world = cases.opened(now)
    negotiation.end(case=world.case, reason="done", by=world.desk, now=now)
    services.close(case=world.case, reason="done", by=world.desk, now=now)

    assert tasks.sweep(now + 500 * DAY) == 0


@own_home
@pytest.mark.django_db
def test_what_was_done_meanwhile_does_not_fire(now: datetime) -> None:
    world = cases.opened(now)
    end = end_of(world)
    (due,) = [one for one in queries.due(end) if one.kind is DeadlineKind.EMBARGO]
    negotiation.end(case=world.case, reason="all are ready", by=world.desk, now=end - DAY)

    assert clock.fire(due=due, now=end) is None
    assert fired(DeadlineKind.EMBARGO) == 0


@own_home
@pytest.mark.django_db
def test_a_clock_that_jumps_back_and_forth_fires_nothing_twice(now: datetime) -> None:
    world = cases.opened(now)
    end = end_of(world)

    for moment in (end, now - 400 * DAY, now, end, end - DAY, end + DAY):
        tasks.sweep(moment)

    assert fired(DeadlineKind.EMBARGO) == 1
    assert Event.objects.filter(tag="cases:embargo:ended").count() == 1
    kinds = Firing.objects.values_list("case", "kind", "due_at")
    assert len(set(kinds)) == len(kinds)


@own_home
@pytest.mark.django_db
def test_a_crash_in_the_middle_leaves_nothing_and_the_next_sweep_does_it_all(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = cases.opened(now)
    end = end_of(world)
    (due,) = [one for one in queries.due(end) if one.kind is DeadlineKind.EMBARGO]

    def broken(**_: object) -> None:
        raise UnavailableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.server.clock.services.outbox.queue", broken)
        with pytest.raises(UnavailableError):
            clock.fire(due=due, now=end)
    assert world.present().embargo == EmbargoState.ACTIVE
    assert not Firing.objects.filter(kind=DeadlineKind.EMBARGO).exists()
    assert not Event.objects.filter(tag="clock:deadline:fired", facts__kind="embargo").exists()

    tasks.sweep(end)

    assert world.present().embargo == EmbargoState.EXITED
    assert fired(DeadlineKind.EMBARGO) == 1


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[BaseException]]]:
    """Give a function that runs an act in several threads at the same moment and returns what they raised."""

    def run(act: Callable[[], object], *, threads: int = 4) -> list[BaseException]:
        gate, raised = threading.Barrier(threads), []

        def work() -> None:
            close_old_connections()
            gate.wait()
            try:
                act()
            except BaseException as error:  # noqa: BLE001  # the test looks at what was raised
                raised.append(error)
            finally:
                connection.close()

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return raised

    return run


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_the_same_moment_fire_once(now: datetime, own_home: Path, at_once) -> None:
    world = cases.opened(now)
    end = end_of(world)

    raised = at_once(lambda: tasks.sweep(end))

    assert raised == []
    assert fired(DeadlineKind.EMBARGO) == 1
    kinds = Firing.objects.values_list("kind", "due_at")
    assert len(set(kinds)) == len(kinds)
    assert Event.objects.filter(tag="cases:embargo:ended").count() == 1
    assert Message.objects.filter(subject="Clock: an embargo has ended").count() == 1


@pytest.mark.django_db(transaction=True)
def test_answers_at_the_same_moment_settle_once(now: datetime, own_home: Path, at_once) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    term = negotiation.propose(
        case=world.case, seat=world.desk_seat(), ends_at=now + 20 * DAY, reason="sooner", by=world.desk, now=now
    )
    negotiation.answer(term=term, seat=world.reporter(), accepts=True, by=world.desk, now=now)

    raised = at_once(lambda: negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=now))

    assert raised == []
    assert case_queries.active_term(world.present()) == term
    assert Event.objects.filter(tag="cases:embargo:revised").count() == 1
    positions = list(world.case.transitions.values_list("position", flat=True))
    assert positions == sorted(set(positions))


@pytest.mark.django_db(transaction=True)
def test_two_who_open_the_same_report_make_one_case(now: datetime, own_home: Path, at_once) -> None:
    from tests.factories import triage
    from tests.server.factories import viewer

    from safeconduct.errors import ConflictError
    from safeconduct.server.cases.models import Case

    desk = viewer(Role.COORDINATOR)
    assessment = triage.tiered(now, by=desk)

    raised = at_once(lambda: services.open_case(assessment=assessment, guests=[], by=desk, now=now))

    assert Case.objects.count() == 1
    assert [type(error) for error in raised] == [ConflictError] * 3
