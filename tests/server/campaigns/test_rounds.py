# SPDX-License-Identifier: Apache-2.0
"""A flaw is tried on several vendors' systems, and no vendor learns of another: in no page, file, count or error."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from tests.factories import cases, spine
from tests.server.factories import client_of, viewer
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError, NotPermittedError
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import probing, rounds, runner, services, tasks
from safeconduct.server.campaigns.models import Campaign, Probe, ProbeState, Round
from safeconduct.server.cases import negotiation
from safeconduct.server.cases import services as case_services
from safeconduct.server.cases.invitations import Guest
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
TOKEN = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")[^"]*')
NAMES = ("Orchid Bank", "Fern Insurance", "Moss Clinic")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A case with three vendors and a target of each; only the first one's system leaks."""

    case: services.Case
    desk: Viewer
    vendors: tuple[cases.Seated, ...]
    targets: tuple[Target, ...]
    leaking: Endpoint

    def start(self, *, of: int = 3) -> Round:
        """Try the flaw on the systems of the first vendors."""
        chosen = dict(zip(self.targets[:of], (vendor.seat for vendor in self.vendors[:of]), strict=True))
        return rounds.start(case=self.case, chosen=chosen, by=self.desk, now=timezone.now())


@pytest.fixture
def scene(desk: Viewer) -> Iterator[Scene]:
    """Return the scene; every vendor has accepted the report and the embargo."""
    now = timezone.now()
    row = spine.report_with_bundle(now).row
    opened = case_services.open_case(
        assessment=triage.assess(row=row, now=now), guests=[Guest(name=name) for name in NAMES], by=desk, now=now
    )
    term = opened.case.terms.get(state="active")
    vendors = tuple(cases.joined(invited, now) for invited in opened.invited)
    for vendor in vendors:
        case_services.take_seat(case=opened.case, seat=vendor.seat, by=vendor.viewer, now=now)
        negotiation.answer(term=term, seat=vendor.present(), accepts=True, by=vendor.viewer, now=now)
        for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED):
            case_services.move(case=opened.case, seat=vendor.present(), message=message, by=vendor.viewer, now=now)
    with (
        endpoint(canary=spine.CANARY, rate=0.9, seed=1, only_for=spine.ATTACK) as leaking,
        endpoint(canary=spine.CANARY, rate=0.0, seed=2) as second,
        endpoint(canary=spine.CANARY, rate=0.0, seed=3) as third,
    ):
        targets = tuple(
            spine.granted(found.url, by=desk, now=now, model=f"{name.split()[0].lower()}-model-1")
            for found, name in zip((leaking, second, third), NAMES, strict=True)
        )
        yield Scene(case=opened.case, desk=desk, vendors=vendors, targets=targets, leaking=leaking)


def everything(client: Client, scene: Scene, probes: list[Probe]) -> str:
    """Return all that a client is shown of the case and of these probes, with the status of each."""
    paths = [
        f"/cases/{scene.case.pk}/",
        f"/campaigns/case/{scene.case.pk}/",
        f"/campaigns/case/{scene.case.pk}/watch",
        f"/campaigns/case/{scene.case.pk}/round",
        *(f"/campaigns/probe/{probe.pk}/" for probe in probes),
        *(f"/campaigns/probe/{probe.pk}/trials.jsonl" for probe in probes),
    ]
    shown = []
    for path in paths:
        answer = client.get(path)
        shown.append(f"{answer.status_code} {TOKEN.sub('', answer.content.decode())}")
    return "\n".join(shown)


def test_each_system_is_asked_by_a_run_of_its_own(scene: Scene) -> None:
    made = scene.start()

    assert tasks.probe(timezone.now()) == 3

    found = {probe.seat.name: probe for probe in made.probes.select_related("seat", "case", "target")}
    assert found["Orchid Bank"].state == ProbeState.REPRODUCED
    assert {found[name].state for name in NAMES[1:]} == {ProbeState.NOT_REPRODUCED}
    seeds = {probing.detail_of(probe)["seed"] for probe in found.values()}
    assert len(seeds) == 3
    for probe in found.values():
        target = Target.objects.get(pk=probe.target_id)
        assert (target.calls_used, target.calls_reserved) == (probe.calls, 0)


@pytest.mark.parametrize("place", range(3))
def test_a_vendor_sees_its_own_run_and_no_sign_of_another(scene: Scene, place: int) -> None:
    made = scene.start()
    tasks.probe(timezone.now())
    own = scene.vendors[place]
    client = client_of(own.party)
    mine = made.probes.get(seat=own.seat)
    others = list(made.probes.exclude(pk=mine.pk))

    shown = everything(client, scene, [mine])

    assert rounds.probe_for(own.viewer, mine.pk) == mine
    assert list(rounds.probes_for(own.viewer, scene.case)) == [mine]
    assert not rounds.rounds_for(own.viewer, scene.case).exists()
    assert f"/campaigns/probe/{mine.pk}/" in shown
    for other, vendor in ((probe, probe.seat) for probe in others):
        assert other.pk not in shown
        assert vendor.name not in shown
        assert other.target.label not in shown
        assert other.target.model not in shown
        with pytest.raises(NotFoundError):
            rounds.probe_for(own.viewer, other.pk)
        for tail in ("", "trials.jsonl"):
            foreign = client.get(f"/campaigns/probe/{other.pk}/{tail}")
            missing = client.get(f"/campaigns/probe/prb_missing/{tail}")
            assert (foreign.status_code, foreign.content) == (404, missing.content)
        assert client.post(f"/campaigns/probe/{other.pk}/cancel").status_code == 404
    assert made.pk not in shown
    assert client.post(f"/campaigns/case/{scene.case.pk}/round").status_code == 404


