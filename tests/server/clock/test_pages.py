# SPDX-License-Identifier: Apache-2.0
"""The acts of the clock as pages, and the clocks as the rooms show them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from tests.factories import cases
from tests.server.factories import client_of

from safeconduct.server.cases import services
from safeconduct.server.clock import tasks
from safeconduct.server.clock.models import Extension, Firing, Pause

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
NOW = timezone.now


def text(answer) -> str:
    return answer.content.decode()


def test_more_time_is_granted_on_a_page_and_seen_by_the_vendor_with_its_ground() -> None:
    world = cases.opened(NOW())
    guest = cases.seated(world, "Orchid Bank", NOW())
    services.note_mitigated(case=world.case, seat=guest.seat, by=guest.viewer, now=NOW())
    desk, path = client_of(world.coordinator), reverse("clock:extend", args=[world.case.pk])
    assert "have the fix in place" in text(desk.get(path))
    form = {"kind": "remediate", "days": "7", "reason": "active_progress", "evidence": "a build passes"}

    assert desk.post(path, form).status_code == 302

    room = text(client_of(guest.party).get(reverse("desk:case", args=[world.case.pk])))
    assert "extended by 7 days" in room
    assert "a build passes" not in room
    assert desk.post(path, form).status_code == 409
    assert str(Extension.objects.get()) == "remediate: 7 days more"


def test_the_clocks_are_stopped_and_let_run_from_the_room() -> None:
    world = cases.opened(NOW())
    desk, room = client_of(world.coordinator), reverse("desk:case", args=[world.case.pk])
    day = (NOW() + timedelta(days=3)).date().isoformat()
    assert desk.get(reverse("clock:pause", args=[world.case.pk])).status_code == 200

    form = {"day": day, "hour": "12:00", "zone": "UTC", "reason": "awaiting_reporter_info"}
    desk.post(reverse("clock:pause", args=[world.case.pk]), form)

    assert "The clocks stand still until" in text(desk.get(room))
    assert str(Pause.objects.get()) == "awaiting_reporter_info"
    desk.post(reverse("clock:resume", args=[world.case.pk]))
    assert "The clocks stand still until" not in text(desk.get(room))


def test_a_missed_date_waits_on_the_desk_until_it_is_met() -> None:
    past = NOW() - timedelta(days=10)
    world = cases.opened(past)
    desk, home = client_of(world.coordinator), reverse("desk:home")
    tasks.sweep(NOW())

    assert "Missed: tell the reporter the status" in text(desk.get(home))
    desk.post(reverse("cases:tell_reporter", args=[world.case.pk]), {"text": "It goes on."})

    assert "Missed: tell the reporter the status" not in text(desk.get(home))
    assert "Missed: have a mitigation in place" in text(desk.get(home))
    assert str(Firing.objects.first()).endswith("Z")


def test_the_desk_lists_what_waits_across_cases_for_both_sides() -> None:
    past = NOW() - timedelta(days=40)
    world = cases.opened(past)
    guest = cases.seated(world, "Orchid Bank", past)
    vendor, desk = client_of(guest.party), client_of(world.coordinator)
    silent = cases.opened(past, guests=("Silent Vendor",))
    tasks.sweep(past + timedelta(days=8))
    vendor.post(
        reverse("cases:post_privately", args=[world.case.pk, guest.seat.pk]), {"text": "hello", "tlp": "TLP:GREEN"}
    )
    day = (NOW() + timedelta(days=3)).date().isoformat()
    vendor.post(
        reverse("cases:propose", args=[world.case.pk]), {"day": day, "hour": "12:00", "zone": "UTC", "reason": "soon"}
    )

    home = text(desk.get(reverse("desk:home")))
    assert "Answer proposed terms of the embargo" in home
    assert "Orchid Bank waits for a reply" in home
    assert "Silent Vendor has not answered" in home
    desk.post(reverse("cases:post", args=[world.case.pk]), {"text": "good morning", "tlp": "TLP:GREEN"})
    desk.post(
        reverse("cases:propose", args=[world.case.pk]), {"day": day, "hour": "13:00", "zone": "UTC", "reason": "later"}
    )
    mine = text(vendor.get(reverse("desk:home")))
    for words in (
        "Answer proposed terms of the embargo",
        "Say what you make of the report",
        "1 new message",
        "Missed: have a mitigation in place",
    ):
        assert words in mine
    assert silent.case.pk not in mine
    assert str(silent.case.entry.public_id) not in mine


def test_a_guest_whose_time_passed_may_still_agree_on_the_page() -> None:
    past = NOW() - timedelta(days=8)
    world = cases.opened(past)
    tasks.sweep(NOW())
    guest = cases.joined(world.guest("Orchid Bank"), NOW())

    page = text(client_of(guest.party).get(reverse("desk:home"), follow=True))

    assert "You may still agree." in page
    assert "Agree, and read the report" in page
