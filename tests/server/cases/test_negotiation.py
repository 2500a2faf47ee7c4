# SPDX-License-Identifier: Apache-2.0
"""The embargo between people: invited, agreed, revised, rejected, kept in spite of attacks, ended, met with silence."""

from datetime import datetime, timedelta

import pytest
from tests.factories import cases, records
from tests.factories.cases import World
from tests.server.factories import viewer

from safeconduct.domain.case import CaseFact, Consent, EmbargoState, ProtocolMessage, ReportState
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import DisclosureIntent, DisclosureWish, PublicStatus
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    TooLargeError,
    TransitionError,
)
from safeconduct.server.audit.models import Event
from safeconduct.server.cases import invitations, negotiation, queries, services, waiting
from safeconduct.server.cases.invitations import Guest
from safeconduct.server.cases.models import EmbargoAnswer, EmbargoTerm, TermState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def active(world: World) -> EmbargoTerm:
    term = queries.active_term(world.present())
    assert term is not None
    return term


def desk_proposes(world: World, now: datetime, days: int = 30) -> EmbargoTerm:
    return negotiation.propose(
        case=world.case,
        seat=world.desk_seat(),
        ends_at=now + timedelta(days=days),
        reason="the fix needs a retrained model",
        by=world.desk,
        now=now,
    )


def reporter_answers(world: World, term: EmbargoTerm, now: datetime, *, accepts: bool = True) -> None:
    negotiation.answer_for_reporter(row=world.case.assessment.report, term=term, accepts=accepts, now=now)


