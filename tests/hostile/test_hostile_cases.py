# SPDX-License-Identifier: Apache-2.0
"""Hostile input at the acts of cases and clocks: one clear answer, nothing half-written, nothing echoed."""

from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.factories import cases
from tests.factories.cases import World
from tests.server.factories import client_of

from safeconduct.server.audit.models import Event
from safeconduct.server.cases.models import CaseMessage, EmbargoTerm, Participant, Transition
from safeconduct.server.clock.models import Extension, Pause

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
NOW = timezone.now
MARKER = "xylophone"

IDS = (
    "x",
    "cas_",
    "cas_" + "0" * 26,
    "CAS_" + "0" * 26,
    "0" * 2000,
    "%00",
    quote("cas_\x00"),
    quote("../../etc/passwd"),
    quote("' OR 1=1 --"),
    quote("cas_\u202e\u2066"),
    quote("💥" * 40),
    "-1",
    "{{case.pk}}",
)
BAD = (
    ("cases:post", {"text": "", "tlp": "TLP:RED"}, 422),
    ("cases:post", {"text": MARKER, "tlp": "TLP:PURPLE"}, 422),
    ("cases:post", {"text": f"{MARKER}\x00", "tlp": "TLP:RED"}, 422),
    ("cases:post", {"text": MARKER * 20_000, "tlp": "TLP:RED"}, 422),
    ("cases:propose", {"day": "2026-13-01", "hour": "25:00", "zone": "UTC", "reason": MARKER}, 422),
    ("cases:propose", {"day": "0001-01-01", "hour": "00:00", "zone": "Asia/Tokyo", "reason": MARKER}, 422),
    ("cases:propose", {"day": "9999-12-31", "hour": "23:59", "zone": "Pacific/Niue", "reason": MARKER}, 422),
    ("cases:propose", {"day": "1969-01-01", "hour": "00:00", "zone": "UTC", "reason": MARKER}, 409),
    ("cases:propose", {"day": "2099-01-01", "hour": "00:00", "zone": "/etc/passwd", "reason": MARKER}, 422),
    ("cases:propose", {"day": "2099-01-01", "hour": "00:00", "zone": "x" * 5000, "reason": MARKER}, 422),
    ("cases:end_embargo", {"reason": "   "}, 422),
    ("cases:end_embargo", {"reason": MARKER * 5000}, 422),
    ("cases:record_fact", {"fact": "V"}, 422),
    ("cases:record_fact", {"fact": ["P", "X"] * 500}, 302),
    ("cases:record_fact", {"fact": "P", "keep_because": MARKER}, 409),
    ("cases:invite", {"name": "", "role": "vendor"}, 422),
    ("cases:invite", {"name": MARKER, "role": "coordinator"}, 422),
    ("cases:invite", {"name": MARKER, "role": "vendor", "contact": "a@b@c"}, 422),
    ("cases:invite", {"name": MARKER, "role": "vendor", "organization": "org_none"}, 422),
    ("cases:tell_reporter", {"text": MARKER * 20_000}, 422),
    ("cases:close", {"reason": ""}, 422),
    ("cases:close", {"reason": MARKER}, 409),
    ("clock:extend", {"kind": "embargo", "days": "3", "reason": "active_progress", "evidence": MARKER}, 422),
    ("clock:extend", {"kind": "publish", "days": "1e9", "reason": "active_progress", "evidence": MARKER}, 422),
    ("clock:extend", {"kind": "publish", "days": "9" * 400, "reason": "active_progress", "evidence": MARKER}, 422),
    ("clock:extend", {"kind": "publish", "days": "-3", "reason": "active_progress", "evidence": MARKER}, 422),
    ("clock:extend", {"kind": "publish", "days": "3", "reason": "marketing", "evidence": MARKER}, 422),
    ("clock:pause", {"day": "2020-01-01", "hour": "00:00", "zone": "UTC", "reason": "legal_order"}, 409),
    ("clock:pause", {"day": "9999-12-31", "hour": "23:59", "zone": "UTC", "reason": "awaiting_reporter_info"}, 400),
    ("clock:pause", {"day": "9999-12-31", "hour": "23:59", "zone": "UTC", "reason": "legal_order"}, 400),
    ("clock:pause", {"day": "2099-01-01", "hour": "", "zone": "UTC", "reason": "legal_order"}, 422),
    ("clock:resume", {}, 409),
)