def test_what_a_vendor_is_shown_does_not_depend_on_how_many_others_were_tried(scene: Scene, now: datetime) -> None:
    own = scene.vendors[0]
    client = client_of(own.party)
    probe = scene.start(of=1).probes.get()
    probing.run(probe, now=now, clock=lambda: now)
    alone = everything(client, scene, [probe])

    scene.start(of=3)
    Probe.objects.filter(seat=own.seat).exclude(pk=probe.pk).delete()
    tasks.probe(timezone.now())

    assert everything(client, scene, [probe]) == alone


def test_a_fix_of_one_vendor_is_tested_beside_that_of_another_and_neither_sees_the_other(scene: Scene) -> None:
    now = timezone.now()
    claims = [
        services.claim_fix(case=scene.case, seat=vendor.present(), note="Deployed.", by=vendor.viewer, now=now)
        for vendor in scene.vendors[:2]
    ]
    with endpoint(canary=spine.CANARY, rate=0.0, seed=9) as fixed:
        targets = [
            spine.granted(fixed.url, by=scene.desk, now=now, role=spine.TargetRole.PATCHED, model=f"patched-{number}")
            for number in range(2)
        ]
        for claim, patched in zip(claims, targets, strict=True):
            services.start(claim=claim, unpatched=scene.targets[0], patched=patched, by=scene.desk, now=now)
        with pytest.raises(ConflictError, match="this vendor"):
            services.start(claim=claims[0], unpatched=scene.targets[0], patched=targets[0], by=scene.desk, now=now)
        ended = [runner.run(campaign, now=now) for campaign in Campaign.objects.order_by("queued_at")]

    assert {campaign.verdict for campaign in ended} == {"FIXED"}
    for vendor, mine, foreign in ((scene.vendors[0], *claims), (scene.vendors[1], *reversed(claims))):
        client = client_of(vendor.party)
        page = client.get(f"/campaigns/case/{scene.case.pk}/").content.decode()
        assert mine.campaigns.get().pk in page
        other = foreign.campaigns.get()
        for path in ("", "certificate.json", "trials.jsonl", "evidence.svg", "bounds.svg"):
            assert client.get(f"/campaigns/{other.pk}/{path}").status_code == 404
        assert client.get(f"/campaigns/watch/{other.watch.pk}/").status_code == 404
        assert other.pk not in page


def test_a_round_takes_vendors_of_the_case_and_targets_that_may_be_tested(scene: Scene, now: datetime) -> None:
    foreign = cases.opened(now, guests=("Ivy Media",)).guest("Ivy Media").participant

    with pytest.raises(IncompleteError):
        rounds.start(case=scene.case, chosen={}, by=scene.desk, now=now)
    with pytest.raises(ConflictError, match="vendor of this case"):
        rounds.start(case=scene.case, chosen={scene.targets[0]: foreign}, by=scene.desk, now=now)
    authorizing.suspend(target=scene.targets[0], reason="Not now.", by=scene.desk, now=now)
    with pytest.raises(ConflictError, match="may not be tested"):
        scene.start()
    assert not Probe.objects.exists()


def test_what_waits_is_taken_out_and_what_a_crash_left_counts_what_was_set_aside(scene: Scene, now: datetime) -> None:
    made = scene.start(of=2)
    first, second = made.probes.order_by("seat__name")

    canceled = rounds.cancel(probe=first, by=scene.desk, now=now)
    claimed = probing._claim(second, now=now)
    assert claimed is not None
    probing._reserve(claimed, probing.Plan.of(services.bundle_of(scene.case)), now=now)
    for probe in (first, second):
        with pytest.raises(ConflictError):
            rounds.cancel(probe=probe, by=scene.desk, now=now)
    assert tasks.probe(now + timedelta(days=1)) == 1

    left = Probe.objects.get(pk=second.pk)
    assert canceled.state == ProbeState.CANCELED
    assert left.state == ProbeState.ERROR
    assert probing.detail_of(left)["reason"] == probing.BROKE_OFF
    target = Target.objects.get(pk=second.target_id)
    assert (target.calls_used, target.calls_reserved) == (left.calls, 0)
    assert left.calls > 0


def test_the_desk_chooses_on_a_page_of_its_own(scene: Scene) -> None:
    client = client_of(Party.objects.get(pk=scene.desk.party_id))
    path = f"/campaigns/case/{scene.case.pk}/round"

    page = client.get(path).content.decode()
    wrong = client.post(path, {scene.targets[0].pk: "ptc_missing"})
    nothing = client.post(path, {})
    done = client.post(path, {scene.targets[0].pk: scene.vendors[0].seat.pk, scene.targets[1].pk: ""})

    assert all(name in page for name in NAMES)
    assert (wrong.status_code, nothing.status_code, done.status_code) == (422, 422, 302)
    assert [probe.seat_id for probe in Probe.objects.all()] == [scene.vendors[0].seat.pk]
    assert "Orchid Bank" in client.get(f"/campaigns/case/{scene.case.pk}/").content.decode()


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}))
def test_only_those_who_coordinate_start_a_round(role: Role, scene: Scene) -> None:
    by, now = viewer(role), timezone.now()
    probe = scene.start(of=1).probes.get()

    with pytest.raises(NotPermittedError):
        rounds.start(case=scene.case, chosen={scene.targets[0]: scene.vendors[0].seat}, by=by, now=now)
    with pytest.raises(NotPermittedError):
        rounds.cancel(probe=probe, by=by, now=now)