def test_an_invitee_sees_nothing_before_it_agrees_and_all_after(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    assert guest.present().consent == Consent.INVITED
    with pytest.raises(NotFoundError):
        queries.told_in(guest.viewer, world.present())

    negotiation.answer(term=active(world), seat=guest.seat, accepts=True, by=guest.viewer, now=now)

    seat = guest.present()
    assert (seat.consent, seat.report_state, seat.aware_at) == (Consent.SIGNATORY, ReportState.RECEIVED, now)
    assert queries.told_in(guest.viewer, world.present()).title == records.report().title


def test_who_declines_sees_nothing_and_may_think_again(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)

    negotiation.answer(term=active(world), seat=guest.seat, accepts=False, by=guest.viewer, now=now)
    assert guest.present().consent == Consent.DECLINED
    assert not queries.may_read(guest.viewer, world.present())

    later = now + timedelta(days=10)
    negotiation.answer(term=active(world), seat=guest.seat, accepts=True, by=guest.viewer, now=later)
    assert queries.may_read(guest.viewer, world.present())


def test_consent_given_twice_is_consent(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    negotiation.answer(term=active(world), seat=guest.seat, accepts=True, by=guest.viewer, now=now)

    assert guest.present().consent == Consent.SIGNATORY
    assert EmbargoAnswer.objects.filter(participant=guest.seat).count() == 1


def test_who_keeps_an_embargo_cannot_decline_it(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    with pytest.raises(TransitionError):
        negotiation.answer(term=active(world), seat=guest.seat, accepts=False, by=guest.viewer, now=now)


def test_nobody_answers_for_another(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.joined(world.guest("Orchid Bank"), now), cases.joined(world.guest("Acme"), now)

    for stranger in (acme.viewer, viewer(Role.VENDOR), viewer(Role.ADMINISTRATOR)):
        with pytest.raises(NotPermittedError):
            negotiation.answer(term=active(world), seat=orchid.seat, accepts=True, by=stranger, now=now)
        with pytest.raises(NotPermittedError):
            negotiation.propose(
                case=world.case, seat=orchid.seat, ends_at=now + timedelta(days=9), reason="x", by=stranger, now=now
            )
    services.take_seat(case=world.case, seat=orchid.seat, by=orchid.viewer, now=now)
    with pytest.raises(NotPermittedError):
        negotiation.answer(term=active(world), seat=orchid.seat, accepts=True, by=world.desk, now=now)


def test_the_coordinator_notes_the_consent_of_a_guest_who_answered_by_mail(now: datetime) -> None:
    world = cases.opened(now)
    seat = world.guest("Orchid Bank").participant

    negotiation.answer(term=active(world), seat=seat, accepts=True, by=world.desk, now=now)

    seat.refresh_from_db()
    assert (seat.consent, seat.report_state) == (Consent.SIGNATORY, ReportState.START)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=seat, by=guest.viewer, now=now)
    assert guest.present().report_state == ReportState.RECEIVED


def test_a_revision_is_accepted_when_all_have_agreed(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    before = active(world)

    term = desk_proposes(world, now)
    assert world.present().embargo == EmbargoState.REVISE
    assert guest.present().consent == Consent.LAPSED
    assert queries.may_read(guest.viewer, world.present())
    negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=now)
    assert active(world) == before
    reporter_answers(world, term, now)

    assert active(world) == term
    assert world.present().embargo == EmbargoState.ACTIVE
    assert {guest.present().consent, world.reporter().consent, world.desk_seat().consent} == {Consent.SIGNATORY}
    assert queries.may_read(guest.viewer, world.present())
    before.refresh_from_db()
    assert before.state == TermState.REPLACED
    assert world.case.transitions.filter(message=ProtocolMessage.EMBARGO_REVISION_ACCEPTED, axis="EM").count() == 1


def test_one_rejection_rejects_and_the_terms_in_force_stay(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    before = active(world)
    term = desk_proposes(world, now)

    negotiation.answer(term=term, seat=guest.seat, accepts=False, by=guest.viewer, now=now)

    term.refresh_from_db()
    assert (active(world), term.state) == (before, TermState.REJECTED)
    assert world.present().embargo == EmbargoState.ACTIVE
    assert guest.present().consent == Consent.SIGNATORY
    assert queries.may_read(guest.viewer, world.present())
    assert world.case.transitions.filter(message=ProtocolMessage.EMBARGO_REVISION_REJECTED, axis="EM").count() == 1


def test_a_rejected_revision_makes_no_signatory_of_who_never_agreed(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    term = desk_proposes(world, now)

    reporter_answers(world, term, now, accepts=False)

    assert guest.present().consent == Consent.INVITED
    assert not queries.may_read(guest.viewer, world.present())


def test_who_has_not_agreed_to_the_embargo_has_no_voice_in_its_revision(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    term = desk_proposes(world, now)

    with pytest.raises(ConflictError):
        negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=now)
    with pytest.raises(NotFoundError):
        negotiation.propose(
            case=world.case,
            seat=guest.seat,
            ends_at=now + timedelta(days=9),
            reason="earlier",
            by=guest.viewer,
            now=now,
        )


def test_new_terms_ask_the_guest_anew_who_had_not_answered_the_old_ones(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    later = now + timedelta(days=3)

    term = desk_proposes(world, later)
    reporter_answers(world, term, later)

    assert active(world) == term
    assert (guest.present().consent, guest.present().asked_at) == (Consent.INVITED, later)


def test_old_consent_does_not_open_the_case_under_new_terms(now: datetime) -> None:
    world = cases.opened(now)
    old = active(world)
    term = desk_proposes(world, now)
    reporter_answers(world, term, now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)

    with pytest.raises(ConflictError):
        negotiation.answer(term=old, seat=guest.seat, accepts=True, by=guest.viewer, now=now)
    assert not queries.may_read(guest.viewer, world.present())


def test_several_revisions_are_settled_from_the_earliest(now: datetime) -> None:
    world = cases.opened(now)
    later, earlier = desk_proposes(world, now, days=40), desk_proposes(world, now, days=20)

    reporter_answers(world, later, now)
    assert active(world) not in (later, earlier)
    reporter_answers(world, earlier, now)

    assert active(world) == later
    earlier.refresh_from_db()
    assert earlier.state == TermState.REPLACED


def test_the_first_rejection_takes_the_later_terms_with_it(now: datetime) -> None:
    world = cases.opened(now)
    before = active(world)
    earlier, later = desk_proposes(world, now, days=20), desk_proposes(world, now, days=40)

    reporter_answers(world, earlier, now, accepts=False)

    states = set(EmbargoTerm.objects.filter(pk__in=[earlier.pk, later.pk]).values_list("state", flat=True))
    assert states == {TermState.REJECTED}
    assert active(world) == before


def test_silence_is_no_consent_and_ends_a_proposal_with_its_window(now: datetime) -> None:
    world = cases.opened(now)
    before = active(world)
    term = desk_proposes(world, now)

    negotiation.lapse(case=world.case, now=now + timedelta(days=6, hours=23))
    assert queries.open_terms(world.present()) == [term]
    negotiation.lapse(case=world.case, now=now + timedelta(days=7))

    term.refresh_from_db()
    assert (active(world), term.state) == (before, TermState.REJECTED)


def test_an_invitation_without_answer_is_declined_once_and_may_be_accepted_late(now: datetime) -> None:
    world = cases.opened(now)
    seat = world.guest("Orchid Bank").participant
    week = now + timedelta(days=7)

    assert list(waiting.to_lapse(week)) == [world.case]
    for _ in range(2):
        negotiation.lapse(case=world.case, now=week)

    seat.refresh_from_db()
    assert seat.consent == Consent.DECLINED
    assert not waiting.to_lapse(week).exists()
    assert Event.objects.filter(tag="cases:embargo:declined").count() == 1
    guest = cases.joined(world.guest("Orchid Bank"), week)
    services.take_seat(case=world.case, seat=seat, by=guest.viewer, now=week)
    negotiation.answer(term=active(world), seat=seat, accepts=True, by=guest.viewer, now=week)
    assert guest.present().consent == Consent.SIGNATORY


def test_an_end_that_is_not_ahead_or_without_zone_or_said_twice_is_refused(now: datetime) -> None:
    world = cases.opened(now)
    seat = world.desk_seat()
    desk_proposes(world, now, days=30)
    refused = (
        (now, TransitionError),
        (now - timedelta(days=1), TransitionError),
        (now.replace(tzinfo=None), MalformedError),
        (now + timedelta(days=30), ConflictError),
        (active(world).ends_at, ConflictError),
    )

    for ends_at, error in refused:
        with pytest.raises(error):
            negotiation.propose(case=world.case, seat=seat, ends_at=ends_at, reason="x", by=world.desk, now=now)
    assert len(queries.open_terms(world.present())) == 1


@pytest.mark.parametrize(("reason", "error"), [("  ", IncompleteError), ("x" * 1_000_000, TooLargeError)])
def test_a_proposal_needs_a_reason_of_a_sentence(now: datetime, reason: str, error: type[Exception]) -> None:
    world = cases.opened(now)

    with pytest.raises(error):
        negotiation.propose(
            case=world.case,
            seat=world.desk_seat(),
            ends_at=now + timedelta(days=9),
            reason=reason,
            by=world.desk,
            now=now,
        )


def test_an_end_beyond_the_longest_is_cut(now: datetime) -> None:
    world = cases.opened(now)

    term = desk_proposes(world, now, days=2000)

    assert term.ends_at < now + timedelta(days=300)


def test_a_public_flaw_ends_the_embargo_at_once_for_all(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)

    services.record_public(case=world.case, fact=CaseFact.PUBLIC_AWARE, by=world.desk, now=now)

    case = world.present()
    assert (case.embargo, case.public_at) == (EmbargoState.EXITED, now)
    assert not case.terms.filter(state=TermState.ACTIVE).exists()
    assert {seat.consent for seat in case.participants.all()} == {Consent.NO_EMBARGO}
    assert (guest.present().report_state, guest.present().aware_at) == (ReportState.RECEIVED, now)
    assert queries.may_read(guest.viewer, case)
    with pytest.raises(TransitionError):
        desk_proposes(world, now)


def test_a_public_exploit_makes_the_flaw_public_too_and_nobody_keeps_the_embargo(now: datetime) -> None:
    world = cases.opened(now)

    with pytest.raises(ConflictError):
        services.record_public(
            case=world.case, fact=CaseFact.EXPLOIT_PUBLIC, by=world.desk, now=now, keep_because="we hope"
        )
    services.record_public(case=world.case, fact=CaseFact.EXPLOIT_PUBLIC, by=world.desk, now=now)

    case = world.present()
    assert (case.exploit_public_at, case.public_at, case.embargo) == (now, now, EmbargoState.EXITED)


def test_attacks_end_the_embargo_and_do_not_make_the_flaw_public(now: datetime) -> None:
    world = cases.opened(now)

    services.record_public(case=world.case, fact=CaseFact.ATTACKS_OBSERVED, by=world.desk, now=now)

    case = world.present()
    assert (case.attacks_at, case.public_at, case.embargo) == (now, None, EmbargoState.EXITED)


def test_a_coordinator_keeps_the_embargo_in_spite_of_attacks_with_a_reason(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    revision = desk_proposes(world, now)

    services.record_public(
        case=world.case, fact=CaseFact.ATTACKS_OBSERVED, by=world.desk, now=now, keep_because="a fix comes tomorrow"
    )

    case = world.present()
    revision.refresh_from_db()
    assert (case.embargo, revision.state) == (EmbargoState.ACTIVE, TermState.REJECTED)
    assert guest.present().consent == Consent.SIGNATORY
    assert b"tomorrow" not in bytes(case.attack_override)
    with pytest.raises(TransitionError):
        desk_proposes(world, now)


def test_a_fact_is_recorded_once_and_a_vendor_s_fact_not_for_all(now: datetime) -> None:
    world = cases.opened(now)
    services.record_public(case=world.case, fact=CaseFact.PUBLIC_AWARE, by=world.desk, now=now)

    for fact in (CaseFact.PUBLIC_AWARE, CaseFact.FIX_READY):
        with pytest.raises(ConflictError):
            services.record_public(case=world.case, fact=fact, by=world.desk, now=now)


def test_an_embargo_ends_before_its_time_by_the_coordinator_with_a_reason_only(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    with pytest.raises(NotPermittedError):
        negotiation.end(case=world.case, reason="enough", by=guest.viewer, now=now)
    with pytest.raises(IncompleteError):
        negotiation.end(case=world.case, reason="", by=world.desk, now=now)
    negotiation.end(case=world.case, reason="all are ready", by=world.desk, now=now)

    assert world.present().embargo == EmbargoState.EXITED
    with pytest.raises(TransitionError):
        negotiation.end(case=world.case, reason="again", by=world.desk, now=now)


def test_an_embargo_may_begin_later_where_there_was_none(now: datetime) -> None:
    told = records.report(public_status=PublicStatus.PRIVATE)
    world = cases.opened(now, told=told, facts=frozenset())
    negotiation.end(case=world.case, reason="a mistake", by=world.desk, now=now)

    with pytest.raises(TransitionError):
        desk_proposes(world, now)


def test_who_looks_on_agrees_and_has_no_vote(now: datetime) -> None:
    world = cases.opened(now, guests=())
    invited = services.invite(
        case=world.case, guest=Guest(name="Ministry", role=CaseRole.OBSERVER), by=world.desk, now=now
    )
    observer = cases.joined(invited, now)
    services.take_seat(case=world.case, seat=observer.seat, by=observer.viewer, now=now)
    negotiation.answer(term=active(world), seat=observer.seat, accepts=True, by=observer.viewer, now=now)
    assert queries.may_read(observer.viewer, world.present())

    term = desk_proposes(world, now)
    with pytest.raises(ConflictError):
        negotiation.answer(term=term, seat=observer.seat, accepts=False, by=observer.viewer, now=now)
    with pytest.raises(NotPermittedError):
        negotiation.propose(
            case=world.case,
            seat=observer.seat,
            ends_at=now + timedelta(days=9),
            reason="x",
            by=observer.viewer,
            now=now,
        )
    reporter_answers(world, term, now)

    assert active(world) == term
    assert observer.present().consent == Consent.INVITED
    assert not queries.may_read(observer.viewer, world.present())


def test_a_rejected_revision_leaves_who_looks_on_where_it_was(now: datetime) -> None:
    world = cases.opened(now, guests=())
    invited = services.invite(
        case=world.case, guest=Guest(name="Ministry", role=CaseRole.OBSERVER), by=world.desk, now=now
    )
    observer = cases.joined(invited, now)
    services.take_seat(case=world.case, seat=observer.seat, by=observer.viewer, now=now)
    negotiation.answer(term=active(world), seat=observer.seat, accepts=True, by=observer.viewer, now=now)

    reporter_answers(world, desk_proposes(world, now), now, accepts=False)

    assert observer.present().consent == Consent.SIGNATORY


def test_the_reporter_answers_in_its_own_case_only(now: datetime) -> None:
    one, other = cases.opened(now, guests=()), cases.opened(now, guests=())
    term = desk_proposes(one, now)

    with pytest.raises(ConflictError):
        reporter_answers(other, term, now)
    negotiation.answer(term=term, seat=one.reporter(), accepts=True, by=one.desk, now=now)
    assert active(one) == term


def test_a_reporter_s_revision_asks_the_coordinator(now: datetime) -> None:
    wish = DisclosureWish(intent=DisclosureIntent.FIXED_DATE, on=(now + timedelta(days=100)).date())
    world = cases.opened(now, told=records.report(disclosure=wish))
    guest = cases.seated(world, "Orchid Bank", now)
    (term,) = queries.open_terms(world.present())

    negotiation.answer(term=term, seat=world.desk_seat(), accepts=True, by=world.desk, now=now)
    negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=now)

    assert active(world) == term


def test_nothing_is_negotiated_in_a_closed_case(now: datetime) -> None:
    world = cases.opened(now)
    term = active(world)
    negotiation.end(case=world.case, reason="done", by=world.desk, now=now)
    services.close(case=world.case, reason="done", by=world.desk, now=now)

    for act in (
        lambda: desk_proposes(world, now),
        lambda: negotiation.answer(term=term, seat=world.desk_seat(), accepts=True, by=world.desk, now=now),
        lambda: reporter_answers(world, term, now),
    ):
        with pytest.raises(ConflictError):
            act()
    assert negotiation.lapse(case=world.case, now=now).closed_at == now


def test_consent_after_the_end_is_not_taken(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)

    with pytest.raises(ConflictError):
        negotiation.answer(
            term=active(world), seat=guest.seat, accepts=True, by=guest.viewer, now=active(world).ends_at
        )


def without_embargo(world: World) -> None:
    """Let the case stand as one that began with no terms at all."""
    world.case.terms.all().delete()
    world.case.participants.update(consent=Consent.NO_EMBARGO)
    type(world.case).objects.filter(pk=world.case.pk).update(embargo=EmbargoState.NONE)


def test_an_embargo_is_proposed_where_there_is_none_and_begins_when_all_agree(now: datetime) -> None:
    world = cases.opened(now)
    without_embargo(world)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    term = desk_proposes(world, now)
    assert world.present().embargo == EmbargoState.PROPOSED
    assert queries.may_read(guest.viewer, world.present())
    late = invitations.invite(case=world.case, guest=Guest(name="Late"), by=world.desk, now=now)
    latecomer = cases.joined(late, now)
    services.take_seat(case=world.case, seat=latecomer.seat, by=latecomer.viewer, now=now)
    assert not queries.may_read(latecomer.viewer, world.present())

    reporter_answers(world, term, now)
    negotiation.answer(term=term, seat=latecomer.seat, accepts=True, by=latecomer.viewer, now=now)
    negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=now)

    assert (world.present().embargo, active(world)) == (EmbargoState.ACTIVE, term)
    assert {seat.consent for seat in world.case.participants.all()} == {Consent.SIGNATORY}
    assert queries.may_read(latecomer.viewer, world.present())


def test_a_rejected_proposal_leaves_no_embargo_and_nothing_to_keep(now: datetime) -> None:
    world = cases.opened(now)
    without_embargo(world)
    term = desk_proposes(world, now)

    reporter_answers(world, term, now, accepts=False)

    assert world.present().embargo == EmbargoState.NONE
    assert {seat.consent for seat in world.case.participants.all()} == {Consent.NO_EMBARGO}
    assert world.case.transitions.filter(message=ProtocolMessage.EMBARGO_REJECTED, axis="EM").count() == 1


def test_a_leak_while_an_embargo_is_proposed_ends_the_talk(now: datetime) -> None:
    world = cases.opened(now)
    without_embargo(world)
    term = desk_proposes(world, now)

    services.record_public(case=world.case, fact=CaseFact.PUBLIC_AWARE, by=world.desk, now=now)

    term.refresh_from_db()
    assert (world.present().embargo, term.state) == (EmbargoState.NONE, TermState.REJECTED)
