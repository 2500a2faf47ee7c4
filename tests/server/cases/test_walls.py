# SPDX-License-Identifier: Apache-2.0
"""The walls between those who take part: who is refused what, that refusals look alike, that no vendor shows another."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from tests.conftest import NOON
from tests.factories import cases
from tests.factories.cases import Seated, World
from tests.server.factories import client_of, make_party

from safeconduct.domain.case import CaseFact, ProtocolMessage
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.server.cases import negotiation, queries, services
from safeconduct.server.cases.correspondence import post
from safeconduct.server.cases.invitations import Guest, invite
from safeconduct.server.clock import tasks
from safeconduct.server.outbox.models import Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home", "_noon")]
M = ProtocolMessage
NOBODY = "00000000000000000000000000"

OF_A_CASE = ("desk:case", "cases:propose", "cases:post")
OF_A_SEAT = ("cases:come", "cases:move", "cases:mitigated", "cases:post_privately", "cases:leave")
OF_THE_DESK = (
    "cases:invite",
    "cases:end_embargo",
    "cases:record_fact",
    "cases:tell_reporter",
    "cases:close",
    "clock:extend",
    "clock:pause",
    "clock:resume",
)
OF_THE_DESK_AND_A_SEAT = ("desk:participant", "cases:invite_again")


@pytest.fixture
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every request take place at noon, so that pages can be compared to the byte."""
    monkeypatch.setattr("safeconduct.server.parties.access.timezone.now", lambda: NOON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address of the case, and the same address of what does not exist."""

    there: str
    nowhere: str


def addresses(world: World, seat_id: str) -> dict[str, list[Address]]:
    """Return every address of the slice with the case, the seat and the terms, by who may use it."""
    case, term = world.case.pk, queries.active_term(world.case)
    assert term is not None
    no_case, no_seat, no_term = f"cas_{NOBODY}", f"ptc_{NOBODY}", f"emb_{NOBODY}"

    def pair(name: str, *args: str, missing: tuple[str, ...]) -> Address:
        return Address(there=reverse(name, args=args), nowhere=reverse(name, args=missing))

    return {
        "case": [pair(name, case, missing=(no_case,)) for name in OF_A_CASE],
        "seat": [
            *(pair(name, case, seat_id, missing=(case, no_seat)) for name in OF_A_SEAT),
            pair("cases:answer", case, term.pk, seat_id, missing=(case, no_term, seat_id)),
        ],
        "desk": [
            *(pair(name, case, missing=(no_case,)) for name in OF_THE_DESK),
            *(pair(name, case, seat_id, missing=(case, no_seat)) for name in OF_THE_DESK_AND_A_SEAT),
            pair("cases:open", world.case.assessment_id, missing=(f"asm_{NOBODY}",)),
        ],
    }


def assert_alike(client: Client, address: Address) -> None:
    """Hold that what is there and what is not answer the same, to the byte, for both methods."""
    for method in ("get", "post"):
        there, nowhere = getattr(client, method)(address.there), getattr(client, method)(address.nowhere)
        if there.status_code == 405:
            continue
        assert there.status_code == 404, (method, address.there)
        assert there.content == nowhere.content, (method, address.there)
        assert dict(there.headers) == dict(nowhere.headers)


def test_every_address_of_the_slices_is_in_the_matrix() -> None:
    from safeconduct.server.cases import urls
    from safeconduct.server.clock import urls as clock_urls

    known = {*OF_A_CASE, *OF_A_SEAT, *OF_THE_DESK, *OF_THE_DESK_AND_A_SEAT, "cases:answer", "cases:open"}
    present = {f"cases:{one.name}" for one in urls.urlpatterns} | {
        f"clock:{one.name}" for one in clock_urls.urlpatterns
    }

    assert present <= known


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}))
def test_who_has_no_seat_finds_nothing_anywhere(role: Role) -> None:
    world = cases.opened(NOON)
    stranger = client_of(role)

    for group in addresses(world, world.guest("Orchid Bank").participant.pk).values():
        for address in group:
            assert_alike(stranger, address)


def test_the_anonymous_are_led_to_the_sign_in_whatever_they_ask_for(client: Client) -> None:
    world = cases.opened(NOON)

    for group in addresses(world, world.guest("Orchid Bank").participant.pk).values():
        for address in group:
            for path in (address.there, address.nowhere):
                answer = client.get(path)
                assert answer.status_code in {302, 405}
                assert answer.status_code == 405 or answer.headers["Location"].startswith(reverse("account_login"))


def test_a_vendor_finds_nothing_at_the_seat_of_another_or_at_the_desk() -> None:
    world = cases.opened(NOON, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.seated(world, "Orchid Bank", NOON), cases.seated(world, "Acme", NOON)
    client = client_of(orchid.party)

    for seat in (acme.seat.pk, world.desk_seat().pk, world.reporter().pk):
        found = addresses(world, seat)
        for address in [*found["seat"], *found["desk"]]:
            assert_alike(client, address)
    assert client.get(reverse("desk:case", args=[world.case.pk])).status_code == 200


def test_a_guest_before_consent_writes_and_proposes_nothing() -> None:
    world = cases.opened(NOON)
    guest = cases.joined(world.guest("Orchid Bank"), NOON)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=NOON)
    client = client_of(guest.party)

    for name, args in (
        ("cases:propose", [world.case.pk]),
        ("cases:post", [world.case.pk]),
        ("cases:post_privately", [world.case.pk, guest.seat.pk]),
        ("campaigns:of_case", [world.case.pk]),
    ):
        assert client.get(reverse(name, args=args)).status_code == 404


def test_another_coordinator_sees_the_case_and_acts_for_the_desk() -> None:
    world = cases.opened(NOON)
    other = client_of(Role.COORDINATOR)

    assert other.get(reverse("desk:case", args=[world.case.pk])).status_code == 200
    answer = other.post(reverse("cases:post", args=[world.case.pk]), {"text": "Good evening", "tlp": "TLP:GREEN"})

    assert answer.status_code == 302
    assert world.case.messages.get().author == world.desk_seat()


def test_who_has_left_finds_nothing() -> None:
    world = cases.opened(NOON)
    guest = cases.seated(world, "Orchid Bank", NOON)
    services.leave(case=world.case, seat=guest.seat, reason="not ours", by=guest.viewer, now=NOON)
    client = client_of(guest.party)

    for address in addresses(world, guest.seat.pk)["case"]:
        assert_alike(client, address)


# Twin worlds: what the one vendor reads may not depend on whether there is another.


def busy(world: World, other: Seated | None) -> None:
    """Let a second vendor do all that a vendor can do; without one, the desk does what all can see."""
    end = NOON + timedelta(days=30)
    if other is None:
        proposal = {"seat": world.desk_seat(), "by": world.desk}
    else:
        proposal = {"seat": other.seat, "by": other.viewer}
        for message in (M.REPORT_VALID, M.REPORT_ACCEPTED, M.CASE_FIX_READY, M.CASE_FIX_DEPLOYED):
            services.move(case=world.case, seat=other.seat, message=message, by=other.viewer, now=NOON)
        services.note_mitigated(case=world.case, seat=other.seat, by=other.viewer, now=NOON)
        post(case=world.case, author=other.seat, room=other.seat, text="a secret", by=other.viewer, now=NOON)
        post(case=world.case, author=world.desk_seat(), room=other.seat, text="for Acme", by=world.desk, now=NOON)
    negotiation.propose(case=world.case, ends_at=end, reason="earlier is better", now=NOON, **proposal)


def page_of(guest: Seated, world: World, path: str) -> str:
    """Return a page as the guest reads it, with the random identifiers of the world replaced."""
    page = client_of(guest.party).get(path, follow=True).content.decode()
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)
    for old, new in (
        (world.case.pk, "CASE"),
        (world.case.entry.public_id, "ENTRY"),
        (guest.seat.pk, "SEAT"),
        (guest.party.handle, "HANDLE"),
        (world.coordinator.handle, "COORDINATOR"),
        (world.case.assessment_id, "ASSESSMENT"),
    ):
        page = page.replace(old, new)
    return re.sub(r"(emb|msg|ptc|pty)_[0-9a-z]{26}", r"\1", page)


def paths_of(guest: Seated, world: World) -> list[str]:
    case = world.case.pk
    return [
        reverse("desk:home"),
        reverse("desk:cases"),
        reverse("desk:case", args=[case]),
        reverse("cases:propose", args=[case]),
        reverse("cases:post_privately", args=[case, guest.seat.pk]),
        reverse("cases:leave", args=[case, guest.seat.pk]),
        reverse("campaigns:of_case", args=[case]),
    ]


def told_to(guest: Seated) -> list[str]:
    return sorted(Message.objects.filter(party=guest.party).values_list("subject", flat=True))


@pytest.mark.parametrize(("role", "present"), [(CaseRole.VENDOR, ()), (CaseRole.OBSERVER, ("Zed",))])
def test_nothing_that_a_participant_reads_depends_on_another_vendor(role: CaseRole, present: tuple[str, ...]) -> None:
    seen = []
    for others in ((), ("Acme",)):
        world = cases.opened(NOON, guests=(*present, *others))
        invited = invite(case=world.case, guest=Guest(name="Orchid Bank", role=role), by=world.desk, now=NOON)
        world = cases.World(
            case=world.case, coordinator=world.coordinator, desk=world.desk, invited=(*world.invited, invited)
        )
        other = cases.seated(world, "Acme", NOON) if others else None
        guest = cases.joined(world.guest("Orchid Bank"), NOON)
        before = page_of(guest, world, reverse("desk:case", args=[world.case.pk]))
        services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=NOON)
        term = queries.active_term(world.present())
        negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=NOON)
        busy(world, other)
        pages = [page_of(guest, world, path) for path in paths_of(guest, world)]
        tasks.sweep(NOON + timedelta(days=2))
        later = page_of(guest, world, reverse("desk:case", args=[world.case.pk]))
        services.record_public(case=world.case, fact=CaseFact.PUBLIC_AWARE, by=world.desk, now=NOON)
        after = page_of(guest, world, reverse("desk:case", args=[world.case.pk]))
        seen.append([before, *pages, later, after, *told_to(guest)])

    assert "Acme" not in "".join(seen[1])
    for alone, beside in zip(*seen, strict=True):
        assert alone.splitlines() == beside.splitlines()


def test_a_vendor_s_answer_tells_it_nothing_of_whose_answer_is_missing(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Acme"))
    orchid, acme = cases.seated(world, "Orchid Bank", now), cases.seated(world, "Acme", now)
    term = negotiation.propose(
        case=world.case,
        seat=acme.seat,
        ends_at=now + timedelta(days=30),
        reason="earlier",
        by=acme.viewer,
        now=now,
    )
    client = client_of(orchid.party)

    client.post(reverse("cases:answer", args=[world.case.pk, term.pk, orchid.seat.pk]), {"accepts": "yes"})
    page = client.get(reverse("desk:case", args=[world.case.pk])).content.decode()

    assert "Put forward by the coordinator" in page
    assert page.count("no answer yet") == 0
    assert page.count("agrees") == 1


def test_the_regulator_in_a_case_reads_and_acts_not(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank",))
    regulator = make_party(Role.REGULATOR)
    invited = invite(case=world.case, guest=Guest(name="ENISA", role=CaseRole.OBSERVER), by=world.desk, now=now)
    seat = invited.participant
    seat.party = regulator
    seat.save()
    client = client_of(regulator)
    term = queries.active_term(world.present())
    client.post(reverse("cases:come", args=[world.case.pk, seat.pk]), {"term": term.pk, "accepts": "yes"})

    page = client.get(reverse("desk:case", args=[world.case.pk])).content.decode()

    assert "Orchid Bank" not in page
    for name, data in (
        ("cases:move", {"message": "RV"}),
        ("cases:mitigated", {}),
        ("cases:post_privately", {"text": "x", "tlp": "TLP:RED"}),
    ):
        assert client.post(reverse(name, args=[world.case.pk, seat.pk]), data).status_code in {403, 409}
