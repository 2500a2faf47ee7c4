# SPDX-License-Identifier: Apache-2.0
"""The pages of a case as browsers without scripts use them: opened, joined by a link, agreed, fixed, ended, closed."""

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.conftest import PASSWORD
from tests.factories import cases, records, triage
from tests.factories.cases import World
from tests.server.factories import client_of, make_organization, make_party, viewer

from safeconduct.domain.case import Consent, EmbargoState, ReportState
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.domain.systems import AffectedSystem
from safeconduct.server.cases import queries, services
from safeconduct.server.cases.invitations import Guest, invite
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.parties.access import viewer_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
NOW = timezone.now


def text(answer) -> str:
    return answer.content.decode()


def fields(page: str) -> dict[str, str]:
    """Return what a browser would send of the forms of a page as they stand."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        is_box = 'type="checkbox"' in tag or 'type="radio"' in tag
        if name and (not is_box or "checked" in tag):
            found[name[1]] = value[1] if value else "on" if is_box else ""
    for name, body in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', page, flags=re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', body) or re.search(r'value="([^"]*)"', body)
        found[name] = chosen[1] if chosen else ""
    return found


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def room(world: World) -> str:
    return reverse("desk:case", args=[world.case.pk])


def test_the_whole_way_of_a_vendor_from_the_link_to_the_deployed_fix(client: Client) -> None:
    coordinator = make_party(Role.COORDINATOR)
    desk = client_of(coordinator)
    assessment = triage.tiered(NOW(), by=viewer_of(coordinator))
    form = text(desk.get(reverse("cases:open", args=[assessment.pk])))
    assert 'value="Orchid Bank"' in form

    links = text(desk.post(reverse("cases:open", args=[assessment.pk]), fields(form)))
    link = re.search(r'class="secret">([^<]+)<', links)
    assert link is not None
    case = Case.objects.get()
    term = queries.active_term(case)
    assert f"{term.ends_at:%Y-%m-%d %H:%M} UTC" in links

    values = {"handle": "ada", "name": "Ada", "email": "", "password": PASSWORD, "again": PASSWORD}
    assert client.post(path_of(link[1]), values).status_code == 302
    client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    landed = client.get(reverse("desk:home"), follow=True)
    assert landed.redirect_chain[-1][0] == reverse("desk:case", args=[case.pk])
    invitation = text(landed)
    assert f"{term.ends_at:%Y-%m-%d %H:%M} UTC" in invitation
    assert records.report().title not in invitation
    assert records.report().description not in invitation

    seat = Participant.objects.get(role=CaseRole.VENDOR)
    come = reverse("cases:come", args=[case.pk, seat.pk])
    shown = text(client.post(come, {"term": term.pk, "accepts": "yes"}, follow=True))
    assert records.report().title in shown
    assert records.report().steps in shown
    say = reverse("cases:move", args=[case.pk, seat.pk])
    for message in ("RV", "RA", "CF", "CD"):
        assert f'value="{message}"' in text(client.get(reverse("desk:case", args=[case.pk])))
        assert client.post(say, {"message": message}).status_code == 302

    seat.refresh_from_db()
    assert (seat.consent, seat.report_state) == (Consent.SIGNATORY, ReportState.ACCEPTED)
    assert seat.fix_deployed_at is not None
    assert "fix deployed" in text(desk.get(reverse("desk:case", args=[case.pk])))


def test_a_fix_is_not_ready_before_the_report_is_accepted() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    client = client_of(guest.party)

    page = text(client.get(room(world)))
    answer = client.post(reverse("cases:move", args=[world.case.pk, guest.seat.pk]), {"message": "CF"})

    assert 'name="message" value="CF"' not in page
    assert "only while the vendor has accepted the report" in page
    assert answer.status_code == 409
    assert guest.present().fix_ready_at is None


def test_a_step_against_advice_needs_a_typed_reason() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    client, say = client_of(guest.party), reverse("cases:move", args=[world.case.pk, guest.seat.pk])
    for message in ("RV", "RA"):
        client.post(say, {"message": message})

    assert "put off, not closed, while the embargo is active" in text(client.get(room(world)))
    assert client.post(say, {"message": "RC"}).status_code == 422
    assert client.post(say, {"message": "RC", "reason": "the product is retired"}).status_code == 302
    assert guest.present().report_state == ReportState.CLOSED


def test_the_coordinator_sees_everything_and_every_act_from_the_room() -> None:
    world = cases.opened(NOW(), guests=("Orchid Bank", "Acme"))
    page = text(client_of(world.coordinator).get(room(world)))

    for words in ("Orchid Bank", "Acme", "The reporter", "no answer", "keeps it", "vfdpxa", "Publish the"):
        assert words in page
    for name in ("invite", "propose", "end_embargo", "record_fact", "tell_reporter"):
        assert reverse(f"cases:{name}", args=[world.case.pk]) in page
    assert reverse("clock:extend", args=[world.case.pk]) in page
    assert reverse("campaigns:of_case", args=[world.case.pk]) in page


def test_the_end_is_shown_in_the_chosen_zone_and_in_utc() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)
    assert desk.post(reverse("parties:zone"), {"zone": "Nowhere/Land"}).status_code == 422
    desk.post(reverse("parties:zone"), {"zone": "Asia/Tokyo"})

    page = text(desk.get(room(world)))

    end = queries.active_term(world.present()).ends_at
    tokyo = end + timedelta(hours=9)
    assert f"{tokyo:%Y-%m-%d %H:%M} JST ({end:%Y-%m-%d %H:%M} UTC)" in page
    assert "in 89 days" in page or "in 90 days" in page or "in 44 days" in page


def test_a_cookie_that_names_no_zone_is_ignored() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)
    desk.cookies["zone"] = "../../etc/passwd"

    assert desk.get(room(world)).status_code == 200


def test_a_proposal_is_made_on_the_clocks_of_a_named_zone() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    client = client_of(guest.party)
    day = (NOW() + timedelta(days=20)).date()
    form = {"day": day.isoformat(), "hour": "09:30", "zone": "Asia/Tokyo", "reason": "our release is then"}

    answer = client.post(reverse("cases:propose", args=[world.case.pk]), form, follow=True)

    (term,) = queries.open_terms(world.present())
    assert (term.ends_at.date(), term.ends_at.hour, term.ends_at.minute) == (day, 0, 30)
    assert "our release is then" in text(answer)
    assert "Put forward by you" in text(answer)
    assert "our release is then" in text(client_of(world.coordinator).get(room(world)))


@pytest.mark.parametrize(
    "changes",
    [
        {"zone": ""},
        {"zone": "Mars/Base"},
        {"zone": "Europe/Berlin", "day": "2027-03-28", "hour": "02:30"},
        {"day": "yesterday"},
        {"day": "2027-02-30"},
        {"day": "9999-12-31", "hour": "23:59", "zone": "Pacific/Pago_Pago"},
        {"reason": ""},
        {"reason": "x" * 1_000_000},
        {"reason": "with a \x00 in it"},
    ],
)
def test_a_time_that_names_no_instant_is_told_beside_its_field(changes: dict[str, str]) -> None:
    world = cases.opened(NOW())
    day = (NOW() + timedelta(days=20)).date().isoformat()
    form = {"day": day, "hour": "09:30", "zone": "UTC", "reason": "later"} | changes

    answer = client_of(world.coordinator).post(reverse("cases:propose", args=[world.case.pk]), form)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in text(answer)
    assert not queries.open_terms(world.present())


def test_a_past_end_is_refused_as_a_conflict() -> None:
    world = cases.opened(NOW())
    form = {"day": "2020-01-01", "hour": "09:30", "zone": "UTC", "reason": "too late"}

    answer = client_of(world.coordinator).post(reverse("cases:propose", args=[world.case.pk]), form)

    assert answer.status_code == 409
    assert "is not ahead" in text(answer)


def test_the_desk_and_the_reporter_settle_a_proposal_from_the_room() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    desk, vendor = client_of(world.coordinator), client_of(guest.party)
    day = (NOW() + timedelta(days=20)).date().isoformat()
    vendor.post(
        reverse("cases:propose", args=[world.case.pk]), {"day": day, "hour": "12:00", "zone": "UTC", "reason": "ready"}
    )
    (term,) = queries.open_terms(world.present())
    page = text(desk.get(room(world)))
    assert "Note a yes" in page

    for seat in (world.desk_seat(), world.reporter()):
        path = reverse("cases:answer", args=[world.case.pk, term.pk, seat.pk])
        assert path in page
        assert desk.post(path, {"accepts": "yes"}).status_code == 302

    assert queries.active_term(world.present()) == term
    assert desk.post(path, {"accepts": "perhaps"}).status_code == 302
    assert desk.post(path, {"accepts": "yes"}).status_code == 409 or queries.active_term(world.present()) == term


def test_a_public_flaw_is_recorded_and_the_embargo_is_over() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)

    answer = desk.post(reverse("cases:record_fact", args=[world.case.pk]), {"fact": "P"}, follow=True)

    assert world.present().embargo == EmbargoState.EXITED
    assert "The public knows of the flaw" in text(answer)
    assert desk.post(reverse("cases:record_fact", args=[world.case.pk]), {"fact": "P"}).status_code == 422
    assert desk.post(reverse("cases:record_fact", args=[world.case.pk]), {"fact": "Z"}).status_code == 422


def test_attacks_may_be_outweighed_with_a_reason_that_the_room_shows() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)

    page = text(
        desk.post(
            reverse("cases:record_fact", args=[world.case.pk]),
            {"fact": "A", "keep_because": "the fix ships tomorrow"},
            follow=True,
        )
    )

    assert world.present().embargo == EmbargoState.ACTIVE
    assert "the fix ships tomorrow" in page


def test_messages_to_all_reach_the_vendor_and_its_reply_reaches_the_desk() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    desk, vendor = client_of(world.coordinator), client_of(guest.party)
    desk.post(reverse("cases:post", args=[world.case.pk]), {"text": "Good morning to all", "tlp": "TLP:AMBER"})

    first = text(vendor.get(room(world)))
    assert "Good morning to all" in first
    assert "1 new message" in first
    assert "1 new message" not in text(vendor.get(room(world)))
    private = reverse("cases:post_privately", args=[world.case.pk, guest.seat.pk])
    vendor.post(private, {"text": "Which version?", "tlp": "TLP:RED"})

    assert "waits for a reply" in text(desk.get(room(world)))
    page = text(desk.get(reverse("desk:participant", args=[world.case.pk, guest.seat.pk])))
    assert "Which version?" in page
    assert "TLP:RED" in page
    desk.post(private, {"text": "The hosted one.", "tlp": "TLP:AMBER"})
    assert "waits for a reply" not in text(desk.get(room(world)))
    assert "The hosted one." in text(vendor.get(room(world)))


def test_a_message_of_a_megabyte_is_refused_beside_its_field() -> None:
    world = cases.opened(NOW())

    answer = client_of(world.coordinator).post(
        reverse("cases:post", args=[world.case.pk]), {"text": "x" * 1_000_000, "tlp": "TLP:RED"}
    )

    assert answer.status_code == 422
    assert not world.case.messages.exists()


def test_many_messages_are_paged() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)
    for number in range(25):
        desk.post(reverse("cases:post", args=[world.case.pk]), {"text": f"letter {number:02}", "tlp": "TLP:GREEN"})

    first, second = text(desk.get(room(world))), text(desk.get(room(world) + "?page=2"))

    assert "letter 24" in first
    assert "letter 04" not in first
    assert "letter 04" in second
    assert desk.get(room(world) + "?page=-7").status_code == 200


def test_the_reporter_is_told_and_the_status_clock_starts_anew() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)

    desk.post(reverse("cases:tell_reporter", args=[world.case.pk]), {"text": "The vendor has answered."})

    assert world.case.assessment.report.messages.count() == 2


def test_a_case_is_closed_after_its_embargo_and_takes_no_act_any_more() -> None:
    world = cases.opened(NOW())
    desk = client_of(world.coordinator)
    close, end = (reverse(f"cases:{name}", args=[world.case.pk]) for name in ("close", "end_embargo"))

    assert desk.post(close, {"reason": "done"}).status_code == 409
    desk.post(end, {"reason": "all are ready"})
    assert desk.post(close, {"reason": ""}).status_code == 422
    assert desk.post(close, {"reason": "fixed and published"}).status_code == 302

    assert "closed" in text(desk.get(room(world)))
    assert desk.post(reverse("cases:post", args=[world.case.pk]), {"text": "more", "tlp": "TLP:RED"}).status_code == 409


def test_a_known_organization_is_invited_without_a_link() -> None:
    organization = make_organization("Orchid Bank")
    member = make_party(Role.VENDOR, organization=organization)
    coordinator = make_party(Role.COORDINATOR)
    assessment = triage.tiered(NOW(), by=viewer_of(coordinator))
    desk = client_of(coordinator)
    form = text(desk.get(reverse("cases:open", args=[assessment.pk])))
    assert f'<option value="{organization.pk}" selected>' in form

    links = text(desk.post(reverse("cases:open", args=[assessment.pk]), fields(form)))

    assert "No link is needed" in links
    assert "You are invited to a coordinated disclosure" in text(
        client_of(member).get(reverse("desk:home"), follow=True)
    )


def test_a_name_alone_opens_no_case_to_an_organization_of_that_name() -> None:
    member = make_party(Role.VENDOR, organization=make_organization("Orchid Bank"))
    world = cases.opened(NOW())

    assert world.guest("Orchid Bank").url
    assert client_of(member).get(room(world)).status_code == 404


def test_rows_may_be_left_out_and_others_added() -> None:
    coordinator = make_party(Role.COORDINATOR)
    assessment = triage.tiered(NOW(), by=viewer_of(coordinator))
    desk = client_of(coordinator)
    path = reverse("cases:open", args=[assessment.pk])
    form = fields(text(desk.get(path)))
    form.pop("guests-0-invite")
    chosen = form | {"guests-1-invite": "on", "guests-1-name": "Acme", "guests-1-role": "deployer"}

    assert desk.post(path, chosen | {"guests-1-name": ""}).status_code == 422
    assert desk.post(path, chosen).status_code == 200

    (guest,) = Participant.objects.filter(role=CaseRole.DEPLOYER)
    assert guest.name == "Acme"
    assert not Participant.objects.filter(role=CaseRole.VENDOR).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"guests-TOTAL_FORMS": "1000000000"},
        {"guests-TOTAL_FORMS": "many"},
        {"guests-0-contact": "no address"},
        {"guests-0-role": "coordinator"},
        {"guests-0-organization": "org_unknown"},
        {"guests-0-name": "x" * 1000},
        {"facts": "Z"},
    ],
)
def test_a_tampered_form_opens_nothing(changes: dict[str, str]) -> None:
    coordinator = make_party(Role.COORDINATOR)
    assessment = triage.tiered(NOW(), by=viewer_of(coordinator))
    desk = client_of(coordinator)
    path = reverse("cases:open", args=[assessment.pk])
    form = fields(text(desk.get(path))) | changes

    assert desk.post(path, form).status_code == 422
    assert not Case.objects.exists()


def test_a_fresh_link_ends_the_one_before_it(client: Client) -> None:
    world = cases.opened(NOW())
    old, seat = world.guest("Orchid Bank").url, world.guest("Orchid Bank").participant

    page = text(client_of(world.coordinator).post(reverse("cases:invite_again", args=[world.case.pk, seat.pk])))

    fresh = re.search(r'class="secret">([^<]+)<', page)
    assert client.get(path_of(old)).status_code == 404
    assert client.get(path_of(fresh[1])).status_code == 200


def test_a_participant_leaves_and_finds_the_case_gone() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    client = client_of(guest.party)

    client.post(reverse("cases:leave", args=[world.case.pk, guest.seat.pk]), {"reason": "not ours"})

    assert client.get(room(world)).status_code == 404
    assert "has left the case" in text(client_of(world.coordinator).get(room(world)))
    assert world.present().embargo == EmbargoState.ACTIVE


def test_an_observer_reads_and_is_offered_no_act() -> None:
    world = cases.opened(NOW())
    invited = invite(case=world.case, guest=Guest(name="Ministry", role=CaseRole.OBSERVER), by=world.desk, now=NOW())
    observer = cases.joined(invited, NOW())
    client = client_of(observer.party)
    come = reverse("cases:come", args=[world.case.pk, observer.seat.pk])
    client.post(come, {"term": queries.active_term(world.present()).pk, "accepts": "yes"})

    page = text(client.get(room(world)))

    assert records.report().title in page
    assert "Propose another end" not in page
    assert "cases:move" not in page
    assert 'name="text"' not in page
    private = reverse("cases:post_privately", args=[world.case.pk, observer.seat.pk])
    assert client.post(private, {"text": "hello", "tlp": "TLP:RED"}).status_code == 403


def test_the_room_of_many_vendors_asks_the_database_no_more_than_that_of_few(
    django_assert_max_num_queries,
) -> None:
    few = cases.opened(NOW(), guests=("Vendor 1", "Vendor 2", "Vendor 3"))
    many = cases.opened(NOW(), guests=tuple(f"Maker {number}" for number in range(30)))
    for world in (few, many):
        client = client_of(world.coordinator)
        with django_assert_max_num_queries(60):
            assert client.get(room(world)).status_code == 200


def test_the_report_shown_to_a_vendor_leaves_out_whom_else_it_names() -> None:
    systems = (
        records.hosted_model(),
        records.hosted_model(vendor="Acme", product="Acme Helper"),
        AffectedSystem(vendor="unknown", product="a shared guardrail"),
    )
    world = cases.opened(NOW(), told=records.report(affects=systems), guests=("Orchid Bank AG", "Acme"))
    guest = cases.seated(world, "Orchid Bank AG", NOW())

    page = text(client_of(guest.party).get(room(world)))

    assert "Orchid Assistant" in page
    assert "a shared guardrail" in page
    assert "Acme" not in page


def test_a_vendor_of_one_case_does_not_reach_into_another() -> None:
    one, other = cases.opened(NOW()), cases.opened(NOW())
    guest, stranger = cases.seated(one, "Orchid Bank", NOW()), cases.joined(other.guest("Orchid Bank"), NOW())
    client = client_of(stranger.party)
    seat, foreign = stranger.seat.pk, guest.seat.pk

    assert client.get(room(one)).status_code == 404
    assert client.post(reverse("cases:come", args=[other.case.pk, foreign])).status_code == 404
    assert client.post(reverse("cases:come", args=[one.case.pk, seat])).status_code == 404
    term = queries.active_term(one.case)
    wrong = reverse("cases:answer", args=[other.case.pk, term.pk, seat])
    assert client.post(wrong, {"accepts": "yes"}).status_code == 404
    assert stranger.present().joined_at is None


def test_the_desk_tells_each_role_what_waits(now: datetime) -> None:
    world = cases.opened(NOW())
    guest = cases.joined(world.guest("Orchid Bank"), NOW())
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=NOW())

    vendor = text(client_of(guest.party).get(reverse("desk:home")))
    assert "You are invited: say whether you keep the embargo" in vendor
    assert records.report().title not in vendor
    desk = text(client_of(world.coordinator).get(reverse("desk:home")))
    assert records.report().title in desk
    for role in (Role.OBSERVER, Role.REGULATOR, Role.ADMINISTRATOR):
        page = text(client_of(role).get(reverse("desk:home")))
        assert "Nothing waits for you." in page
        assert world.case.pk not in page
    assert viewer(Role.VENDOR)


def test_signs_that_hide_are_shown_by_their_number_and_restricted_words_not_at_all() -> None:
    told = records.report(
        title="Turned \u202e around", steps="", description="xylophone", restricted_material=RestrictedMaterial.CSAM
    )
    world = cases.opened(NOW(), told=told)
    guest = cases.seated(world, "Orchid Bank", NOW())

    page = text(client_of(guest.party).get(room(world)))

    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page
    assert "holds restricted material" in page
    assert "xylophone" not in page
    assert reverse("triage:assessment", args=[world.case.assessment_id]) in text(
        client_of(world.coordinator).get(room(world))
    )
