# SPDX-License-Identifier: Apache-2.0
"""What a vendor may take of a bundle: nothing held out, nothing of another vendor, and nobody else takes anything."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone
from tests.factories import spine
from tests.server.factories import client_of, make_party
from tests.verification.bundles import family, leak_bundle

from safeconduct.domain.bundle import Seed, SeedPart
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.report import MayTrain
from safeconduct.errors import ConflictError, NotPermittedError, UnknownValueError
from safeconduct.server.audit.models import Event
from safeconduct.server.campaigns import handing_over
from safeconduct.server.campaigns.handing_over import Form
from safeconduct.server.campaigns.models import FixClaim
from safeconduct.server.cases import services as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services as triage
from safeconduct.verification.bundle import read_bundle, zip_bundle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
HELD = (b"Please", b"As a test", b"s2", b"s3")


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def vendor_of(claim: FixClaim) -> Party:
    party = claim.participant.invitation.joined
    assert party is not None
    return party


def case_with(content: bytes, desk: Viewer) -> Case:
    now = timezone.now()
    row = spine.report_with_bundle(now, content).row
    return cases.open_case(assessment=triage.assess(row=row, now=now), guests=(), by=desk, now=now).case


@pytest.mark.parametrize("form", Form)
def test_a_vendor_takes_the_disclosed_part_and_no_byte_of_what_is_held_out(claim: FixClaim, form: Form) -> None:
    client = client_of(vendor_of(claim))

    page = client.get(f"/cases/{claim.case_id}/").content.decode()
    taken = client.get(f"/campaigns/case/{claim.case_id}/handout/{form}")

    assert f"/campaigns/case/{claim.case_id}/handout/{form}" in page
    assert taken.status_code == 200
    assert taken["Content-Type"] == "application/zip"
    files = unpacked(taken.content)
    assert not [(name, word) for name, data in files.items() for word in HELD if word in data]
    assert b" now." in b"".join(files.values()) or form is not Form.BUNDLE
    terms = json.loads(files["terms.json"])
    assert (terms["handed_over_for"], terms["may_train"]) == ("reproduction", "no")
    noted = Event.objects.get(tag=EventTag.BUNDLE_HANDED_OUT)
    assert (noted.subject, noted.actor, noted.facts["form"]) == (claim.case_id, vendor_of(claim).pk, form.value)


def test_the_bundle_is_read_again_and_names_nobody_s_system(claim: FixClaim, tmp_path: Path) -> None:
    taken = client_of(vendor_of(claim)).get(f"/campaigns/case/{claim.case_id}/handout/bundle")

    for name, data in unpacked(taken.content).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)

    bundle = read_bundle(tmp_path / "bundle")
    assert [seed.id for seed in bundle.attack.seeds] == ["s1"]
    assert (bundle.target.model, bundle.target.secret_name, bundle.about.author_key_id) == ("your-model", "", "")


def test_another_vendor_and_nobody_find_what_they_find_where_nothing_is(claim: FixClaim) -> None:
    other = client_of(make_party(Role.VENDOR))
    for form in Form:
        there = other.get(f"/campaigns/case/{claim.case_id}/handout/{form}")
        nowhere = other.get(f"/campaigns/case/cas_missing/handout/{form}")
        assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
        assert there.status_code == 404
    assert client_of(vendor_of(claim)).get(f"/campaigns/case/{claim.case_id}/handout/other").status_code == 404
    assert not Event.objects.filter(tag=EventTag.BUNDLE_HANDED_OUT).exists()


def test_who_has_left_takes_nothing(claim: FixClaim) -> None:
    client = client_of(vendor_of(claim))
    type(claim.participant).objects.filter(pk=claim.participant_id).update(left_at=timezone.now())

    assert client.get(f"/campaigns/case/{claim.case_id}/handout/bundle").status_code == 404


def test_a_slot_that_only_held_out_seeds_use_stays(desk: Viewer) -> None:
    made = leak_bundle()
    secret = replace(made.attack.slots[0], name="kept", values=("nobody may read this",))
    seeds = (made.attack.seeds[0], Seed(id="h", text="{{kept}} please", part=SeedPart.HELD_OUT))
    attack = replace(made.attack, seeds=seeds, slots=(*made.attack.slots, secret), families=(family("plain"),))
    case = case_with(zip_bundle(replace(made, attack=attack)), desk)

    taken = handing_over.hand_over(case=case, form=Form.BUNDLE, by=desk, now=timezone.now())

    assert b"nobody may read this" not in b"".join(unpacked(taken.content).values())


def test_words_of_a_held_out_seed_elsewhere_stop_the_archive(desk: Viewer) -> None:
    made = leak_bundle()
    held = next(seed for seed in made.attack.seeds if seed.part is SeedPart.HELD_OUT)
    case = case_with(zip_bundle(replace(made, about=replace(made.about, title=f"It obeys: {held.text}"))), desk)

    with pytest.raises(ConflictError, match="held out"):
        handing_over.hand_over(case=case, form=Form.BUNDLE, by=desk, now=timezone.now())
    assert not Event.objects.filter(tag=EventTag.BUNDLE_HANDED_OUT).exists()


def test_the_stricter_word_of_report_and_bundle_holds_for_training(desk: Viewer) -> None:
    made = leak_bundle()
    safety = replace(made.about.safety, may_train=MayTrain.YES)
    case = case_with(zip_bundle(replace(made, about=replace(made.about, safety=safety))), desk)

    with pytest.raises(NotPermittedError):
        handing_over.hand_over(case=case, form=Form.GARAK, by=desk, now=timezone.now(), for_training=True)


def test_a_case_without_bundle_offers_none(desk: Viewer, claim: FixClaim) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))
    type(claim.case.assessment.report).objects.update(has_bundle=False)

    assert "handout" not in client.get(f"/cases/{claim.case_id}/").content.decode()
    assert client.get(f"/campaigns/case/{claim.case_id}/handout/bundle").status_code == 404


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UnknownValueError):
        Form.of("word")
