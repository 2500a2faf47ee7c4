# SPDX-License-Identifier: Apache-2.0
"""Deadlines follow from the facts of a case; what is granted and paused counts; a vendor sees its own."""

from datetime import datetime, timedelta

import pytest
from tests.factories import cases, intake
from tests.factories.cases import World
from tests.server.factories import viewer

from safeconduct.domain.case import CaseFact, ProtocolMessage
from safeconduct.domain.clock import Deadline, DeadlineKind, DeadlineState, ExtensionReason, PauseReason
from safeconduct.domain.parties import Role
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    NotPermittedError,
    TooLargeError,
    TransitionError,
)
from safeconduct.server.cases import negotiation, services
from safeconduct.server.cases import queries as case_queries
from safeconduct.server.cases.correspondence import tell_reporter
from safeconduct.server.clock import queries
from safeconduct.server.clock import services as clock
from safeconduct.server.clock.models import Extension, Pause
from safeconduct.server.intake import services as mailbox
from safeconduct.server.intake.models import ReportStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
DAY = timedelta(days=1)


def deadline(world: World, kind: DeadlineKind, now: datetime) -> Deadline:
    (found,) = [one for one in queries.deadlines_for(world.present(), now=now) if one.kind is kind]
    return found


def fixed(world: World, name: str, now: datetime) -> None:
    guest = cases.seated(world, name, now)
    for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED, ProtocolMessage.CASE_FIX_READY):
        services.move(case=world.case, seat=guest.seat, message=message, by=guest.viewer, now=now)


def extend(world: World, now: datetime, **changes: object) -> Extension:
    given = {
        "kind": DeadlineKind.PUBLISH,
        "days": 7,
        "reason": ExtensionReason.ACTIVE_PROGRESS,
        "evidence": "a build that passes half of the tests",
        "by": world.desk,
        **changes,
    }
    return clock.extend(case=world.case, now=now, **given)  # type: ignore[arg-type]


def mitigated(world: World, now: datetime) -> None:
    for one in world.invited:
        services.note_mitigated(case=world.case, seat=one.participant, by=world.desk, now=now)


def test_every_deadline_has_its_rule_and_its_grounds(now: datetime) -> None:
    world = cases.opened(now)

    found = queries.deadlines_for(world.case, now=now)

    assert {one.kind for one in found} == set(DeadlineKind)
    assert all(one.rules and one.grounds for one in found)
    term = case_queries.active_term(world.case)
    assert deadline(world, DeadlineKind.EMBARGO, now).due == term.ends_at


def test_opening_in_time_meets_the_first_two_clocks(now: datetime) -> None:
    world = cases.opened(now)

    for kind in (DeadlineKind.ACKNOWLEDGE, DeadlineKind.ASSESS):
        assert deadline(world, kind, now).state is DeadlineState.MET


