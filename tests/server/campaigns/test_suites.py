# SPDX-License-Identifier: Apache-2.0
"""Historic suites: flaws join by themselves, are tried before FIXED, and one that came back blocks it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from tests.factories import spine
from tests.factories.campaigns import started
from tests.server.factories import client_of, viewer
from tests.verification.bundles import leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.bundle import Canary, Normalization, Oracle
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError, NotPermittedError
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns import families, probing, runner, suites, tasks
from safeconduct.server.campaigns.models import FixClaim, Probe, ProbeState, SuiteCheck
from safeconduct.server.cases import services as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services as triage
from safeconduct.verification.bundle import zip_bundle
from safeconduct.verification.certificate import verify_certificate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
OLD = "old-canary-of-the-vault"


def closed(desk: Viewer, now: datetime, *, canary: str = OLD) -> Case:
    """Return a case with a bundle of another flaw of the same model, closed a moment ago."""
    made = leak_bundle(
        criterion=spine.CRITERION, oracle=Oracle(checks=(Canary(text=canary, normalization=Normalization.TOLERANT),))
    )
    content = zip_bundle(replace(made, attack=replace(made.attack, families=made.attack.families[:1])))
    row = spine.report_with_bundle(now, content).row
    case = cases.open_case(assessment=triage.assess(row=row, now=now), guests=(), by=desk, now=now).case
    Case.objects.filter(pk=case.pk).update(closed_at=now)
    assert suites.join(now) == 1
    return case


@pytest.fixture
def newer(desk: Viewer) -> Iterator[tuple[Endpoint, Target]]:
    """Return a newer version of the model of the reports, which leaks nothing yet."""
    with endpoint(canary=OLD, rate=0.0, seed=5, only_for=spine.ATTACK) as found:
        yield (
            found,
            spine.granted(
                found.url, by=desk, now=timezone.now(), role=TargetRole.PATCHED, model="orchid-assistant-2-instruct"
            ),
        )


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("orchid-assistant-1", "orchid-assistant"),
        ("acme/Orchid-7B-v2", "orchid"),
        ("Orchid 13b chat", "orchid"),
        ("orchid_2.5-latest", "orchid"),
        ("pkg:huggingface/acme/orchid@9f1c2a4", "orchid-9f1c2a4"),
        ("gpt-4o", "gpt"),
        ("unknown", ""),
        ("  ", ""),
        ("7b", ""),
    ],
)
def test_a_family_is_the_name_without_owner_version_and_size(name: str, family: str) -> None:
    assert families.family_of(name) == family


def test_a_mark_tells_no_name_and_needs_the_keys() -> None:
    assert families.mark_of("orchid") != families.mark_of("lily")
    assert "orchid" not in families.mark_of("orchid")


def test_a_case_joins_once_when_it_is_closed_or_published(desk: Viewer) -> None:
    now = timezone.now()
    case = closed(desk, now)

    assert suites.join(now) == 0
    assert [one.pk for one in suites.members(["orchid-assistant"])] == [case.pk]
    assert not suites.members(["lily"]).exists()


def test_a_flaw_that_the_fix_brings_back_blocks_fixed(
    claim: FixClaim, unpatched: Target, newer: tuple[Endpoint, Target], desk: Viewer
) -> None:
    old = closed(desk, timezone.now())
    back, target = newer
    back.rate = 0.9

    ended = runner.run(started(claim, (unpatched, target), desk), now=timezone.now())

    assert (ended.state, ended.verdict) == ("decided", "INCONCLUSIVE")
    check = verify_certificate(ended.certificate.encode(), ended.trials.encode(), [key_ring().attestation.verifier])
    assert check.facts.suite is not None
    assert [entry.is_new for entry in check.facts.suite.entries] == [True]
    assert old.entry.public_id not in ended.certificate
    assert "came back" in " ".join(ended.reasons)
    assert not hasattr(ended, "watch")
    assert Case.objects.get(pk=claim.case_id).verified_at is None
    assert SuiteCheck.objects.get(campaign=ended).ended_at is not None


def test_a_flaw_that_was_there_before_the_fix_blocks_nothing_and_is_told(
    claim: FixClaim, leaking: Endpoint, desk: Viewer
) -> None:
    closed(desk, timezone.now(), canary=spine.CANARY)
    with endpoint(canary=spine.CANARY, rate=0.9, seed=5, only_for=spine.ATTACK) as before:
        source = spine.granted(before.url, by=desk, now=timezone.now())
        # The new version leaks to the attack of the old flaw alone: the words that the other families hide are missed.
        with endpoint(canary=spine.CANARY, rate=0.0, seed=6) as after:
            target = spine.granted(
                after.url, by=desk, now=timezone.now(), role=TargetRole.PATCHED, model="orchid-assistant-2"
            )
            campaign = started(claim, (source, target), desk)
            check = suites.check_before_fixed(campaign, now=timezone.now())
            probe = check.probes.get()
            Probe.objects.filter(pk=probe.pk).update(target=source)
            shown = probing.run(Probe.objects.get(pk=probe.pk), now=timezone.now(), clock=timezone.now)
            Probe.objects.filter(pk=probe.pk).update(target=target)
            ended = runner.run(campaign, now=timezone.now())

    assert shown.state == ProbeState.REPRODUCED
    certificate = verify_certificate(
        ended.certificate.encode(), ended.trials.encode(), [key_ring().attestation.verifier]
    )
    assert ended.verdict == "FIXED"
    assert certificate.facts.suite is not None
    assert [entry.is_new for entry in certificate.facts.suite.entries] == [False]
    assert len(certificate.facts.suite.entries) == 1


def test_what_was_kept_out_is_not_tried(
    claim: FixClaim, unpatched: Target, newer: tuple[Endpoint, Target], desk: Viewer
) -> None:
    now = timezone.now()
    old = closed(desk, now)
    with pytest.raises(IncompleteError):
        suites.exclude(case=old, reason="  ", by=desk, now=now)
    suites.exclude(case=old, reason="The product was retired.", by=desk, now=now)
    with pytest.raises(ConflictError):
        suites.exclude(case=old, reason="Again.", by=desk, now=now)
    back, target = newer
    back.rate = 0.9

    ended = runner.run(started(claim, (unpatched, target), desk), now=timezone.now())

    assert ended.verdict == "FIXED"
    suites.include(case=old, by=desk, now=now)
    with pytest.raises(ConflictError):
        suites.include(case=old, by=desk, now=now)
    assert suites.members(["orchid-assistant"]).exists()


def test_a_suite_is_tried_by_hand_on_a_new_version(newer: tuple[Endpoint, Target], desk: Viewer) -> None:
    now = timezone.now()
    closed(desk, now)
    back, target = newer
    back.rate = 0.9

    check = suites.check(target=target, by=desk, now=now)
    assert tasks.probe(now) == 1
    assert tasks.probe(now + timedelta(minutes=1)) == 0

    probe = check.probes.get()
    assert probe.state == ProbeState.REPRODUCED
    assert probing.detail_of(probe)["hits"] == 3
    assert Target.objects.get(pk=target.pk).calls_used == probe.calls == len(back.asked)
    assert SuiteCheck.objects.get(pk=check.pk).ended_at is not None
    page = client_of(Party.objects.get(pk=desk.party_id)).get(f"/campaigns/suites/{check.pk}/").content.decode()
    assert "1 reproduces" in page
    assert "orchid-assistant" in page


def test_a_suite_without_flaws_or_without_a_name_is_refused(newer: tuple[Endpoint, Target], desk: Viewer) -> None:
    _, target = newer
    with pytest.raises(ConflictError, match="empty"):
        suites.check(target=target, by=desk, now=timezone.now())
    with pytest.raises(IncompleteError):
        suites.check(target=target, by=desk, now=timezone.now(), family="7b")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}))
def test_suites_are_for_the_desk_alone(role: Role, newer: tuple[Endpoint, Target], desk: Viewer) -> None:
    now, by = timezone.now(), viewer(role)
    old = closed(desk, now)
    check = suites.check(target=newer[1], by=desk, now=now)

    assert not suites.in_suites(by).exists()
    assert not suites.checks_for(by).exists()
    for read in (lambda: suites.check_for(by, check.pk), lambda: suites.case_in_suites(by, old.pk)):
        with pytest.raises(NotFoundError):
            read()
    for act in (
        lambda: suites.check(target=newer[1], by=by, now=now),
        lambda: suites.exclude(case=old, reason="x", by=by, now=now),
        lambda: suites.include(case=old, by=by, now=now),
    ):
        with pytest.raises(NotPermittedError):
            act()
