# SPDX-License-Identifier: Apache-2.0
"""The acts of participants: who may say what, write where, invite whom, leave, close; and what is told to whom."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.factories import cases, intake, records
from tests.factories.cases import Seated, World
from tests.server.factories import make_organization, make_party, viewer

from safeconduct.domain.case import CaseFact, Consent, ProtocolMessage, ReportState
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import PublicStatus, Reporter, ReporterMode, RestrictedMaterial, Tlp
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    NotFoundError,
    NotPermittedError,
    SealError,
    TooLargeError,
    TransitionError,
)
from safeconduct.server.audit import vault
from safeconduct.server.audit.models import Event
from safeconduct.server.cases import correspondence, invitations, negotiation, overview, queries, services, waiting
from safeconduct.server.cases.correspondence import post
from safeconduct.server.cases.history import history_for
from safeconduct.server.cases.invitations import Guest, invite
from safeconduct.server.cases.models import Participant
from safeconduct.server.intake import services as mailbox
from safeconduct.server.intake.models import ReportStatus
from safeconduct.server.outbox.models import Channel, Message
from safeconduct.server.parties.access import viewer_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
M = ProtocolMessage
DAY = timedelta(days=1)


def say(world: World, guest: Seated, *messages: ProtocolMessage, now: datetime, **changes: object) -> None:
    for message in messages:
        services.move(case=world.case, seat=guest.seat, message=message, by=guest.viewer, now=now, **changes)  # type: ignore[arg-type]


def test_a_vendor_goes_the_whole_way_and_every_step_is_kept_in_order(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    say(world, guest, M.REPORT_VALID, M.REPORT_ACCEPTED, M.CASE_FIX_READY, M.CASE_FIX_DEPLOYED, now=now)

    steps = world.case.transitions.filter(participant=guest.seat).exclude(axis="PEC")
    assert [(step.axis, step.before, step.after) for step in steps] == [
        ("RM", "S", "R"),
        ("CS", "vfd", "Vfd"),
        ("RM", "R", "V"),
        ("RM", "V", "A"),
        ("CS", "Vfd", "VFd"),
        ("CS", "VFd", "VFD"),
    ]
    assert queries.vendor_state(world.present()).code == "VFDpxa"


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        ((), M.CASE_FIX_READY),
        ((M.REPORT_VALID,), M.CASE_FIX_READY),
        ((M.REPORT_VALID,), M.REPORT_INVALID),
        ((M.REPORT_VALID, M.REPORT_ACCEPTED), M.CASE_FIX_DEPLOYED),
        ((M.REPORT_VALID, M.REPORT_ACCEPTED, M.REPORT_DEFERRED), M.CASE_FIX_READY),
    ],
)
def test_the_guards_hold(now: datetime, before: tuple[ProtocolMessage, ...], refused: ProtocolMessage) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    say(world, guest, *before, now=now)
    count = world.case.transitions.count()

    with pytest.raises(TransitionError):
        say(world, guest, refused, now=now)
    assert world.case.transitions.count() == count


@pytest.mark.parametrize("message", [M.EMBARGO_TERMINATION, M.CASE_PUBLIC_AWARE, M.REPORT_SUBMISSION, M.INQUIRY])
def test_what_is_not_said_here_is_refused(now: datetime, message: ProtocolMessage) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    with pytest.raises(ConflictError):
        say(world, guest, message, now=now)


def test_nobody_speaks_for_another_but_the_coordinator_notes_what_was_told(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.seated(world, "Orchid Bank", now), cases.seated(world, "Acme", now)

    with pytest.raises(NotPermittedError):
        services.move(case=world.case, seat=orchid.seat, message=M.REPORT_VALID, by=acme.viewer, now=now)
    with pytest.raises(NotPermittedError):
        services.take_seat(case=world.case, seat=orchid.seat, by=acme.viewer, now=now)
    with pytest.raises(NotPermittedError):
        services.note_mitigated(case=world.case, seat=orchid.seat, by=acme.viewer, now=now)
    with pytest.raises(NotPermittedError):
        services.leave(case=world.case, seat=orchid.seat, reason="x", by=acme.viewer, now=now)
    services.move(
        case=world.case, seat=orchid.seat, message=M.REPORT_VALID, by=world.desk, now=now, reason="told by phone"
    )

    (step,) = [one for one in history_for(world.desk, world.present()) if one.code == "RV"]
    assert (step.reason, step.by) == ("told by phone", str(world.coordinator))
    assert b"phone" not in bytes(world.case.transitions.get(message="RV").reason)


def test_a_seat_of_another_case_is_refused(now: datetime) -> None:
    one, other = cases.opened(now), cases.opened(now)
    seat = other.guest("Orchid Bank").participant

    with pytest.raises(ConflictError):
        services.move(case=one.case, seat=seat, message=M.REPORT_VALID, by=one.desk, now=now)
    with pytest.raises(ConflictError):
        post(case=one.case, author=one.desk_seat(), room=seat, text="x", by=one.desk, now=now)
    with pytest.raises(ConflictError):
        negotiation.answer(term=queries.active_term(one.case), seat=seat, accepts=True, by=one.desk, now=now)


def test_a_mitigation_is_a_vendor_s_and_noted_once(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    for moment in (now, now + DAY):
        services.note_mitigated(case=world.case, seat=guest.seat, by=guest.viewer, now=moment)

    assert guest.present().mitigated_at == now
    with pytest.raises(ConflictError):
        services.note_mitigated(case=world.case, seat=world.reporter(), by=world.desk, now=now)


def test_only_the_coordinator_writes_to_all(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    with pytest.raises(NotPermittedError):
        post(case=world.case, author=guest.seat, text="hello all", by=guest.viewer, now=now)
    post(case=world.case, author=world.desk_seat(), text="hello all", by=world.desk, now=now, tlp=Tlp.GREEN)
    post(case=world.case, author=guest.seat, room=guest.seat, text="hello", by=guest.viewer, now=now + DAY)

    texts = [message.text for message in correspondence.messages_for(guest.viewer, world.present())]
    assert texts == ["hello all", "hello"]


def test_nobody_writes_in_another_s_name_or_room(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.seated(world, "Orchid Bank", now), cases.seated(world, "Acme", now)

    refused = (
        {"author": orchid.seat, "room": orchid.seat, "by": acme.viewer},
        {"author": acme.seat, "room": orchid.seat, "by": acme.viewer},
        {"author": orchid.seat, "room": orchid.seat, "by": world.desk},
        {"author": world.desk_seat(), "by": acme.viewer},
    )
    for given in refused:
        with pytest.raises(NotPermittedError):
            post(case=world.case, text="x", now=now, **given)
    with pytest.raises(ConflictError):
        post(case=world.case, author=world.desk_seat(), room=world.reporter(), text="x", by=world.desk, now=now)
    assert not world.case.messages.exists()


def test_one_room_is_closed_to_the_other_vendor(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.seated(world, "Orchid Bank", now), cases.seated(world, "Acme", now)
    post(case=world.case, author=orchid.seat, room=orchid.seat, text="ours", by=orchid.viewer, now=now)

    assert [one.text for one in correspondence.messages_for(world.desk, world.present())] == ["ours"]
    assert correspondence.messages_for(acme.viewer, world.present()) == []
    assert not correspondence.rows_for(acme.viewer, world.present(), room=orchid.seat).exists()
    assert (correspondence.unread_of(acme.seat, world.case), correspondence.unread_of(orchid.seat, world.case)) == (
        0,
        0,
    )


@pytest.mark.parametrize(("text", "error"), [("  ", IncompleteError), ("x" * 1_000_000, TooLargeError)])
def test_a_message_has_a_text_of_its_size(now: datetime, text: str, error: type[Exception]) -> None:
    world = cases.opened(now)

    with pytest.raises(error):
        post(case=world.case, author=world.desk_seat(), text=text, by=world.desk, now=now)


def test_messages_are_sealed_and_gone_when_the_case_is_shredded(now: datetime) -> None:
    world = cases.opened(now)
    message = post(case=world.case, author=world.desk_seat(), text="xylophone", by=world.desk, now=now)
    assert b"xylophone" not in bytes(message.body)

    vault.shred(world.case.pk)

    with pytest.raises(SealError):
        correspondence.messages_for(world.desk, world.present())


def test_a_notice_says_where_and_never_what_once_an_hour(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    for minutes in (0, 10, 70):
        post(
            case=world.case,
            author=world.desk_seat(),
            text="the vault password",
            by=world.desk,
            now=now + timedelta(minutes=minutes),
        )

    found = Message.objects.filter(party=guest.party)
    assert found.count() == 2
    assert all("vault" not in message.text and world.case.pk in message.text for message in found)
    assert not Message.objects.filter(party=world.coordinator).exists()


def test_with_a_mail_server_the_link_leaves_as_mail_and_the_desk_hears_of_messages(now: datetime, settings) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, smtp_host="mail.example", smtp_sender="desk@cert.example")
    world = cases.opened(now, guests=())
    world.coordinator.email = "ada@cert.example"
    world.coordinator.save()

    invited = invite(
        case=world.case, guest=Guest(name="Orchid Bank", contact="psirt@orchid.example"), by=world.desk, now=now
    )

    (mail,) = Message.objects.filter(address="psirt@orchid.example")
    assert mail.kind == Channel.MAIL
    assert invited.url in mail.text
    assert "UTC" in mail.text
    guest = cases.joined(invited, now)
    services.come(
        case=world.case,
        seat=guest.seat,
        term=queries.active_term(world.present()),
        accepts=True,
        by=guest.viewer,
        now=now,
    )
    post(case=world.case, author=guest.seat, room=guest.seat, text="hello", by=guest.viewer, now=now)
    assert Message.objects.filter(party=world.coordinator, kind=Channel.MAIL).count() == 1


def test_without_a_mail_server_the_link_waits_to_be_passed_on(now: datetime) -> None:
    world = cases.opened(now, guests=())

    invite(case=world.case, guest=Guest(name="Orchid Bank", contact="psirt@orchid.example"), by=world.desk, now=now)

    assert Message.objects.get(address="psirt@orchid.example").kind == Channel.HAND


def test_a_name_takes_one_seat(now: datetime) -> None:
    world = cases.opened(now)

    for name, error in (
        ("orchid bank ", ConflictError),
        ("", IncompleteError),
        ("x" * 500, TooLargeError),
    ):
        with pytest.raises(error):
            invite(case=world.case, guest=Guest(name=name), by=world.desk, now=now)
    with pytest.raises(NotPermittedError):
        invite(case=world.case, guest=Guest(name="Acme"), by=viewer(Role.VENDOR), now=now)


def test_who_is_invited_again_is_asked_anew_and_who_came_is_not(now: datetime) -> None:
    world = cases.opened(now)
    seat = world.guest("Orchid Bank").participant
    negotiation.lapse(case=world.case, now=now + 8 * DAY)

    invitations.invite_again(case=world.case, seat=seat, by=world.desk, now=now + 8 * DAY)

    seat.refresh_from_db()
    assert (seat.consent, seat.asked_at, seat.invited_at) == (Consent.INVITED, now + 8 * DAY, now)
    assert not waiting.to_lapse(now + 14 * DAY).exists()
    for joined in (world.reporter(), cases.seated(cases.opened(now), "Orchid Bank", now).seat):
        with pytest.raises(ConflictError):
            invitations.invite_again(case=joined.case, seat=joined, by=world.desk, now=now)


def test_an_organization_with_people_is_told_and_all_of_them_hold_the_seat(now: datetime) -> None:
    organization = make_organization("Orchid Bank")
    people = [make_party(Role.VENDOR, organization=organization) for _ in range(2)]
    world = cases.opened(now, guests=())

    invited = invite(case=world.case, guest=Guest(name="Orchid", organization=organization), by=world.desk, now=now)

    assert invited.url == ""
    assert set(Message.objects.values_list("party", flat=True)) == {party.pk for party in people}
    for party in people:
        assert queries.seat_in(viewer_of(party), world.case) == invited.participant


def test_colleagues_who_come_later_find_the_seat_of_their_organization(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    organization = guest.present().organization

    colleague = viewer_of(make_party(Role.VENDOR, organization=organization))

    assert queries.may_read(colleague, world.present())


def test_whoever_left_has_no_seat_and_the_embargo_goes_on(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)

    services.leave(case=world.case, seat=guest.seat, reason="not our product", by=guest.viewer, now=now)

    assert world.present().embargo == "A"
    with pytest.raises(NotFoundError):
        queries.case_for(guest.viewer, world.case.pk)
    with pytest.raises(NotPermittedError):
        services.move(case=world.case, seat=guest.seat, message=M.REPORT_VALID, by=guest.viewer, now=now)
    with pytest.raises(ConflictError):
        services.move(case=world.case, seat=guest.seat, message=M.REPORT_VALID, by=world.desk, now=now)
    invite(case=world.case, guest=Guest(name="Orchid Bank"), by=world.desk, now=now)


def test_the_desk_and_the_reporter_do_not_leave(now: datetime) -> None:
    world = cases.opened(now)

    for seat in (world.desk_seat(), world.reporter()):
        with pytest.raises(ConflictError):
            services.leave(case=world.case, seat=seat, reason="x", by=world.desk, now=now)


def test_a_closed_case_tells_the_reporter_why_and_closes_the_report(now: datetime) -> None:
    world = cases.opened(now)
    negotiation.end(case=world.case, reason="all are ready", by=world.desk, now=now)

    services.close(case=world.case, reason="It is fixed everywhere.", by=world.desk, now=now)

    row = world.present().assessment.report
    assert row.status == ReportStatus.CLOSED
    assert "It is fixed everywhere." in [one.text for one in _mailbox(row)]
    with pytest.raises(ConflictError):
        services.close(case=world.case, reason="again", by=world.desk, now=now)
    with pytest.raises(NotPermittedError):
        services.close(case=world.case, reason="x", by=viewer(Role.VENDOR), now=now)


def _mailbox(row):
    from safeconduct.server.intake import queries as reports

    return [replace(one, text=one.text.removeprefix("The case is closed: ")) for one in reports.messages_of(row)]


def test_a_withdrawn_report_does_not_stop_its_case_from_closing(now: datetime) -> None:
    world = cases.opened(now)
    mailbox.withdraw(row=world.case.assessment.report, reason="I was wrong.", now=now)
    negotiation.end(case=world.case, reason="withdrawn", by=world.desk, now=now)

    services.close(case=world.case, reason="The reporter took it back.", by=world.desk, now=now)

    assert world.present().assessment.report.status == ReportStatus.WITHDRAWN


def test_a_late_vendor_of_a_public_flaw_knows_at_once(now: datetime) -> None:
    world = cases.opened(now, told=records.report(public_status=PublicStatus.PUBLIC), guests=())

    seat = invite(case=world.case, guest=Guest(name="Late"), by=world.desk, now=now + DAY).participant

    assert (seat.aware_at, seat.report_state) == (now + DAY, ReportState.RECEIVED)


def test_publication_makes_the_flaw_public_once(now: datetime) -> None:
    world = cases.opened(now)

    services.note_published(case=world.case, by=world.desk, now=now)
    services.note_published(case=world.case, by=world.desk, now=now + DAY)

    case = world.present()
    assert (case.published_at, case.public_at, case.embargo) == (now, now, "X")
    with pytest.raises(NotPermittedError):
        services.note_published(case=world.case, by=viewer(Role.VENDOR), now=now)


def test_a_vendor_reads_who_reported_only_with_the_reporter_s_leave(now: datetime) -> None:
    for allowed in (False, True):
        told = records.report(
            reporter=Reporter(
                mode=ReporterMode.NAMED, name="Grace", contact="grace@example.org", share_contact_with_vendor=allowed
            )
        )
        world = cases.opened(now, told=told)
        guest = cases.seated(world, "Orchid Bank", now)

        assert (queries.told_in(guest.viewer, world.present()).reporter.name == "Grace") is allowed
        assert queries.told_in(world.desk, world.present()).reporter.name == "Grace"


def test_systems_of_a_vendor_whose_name_contains_another_s_are_kept_apart(now: datetime) -> None:
    systems = tuple(records.hosted_model(vendor=name, product=f"{name} product") for name in ("Meta", "Meta Tools"))
    world = cases.opened(now, told=records.report(affects=systems), guests=("Meta", "Meta Tools"))
    guest = cases.seated(world, "Meta", now)

    assert [system.vendor for system in queries.told_in(guest.viewer, world.present()).affects] == ["Meta"]


def test_the_overview_is_for_the_desk_and_shows_who_waits(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    guest = cases.seated(world, "Orchid Bank", now)
    post(case=world.case, author=guest.seat, room=guest.seat, text="hello", by=guest.viewer, now=now + DAY)

    found = {one.row.name: one for one in overview.participants(world.desk, world.present())}

    assert list(found) == ["the coordinator", "the reporter", "Acme", "Orchid Bank"]
    assert (found["Orchid Bank"].waits_for_answer, found["Orchid Bank"].heard_at) == (True, now + DAY)
    assert (found["Acme"].waits_for_answer, found["Acme"].heard_at) == (False, None)
    with pytest.raises(NotPermittedError):
        overview.participants(guest.viewer, world.present())


def test_the_case_of_a_report_is_found(now: datetime) -> None:
    world = cases.opened(now)

    assert queries.case_of_report(world.case.assessment.report) == world.case
    assert queries.case_of_report(intake.received(now).row) is None


def test_an_api_viewer_sees_its_own_state_only(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.seated(world, "Orchid Bank", now), cases.seated(world, "Acme", now)
    say(world, orchid, M.REPORT_VALID, M.REPORT_ACCEPTED, M.CASE_FIX_READY, now=now)

    case = world.present()
    assert queries.state_for(orchid.viewer, case).code == "VFdpxa"
    assert queries.state_for(acme.viewer, case).code == queries.state_for(world.desk, case).code == "Vfdpxa"
    assert queries.state_for(viewer(Role.OBSERVER), case).code == "vfdpxa"


def test_every_act_leaves_one_event_and_no_content_in_it(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    before = Event.objects.count()

    acts = (
        lambda: say(world, guest, M.REPORT_VALID, now=now),
        lambda: post(case=world.case, author=guest.seat, room=guest.seat, text="xylophone", by=guest.viewer, now=now),
        lambda: negotiation.end(case=world.case, reason="xylophone", by=world.desk, now=now),
    )
    for number, act in enumerate(acts, start=1):
        act()
        assert Event.objects.count() == before + number
    assert not any("xylophone" in str(event.facts) for event in Event.objects.all())


def test_no_reason_that_a_person_wrote_stands_in_the_database_in_clear(now: datetime) -> None:
    world = cases.opened(now)
    guest = cases.seated(world, "Orchid Bank", now)
    marker = "xylophone"
    negotiation.propose(
        case=world.case, seat=guest.seat, ends_at=now + 9 * DAY, reason=marker, by=guest.viewer, now=now
    )
    services.record_public(case=world.case, fact=CaseFact.ATTACKS_OBSERVED, by=world.desk, now=now, keep_because=marker)
    services.leave(case=world.case, seat=guest.seat, reason=marker, by=guest.viewer, now=now)

    tables = (world.case.transitions, world.case.terms, world.case.participants, type(world.case).objects)
    values = [value for table in tables for entry in table.values() for value in entry.values()]
    assert not any(marker.encode() in bytes(value) for value in values if isinstance(value, bytes | memoryview))
    assert not any(marker in str(value) for value in values if isinstance(value, str))
    assert Participant.objects.get(pk=guest.seat.pk).role == CaseRole.VENDOR


def test_restricted_material_is_not_handed_to_participants(now: datetime) -> None:
    told = records.report(
        restricted_material=RestrictedMaterial.CBRN_DETAIL, description="xylophone", steps="xylophone"
    )
    world = cases.opened(now, told=told)
    guest = cases.seated(world, "Orchid Bank", now)

    seen = queries.told_in(guest.viewer, world.present())

    assert "xylophone" not in str(seen)
    assert seen.title == told.title
    assert queries.told_in(world.desk, world.present()).description == "xylophone"