def test_a_fix_counts_when_the_last_vendor_has_it(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    fixed(world, "Orchid Bank", now + DAY)
    assert deadline(world, DeadlineKind.REMEDIATE, now + DAY).state is DeadlineState.RUNNING

    fixed(world, "Acme", now + 2 * DAY)

    found = deadline(world, DeadlineKind.REMEDIATE, now + 2 * DAY)
    assert (found.state, found.done_at) == (DeadlineState.MET, now + 2 * DAY)


def test_a_verdict_before_the_last_fix_leaves_the_clocks_readable(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    fixed(world, "Orchid Bank", now)
    services.note_verified(case=world.case, by=world.desk, now=now)

    assert deadline(world, DeadlineKind.REMEDIATE, now).done_at is None


def test_one_vendor_sees_its_own_clocks_and_nothing_of_another(now: datetime) -> None:
    one = cases.opened(now)
    alone = cases.seated(one, "Orchid Bank", now)
    two = cases.opened(now, guests=("Orchid Bank", "Acme"))
    beside = cases.seated(two, "Orchid Bank", now)
    fixed(two, "Acme", now)

    for moment in (now, now + 10 * DAY, now + 200 * DAY):
        assert [
            (seen.kind, seen.state, seen.due, seen.done_at, seen.grounds)
            for seen in queries.deadlines_seen(alone.viewer, one.present(), now=moment)
        ] == [
            (seen.kind, seen.state, seen.due, seen.done_at, seen.grounds)
            for seen in queries.deadlines_seen(beside.viewer, two.present(), now=moment)
        ]


def test_who_looks_on_sees_the_dates_of_the_whole_case_only(now: datetime) -> None:
    world = cases.opened(now)

    kinds = {one.kind for one in queries.deadlines_seen(viewer(Role.OBSERVER), world.case, now=now)}

    assert kinds == {DeadlineKind.EMBARGO, DeadlineKind.PUBLISH}


def test_telling_the_reporter_starts_the_status_clock_anew(now: datetime) -> None:
    world = cases.opened(now)
    before = deadline(world, DeadlineKind.STATUS, now).due

    tell_reporter(case=world.case, text="The vendor works on it.", by=world.desk, now=now + DAY)

    assert deadline(world, DeadlineKind.STATUS, now + DAY).due == before + DAY


def test_an_embargo_that_ran_out_was_ended_in_time_however_late_it_was_noticed(now: datetime) -> None:
    world = cases.opened(now)
    end = case_queries.active_term(world.case).ends_at

    negotiation.end(case=world.case, reason="its end is reached", by=viewer(), now=end + 3 * DAY)

    found = deadline(world, DeadlineKind.EMBARGO, end + 3 * DAY)
    assert (found.state, found.done_at) == (DeadlineState.MET, end)


def test_a_public_flaw_makes_the_case_an_emergency(now: datetime) -> None:
    world = cases.opened(now)
    before = deadline(world, DeadlineKind.PUBLISH, now).due

    services.record_public(case=world.case, fact=CaseFact.PUBLIC_AWARE, by=world.desk, now=now)

    assert deadline(world, DeadlineKind.PUBLISH, now).due < before


def test_more_time_is_granted_once_and_shows_among_the_grounds(now: datetime) -> None:
    world = cases.opened(now)
    mitigated(world, now)
    before = deadline(world, DeadlineKind.PUBLISH, now).due

    row = extend(world, now)

    found = deadline(world, DeadlineKind.PUBLISH, now)
    assert found.due >= before + 7 * DAY
    assert any("extended by 7 days" in ground for ground in found.grounds)
    assert b"half of the tests" not in bytes(row.evidence)
    assert [one.evidence for one in queries.extensions_of(world.present())] == ["a build that passes half of the tests"]
    with pytest.raises(TransitionError, match="extended before"):
        extend(world, now)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"days": 0}, MalformedError),
        ({"days": -3}, MalformedError),
        ({"days": 10**12}, MalformedError),
        ({"days": 300}, TransitionError),
        ({"kind": DeadlineKind.STATUS}, TransitionError),
        ({"evidence": " "}, IncompleteError),
        ({"evidence": "x" * 1_000_000}, TooLargeError),
    ],
)
def test_more_time_than_the_rules_give_is_refused(
    now: datetime, changes: dict[str, object], error: type[Exception]
) -> None:
    world = cases.opened(now)
    mitigated(world, now)

    with pytest.raises(error):
        extend(world, now, **changes)
    assert not Extension.objects.exists()


def test_no_time_is_granted_without_a_mitigation_or_too_late(now: datetime) -> None:
    world = cases.opened(now)
    with pytest.raises(TransitionError, match="no mitigation"):
        extend(world, now)

    mitigated(world, now)
    with pytest.raises(TransitionError, match="has passed"):
        extend(world, now + 400 * DAY)