@pytest.fixture
def world() -> World:
    return cases.opened(NOW())


@pytest.fixture
def desk(world: World) -> Client:
    return client_of(world.coordinator)


def rows() -> tuple[int, ...]:
    tables = (CaseMessage, EmbargoTerm, Participant, Transition, Extension, Pause, Event)
    return tuple(table.objects.count() for table in tables)


@pytest.mark.parametrize("wrong", IDS)
def test_a_wrong_identifier_is_not_found_and_never_an_error(world: World, desk: Client, wrong: str) -> None:
    seat = world.guest("Orchid Bank").participant.pk
    before = rows()
    paths = (
        f"/cases/{wrong}/",
        f"/cases/{wrong}/messages/",
        f"/cases/{wrong}/clock/extend/",
        f"/cases/open/{wrong}/",
        f"/cases/{world.case.pk}/seats/{wrong}/",
        f"/cases/{world.case.pk}/seats/{wrong}/come/",
        f"/cases/{world.case.pk}/embargo/{wrong}/answer/{seat}/",
        f"/cases/{world.case.pk}/embargo/{wrong}/answer/{wrong}/",
    )
    for path in paths:
        for method in (desk.get, desk.post):
            assert method(path).status_code in {400, 404, 405}, path
    assert rows() == before


@pytest.mark.parametrize(("name", "data", "status"), BAD)
def test_bad_values_end_in_one_clear_answer(
    world: World, desk: Client, name: str, data: dict[str, object], status: int
) -> None:
    before = rows()

    answer = desk.post(reverse(name, args=[world.case.pk]), data)

    assert answer.status_code == status
    if status != 302:
        assert rows() == before
        assert "Traceback" not in answer.content.decode()


@pytest.mark.parametrize("message", ["", "RS", "ZZ", "RV,RA", "RV\x00", "💥", "x" * 10_000])
def test_a_message_outside_the_protocol_moves_nothing(world: World, message: str) -> None:
    guest = cases.seated(world, "Orchid Bank", NOW())
    before = rows()

    answer = client_of(guest.party).post(
        reverse("cases:move", args=[world.case.pk, guest.seat.pk]), {"message": message}
    )

    assert answer.status_code == 422
    assert rows() == before


@pytest.mark.parametrize("accepts", ["", "maybe", "true", "yes yes", "\x00"])
def test_an_answer_that_is_none_counts_for_nothing(world: World, accepts: str) -> None:
    guest = cases.joined(world.guest("Orchid Bank"), NOW())
    term = world.case.terms.get(state="active")

    client_of(guest.party).post(
        reverse("cases:answer", args=[world.case.pk, term.pk, guest.seat.pk]), {"accepts": accepts}
    )

    assert guest.present().consent == "invited"


def test_a_page_number_from_nowhere_shows_a_page(world: World, desk: Client) -> None:
    for number in ("0", "-1", "nine", "9" * 50, "%00", "1.5"):
        assert desk.get(reverse("desk:case", args=[world.case.pk]) + f"?page={number}").status_code == 200


def test_marks_in_names_and_texts_stay_text(world: World, desk: Client) -> None:
    script = "<script>alert(1)</script>"
    desk.post(reverse("cases:invite", args=[world.case.pk]), {"name": script, "role": "vendor"})
    desk.post(reverse("cases:post", args=[world.case.pk]), {"text": script, "tlp": "TLP:RED"})

    page = desk.get(reverse("desk:case", args=[world.case.pk])).content.decode()

    assert script not in page
    assert "&lt;script&gt;" in page


def test_an_act_without_the_token_of_its_form_is_refused(world: World) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.coordinator)

    answer = strict.post(reverse("cases:end_embargo", args=[world.case.pk]), {"reason": "forged"})

    assert answer.status_code == 403
    assert world.present().embargo == "A"
