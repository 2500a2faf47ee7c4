# SPDX-License-Identifier: Apache-2.0
"""Opening a case: from a real report, with the shortest embargo, and once."""

from datetime import datetime, timedelta

import pytest
from tests.conftest import NOON
from tests.factories import cases, records, triage
from tests.server.factories import viewer

from safeconduct.domain.case import CaseFact, Consent, EmbargoState, ReportState
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import DisclosureIntent, DisclosureWish, PublicStatus
from safeconduct.domain.severity import Tier
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError, NotPermittedError
from safeconduct.policy import embargo_rules
from safeconduct.server.audit.models import Event
from safeconduct.server.cases import queries, services
from safeconduct.server.cases.invitations import Guest
from safeconduct.server.cases.models import Case, Participant, TermState
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import ReportStatus
from safeconduct.server.registry.models import EntryState
from safeconduct.server.triage import services as triage_services
from safeconduct.server.triage.models import AssessmentState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def wish(days: int, now: datetime = NOON) -> DisclosureWish:
    return DisclosureWish(intent=DisclosureIntent.FIXED_DATE, on=(now + timedelta(days=days)).date())


def test_an_accepted_report_becomes_a_case_with_an_embargoed_entry(now: datetime) -> None:
    world = cases.opened(now)

    case = world.present()
    assert case.assessment.state == AssessmentState.ACCEPTED
    assert case.assessment.report.status == ReportStatus.ACCEPTED
    assert case.entry.state == EntryState.EMBARGOED
    assert queries.title_of(case) == records.report().title
    assert [seat.role for seat in case.participants.order_by("role")] == ["coordinator", "reporter", "vendor"]


def test_the_title_is_not_in_the_database_in_clear(now: datetime) -> None:
    case = cases.opened(now, told=records.report(title="xylophone-canary")).case

    assert b"xylophone" not in bytes(case.title)


def test_the_default_embargo_is_active_at_once_and_the_reporter_agreed_by_reporting(now: datetime) -> None:
    world = cases.opened(now)

    term = queries.active_term(world.case)
    assert term is not None
    assert world.case.embargo == EmbargoState.ACTIVE
    assert term.ends_at == now + embargo_rules.default_length(Tier(world.case.assessment.tier))
    assert world.desk_seat().consent == world.reporter().consent == Consent.SIGNATORY


def test_the_reporter_s_earlier_date_wins_and_the_default_stays_as_a_revision(now: datetime) -> None:
    world = cases.opened(now, told=records.report(disclosure=wish(20)))

    term = queries.active_term(world.case)
    assert term is not None
    assert term.ends_at.date() == (now + timedelta(days=20)).date()
    assert term.proposed_by == world.reporter()
    assert world.case.embargo == EmbargoState.REVISE
    assert [one.proposed_by for one in queries.open_terms(world.case)] == [world.desk_seat()]


def test_the_reporter_s_later_date_is_a_revision(now: datetime) -> None:
    world = cases.opened(now, told=records.report(disclosure=wish(100)))

    term = queries.active_term(world.case)
    assert term is not None
    assert term.proposed_by == world.desk_seat()
    (revision,) = queries.open_terms(world.case)
    assert revision.proposed_by == world.reporter()
    assert revision.ends_at > term.ends_at


def test_a_date_beyond_the_longest_is_cut(now: datetime) -> None:
    world = cases.opened(now, told=records.report(disclosure=wish(3000)))

    (revision,) = queries.open_terms(world.case)
    assert revision.ends_at == now + embargo_rules.longest(Tier(world.case.assessment.tier))


def test_a_date_that_has_passed_does_not_count(now: datetime) -> None:
    world = cases.opened(now, told=records.report(disclosure=wish(-3)))

    assert world.case.embargo == EmbargoState.ACTIVE
    assert not queries.open_terms(world.case)


@pytest.mark.parametrize(
    "changes",
    [
        {"public_status": PublicStatus.PUBLIC},
        {"disclosure": DisclosureWish(intent=DisclosureIntent.ALREADY_PUBLIC)},
    ],
)
def test_what_the_public_knows_gets_no_embargo_and_the_vendor_knows_it_too(now: datetime, changes) -> None:
    world = cases.opened(now, told=records.report(**changes))

    seat = world.guest("Orchid Bank").participant
    assert world.case.embargo == EmbargoState.NONE
    assert not world.case.terms.exists()
    assert world.case.public_at == now
    assert (seat.aware_at, seat.report_state, seat.consent) == (now, ReportState.RECEIVED, Consent.NO_EMBARGO)
    assert not Event.objects.filter(tag="cases:embargo:activated").exists()


def test_known_attacks_leave_no_room_for_an_embargo(now: datetime) -> None:
    world = cases.opened(now, facts=frozenset({CaseFact.ATTACKS_OBSERVED}))

    assert (world.case.embargo, world.case.attacks_at) == (EmbargoState.NONE, now)
    assert world.case.public_at is None


def test_the_reporter_reads_in_the_mailbox_that_the_case_is_open_and_until_when(now: datetime) -> None:
    world = cases.opened(now)

    (message,) = intake.messages_of(world.case.assessment.report)
    term = queries.active_term(world.case)
    assert f"{term.ends_at:%Y-%m-%d %H:%M} UTC" in message.text


def test_one_report_opens_one_case(now: datetime) -> None:
    world = cases.opened(now)

    with pytest.raises(ConflictError):
        services.open_case(assessment=world.case.assessment, guests=[], by=world.desk, now=now)
    assert Case.objects.count() == 1


def test_a_rejected_report_opens_none(now: datetime) -> None:
    desk = viewer(Role.COORDINATOR)
    assessment = triage.assessed(now, by=desk)
    triage_services.reject(assessment=assessment, reason="Out of scope.", by=desk, now=now)

    with pytest.raises(ConflictError):
        services.open_case(assessment=assessment, guests=[], by=desk, now=now)
    assert not Case.objects.exists()


def test_only_those_who_coordinate_open_cases(now: datetime) -> None:
    assessment = triage.assessed(now, by=viewer(Role.COORDINATOR))

    for role in set(Role) - {Role.COORDINATOR}:
        with pytest.raises(NotPermittedError):
            services.open_case(assessment=assessment, guests=[], by=viewer(role), now=now)


def test_what_fails_on_the_way_leaves_nothing(now: datetime) -> None:
    desk = viewer(Role.COORDINATOR)
    assessment = triage.assessed(now, by=desk)

    with pytest.raises(IncompleteError):
        services.open_case(assessment=assessment, guests=[Guest(name="Acme"), Guest(name=" ")], by=desk, now=now)

    assessment.refresh_from_db()
    assert assessment.state == AssessmentState.OPEN
    assert not Participant.objects.exists()
    assert not Event.objects.filter(tag="cases:case:opened").exists()


def test_strangers_do_not_know_of_a_case(now: datetime) -> None:
    world = cases.opened(now)

    assert list(queries.cases_for(world.desk)) == [world.case]
    for role in set(Role) - {Role.COORDINATOR}:
        stranger = viewer(role)
        assert not queries.cases_for(stranger).exists()
        with pytest.raises(NotFoundError):
            queries.case_for(stranger, world.case.pk)


def test_a_seat_in_an_unknown_role_is_refused(now: datetime) -> None:
    world = cases.opened(now)

    with pytest.raises(ConflictError):
        services.invite(case=world.case, guest=Guest(name="Eve", role=CaseRole.COORDINATOR), by=world.desk, now=now)
    assert world.case.terms.filter(state=TermState.ACTIVE).count() == 1