def test_only_those_who_coordinate_move_clocks(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    for act in (
        lambda: extend(world, now, by=guest.viewer),
        lambda: clock.pause(case=world.case, reason=PauseReason.LEGAL_ORDER, until=now + DAY, by=guest.viewer, now=now),
        lambda: clock.resume(case=world.case, by=guest.viewer, now=now),
    ):
        with pytest.raises(NotPermittedError):
            act()


def test_a_pause_moves_the_dates_and_stops_the_escalation_of_them(now: datetime) -> None:
    world = cases.opened(now)
    before = deadline(world, DeadlineKind.MITIGATE, now).due

    clock.pause(
        case=world.case, reason=PauseReason.AWAITING_REPORTER, until=now + 5 * DAY, by=world.desk, now=now + DAY
    )
    assert deadline(world, DeadlineKind.MITIGATE, now + 2 * DAY).state is DeadlineState.PAUSED
    clock.resume(case=world.case, by=world.desk, now=now + 3 * DAY)

    found = deadline(world, DeadlineKind.MITIGATE, now + 4 * DAY)
    assert (found.due, found.state) == (before + 2 * DAY, DeadlineState.RUNNING)


def test_clocks_stop_once_and_for_a_legal_order_again(now: datetime) -> None:
    world = cases.opened(now)
    stop = {"case": world.case, "by": world.desk}
    clock.pause(reason=PauseReason.DUPLICATE_MERGE, until=now + DAY, now=now, **stop)
    with pytest.raises(ConflictError, match="already"):
        clock.pause(reason=PauseReason.LEGAL_ORDER, until=now + DAY, now=now, **stop)

    later = now + 2 * DAY
    with pytest.raises(TransitionError, match="only once"):
        clock.pause(reason=PauseReason.AWAITING_REPORTER, until=later + DAY, now=later, **stop)
    clock.pause(reason=PauseReason.LEGAL_ORDER, until=later + 90 * DAY, now=later, **stop)

    assert Pause.objects.filter(ended_at__isnull=True).count() == 1


@pytest.mark.parametrize(
    ("until", "error"),
    [
        (timedelta(), ConflictError),
        (timedelta(days=-1), ConflictError),
        (timedelta(days=15), TransitionError),
    ],
)
def test_a_pause_that_ends_before_it_begins_or_lasts_too_long_is_refused(
    now: datetime, until: timedelta, error: type[Exception]
) -> None:
    world = cases.opened(now)

    with pytest.raises(error):
        clock.pause(case=world.case, reason=PauseReason.AWAITING_REPORTER, until=now + until, by=world.desk, now=now)
    with pytest.raises(MalformedError):
        clock.pause(
            case=world.case,
            reason=PauseReason.AWAITING_REPORTER,
            until=(now + DAY).replace(tzinfo=None),
            by=world.desk,
            now=now,
        )
    with pytest.raises(ConflictError):
        clock.resume(case=world.case, by=world.desk, now=now)


def test_a_closed_case_has_no_clock_to_move(now: datetime) -> None:
    world = cases.opened(now)
    mitigated(world, now)
    negotiation.end(case=world.case, reason="done", by=world.desk, now=now)
    services.close(case=world.case, reason="done", by=world.desk, now=now)

    with pytest.raises(ConflictError):
        extend(world, now)
    with pytest.raises(ConflictError):
        clock.pause(case=world.case, reason=PauseReason.LEGAL_ORDER, until=now + DAY, by=world.desk, now=now)
    assert deadline(world, DeadlineKind.PUBLISH, now).state is DeadlineState.WAIVED


def test_a_report_without_a_case_has_its_first_clocks(now: datetime) -> None:
    row = intake.received(now).row

    found = {one.kind: one.state for one in queries.deadlines_of_report(row, now=now)}

    assert found == {
        DeadlineKind.ACKNOWLEDGE: DeadlineState.RUNNING,
        DeadlineKind.ASSESS: DeadlineState.RUNNING,
        DeadlineKind.STATUS: DeadlineState.WAITING,
    }


def test_the_clock_of_the_assessment_stands_still_while_the_reporter_is_asked(now: datetime) -> None:
    row, desk = intake.received(now).row, viewer(Role.COORDINATOR)
    mailbox.set_status(row=row, status=ReportStatus.WAITING, by=desk, now=now)
    assert all(one.state is not DeadlineState.PAUSED for one in queries.deadlines_of_report(row, now=now))
    mailbox.ask_reporter(row=row, text="Which version?", by=desk, now=now)

    (assess,) = [one for one in queries.deadlines_of_report(row, now=now) if one.kind is DeadlineKind.ASSESS]

    assert assess.state is DeadlineState.PAUSED
