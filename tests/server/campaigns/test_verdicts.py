# SPDX-License-Identifier: Apache-2.0
"""Who sees and starts campaigns, what their pages say, and what nobody may read before the verdict."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from threading import Barrier, Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from tests.factories import cases, spine
from tests.factories.campaigns import clock_here, patched, started
from tests.server.factories import client_of, make_party, viewer
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.evidence import Criterion
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, NotFoundError, NotPermittedError, SafeconductError
from safeconduct.ledger.commitment import public_commitment
from safeconduct.server.advisories import queries as advisories
from safeconduct.server.audit.models import Commitment
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import queries, runner, services, tasks
from safeconduct.server.campaigns.costs import costs_of
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.certificate import verify_certificate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def coordinator_of(desk: Viewer) -> Client:
    return client_of(Party.objects.get(pk=desk.party_id))


def vendor_of(claim: FixClaim) -> Party:
    return claim.participant.invitation.joined


@pytest.fixture
def terms(unpatched: Target, fixed: Target) -> dict[str, object]:
    """Return what a coordinator sets in the form."""
    return {"unpatched": unpatched.pk, "patched": fixed.pk, "tolerance": 0.2, "alpha": 0.05, "max_calls": 300}


def pages_of(campaign: Campaign, client: Client) -> str:
    """Return everything that a client is shown of a campaign."""
    paths = (
        f"/campaigns/case/{campaign.claim.case_id}/",
        f"/campaigns/{campaign.pk}/",
        f"/campaigns/{campaign.pk}/certificate.json",
        f"/campaigns/{campaign.pk}/trials.jsonl",
        f"/cases/{campaign.claim.case_id}/",
    )
    return "\n".join(client.get(path).content.decode() for path in paths)


def test_a_vendor_sees_its_own_campaign_and_another_vendor_nothing(queued: Campaign) -> None:
    own, other = client_of(vendor_of(queued.claim)), client_of(Role.VENDOR)
    paths = [
        f"/campaigns/{queued.pk}/",
        f"/campaigns/{queued.pk}/certificate.json",
        f"/campaigns/{queued.pk}/trials.jsonl",
        f"/campaigns/case/{queued.claim.case_id}/",
    ]

    assert [own.get(path).status_code for path in paths] == [200, 404, 404, 200]
    for path in paths:
        mine, none = other.get(path), other.get(path.replace(queued.pk, "cmp_missing"))
        assert (mine.status_code, mine.content) == (404, none.content)


def test_another_vendor_of_the_same_case_does_not_see_it(now) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Fern Insurance"))
    own, other = (cases.seated(world, name, now) for name in ("Orchid Bank", "Fern Insurance"))
    made = services.claim_fix(case=world.present(), seat=world.desk_seat(), note="of the desk", by=world.desk, now=now)
    mine = FixClaim.objects.create(case=world.case, participant=own.seat, note=made.note, claimed_at=now)

    assert list(queries.claims_for(own.viewer, world.present())) == [mine]
    assert not queries.claims_for(other.viewer, world.present()).exists()
    for foreign in (mine, made):
        with pytest.raises(NotFoundError):
            queries.claim_for(other.viewer, foreign.pk)
    with pytest.raises(ConflictError):
        services.claim_fix(case=world.present(), seat=own.seat, note="Mine.", by=other.viewer, now=now)


def test_nothing_is_shown_or_claimed_before_the_embargo_is_agreed_to(now) -> None:
    world = cases.opened(now)
    guest = cases.joined(world.guest("Orchid Bank"), now)
    client = client_of(guest.party)
    made = services.claim_fix(case=world.present(), seat=world.desk_seat(), note="x", by=world.desk, now=now)
    FixClaim.objects.filter(pk=made.pk).update(participant=guest.seat)

    assert client.get(f"/campaigns/case/{world.case.pk}/").status_code == 404
    assert not queries.claims_for(guest.viewer, world.present()).exists()
    with pytest.raises(NotFoundError):
        services.claim_fix(case=world.present(), seat=guest.seat, note="Mine.", by=guest.viewer, now=now)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}))
def test_only_those_who_coordinate_start_and_stop(
    role: Role, queued: Campaign, unpatched: Target, fixed: Target
) -> None:
    by = viewer(role)

    with pytest.raises(NotPermittedError):
        services.start(claim=queued.claim, unpatched=unpatched, patched=fixed, by=by, now=timezone.now())
    with pytest.raises(NotPermittedError):
        services.cancel(campaign=queued, by=by, now=timezone.now())
    client = client_of(make_party(role))
    for path in (f"/campaigns/claim/{queued.claim_id}/start", f"/campaigns/{queued.pk}/cancel"):
        assert client.post(path).status_code == 404
    assert Campaign.objects.get(pk=queued.pk).state == CampaignState.QUEUED


def test_a_vendor_does_not_judge_its_own_fix(queued: Campaign) -> None:
    client = client_of(vendor_of(queued.claim))

    assert client.post(f"/campaigns/{queued.pk}/cancel").status_code == 404
    assert "Test this fix" not in client.get(f"/campaigns/case/{queued.claim.case_id}/").content.decode()


@pytest.mark.skipif(settings.SAFECONDUCT.on_sqlite, reason="SQLite writes one after the other")
def test_of_two_starts_at_once_one_wins(claim: FixClaim, unpatched: Target, fixed: Target, desk: Viewer) -> None:
    gate, outcomes = Barrier(2), []

    def start() -> None:
        try:
            gate.wait(timeout=20)
            outcomes.append(started(claim, (unpatched, fixed), desk).state)
        except SafeconductError as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(outcomes) == ["conflict", "queued"]
    assert Campaign.objects.count() == 1


def test_two_tabs_start_one_campaign(claim: FixClaim, terms: dict[str, object], desk: Viewer) -> None:
    client = coordinator_of(desk)
    first, second = (client.post(f"/campaigns/claim/{claim.pk}/start", terms) for _ in range(2))

    assert (first.status_code, second.status_code) == (302, 409)
    assert Campaign.objects.get().criterion["tolerance"] == 0.2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tolerance", "NaN"),
        ("tolerance", "1e400"),
        ("tolerance", "-0.1"),
        ("tolerance", "0"),
        ("tolerance", "1"),
        ("tolerance", "inf"),
        ("alpha", "nan"),
        ("alpha", "0.9"),
        ("alpha", "-1"),
        ("alpha", "1e-400"),
        ("max_calls", "0"),
        ("max_calls", "-5"),
        ("max_calls", "1e3"),
        ("max_calls", "9" * 5000),
        ("max_calls", "9" * 30),
        ("unpatched", "tgt_missing"),
        ("patched", ""),
        ("patched", "\0"),
    ],
)
def test_terms_that_make_no_sense_are_form_errors(
    field: str, value: str, claim: FixClaim, terms: dict[str, object], desk: Viewer
) -> None:
    answer = coordinator_of(desk).post(f"/campaigns/claim/{claim.pk}/start", {**terms, field: value})

    assert answer.status_code == 422
    assert f'id="id_{claim.pk}_{field}"' in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_target_of_the_wrong_kind_is_no_choice(
    claim: FixClaim, unpatched: Target, fixed: Target, desk: Viewer
) -> None:
    terms = {"unpatched": fixed.pk, "patched": unpatched.pk, "tolerance": 0.1, "alpha": 0.05, "max_calls": 300}

    assert coordinator_of(desk).post(f"/campaigns/claim/{claim.pk}/start", terms).status_code == 422
    with pytest.raises(ConflictError):
        started(claim, (fixed, unpatched), desk)


def test_two_claims_have_forms_of_their_own(queued: Campaign, desk: Viewer) -> None:
    case = queued.claim.case
    services.claim_fix(
        case=case, seat=case.participants.get(role="coordinator"), note="Again.", by=desk, now=timezone.now()
    )

    page = coordinator_of(desk).get(f"/campaigns/case/{case.pk}/").content.decode()

    names = [part.partition('"')[0] for part in page.split(' id="')[1:]]
    assert len(names) == len(set(names))
    assert page.count("Test this fix") == 2


def test_nobody_reads_the_held_out_draws_before_the_verdict(queued: Campaign, desk: Viewer) -> None:
    held_out = queries.held_out_of(queued)
    secrets = (held_out.salt.hex(), held_out.seed.hex())
    shown = pages_of(queued, coordinator_of(desk))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM campaigns_campaign")
        stored = b"".join(
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            for value in cursor.fetchone()
        )

    assert queued.commitment in shown
    for secret in secrets:
        assert secret not in shown
        assert secret.encode() not in stored
        assert bytes.fromhex(secret) not in stored

    ended = runner.run(queued, now=timezone.now())

    assert ended.state == CampaignState.DECIDED, ended.failure
    assert all(secret in pages_of(ended, coordinator_of(desk)) for secret in secrets)


def test_the_log_commits_to_the_certificate(queued: Campaign, desk: Viewer) -> None:
    ended = runner.run(queued, now=timezone.now())

    assert ended.verdict == "FIXED", ended.reasons
    assert bytes(Commitment.objects.get(kind="attestation").value) == public_commitment(ended.certificate.encode())
    page = coordinator_of(desk).get(f"/campaigns/{ended.pk}/").content.decode()
    assert "certificate.json" in page


@pytest.mark.parametrize("column", ["certificate", "trials"])
def test_a_changed_certificate_is_our_error_and_no_verdict(queued: Campaign, desk: Viewer, column: str) -> None:
    ended = runner.run(queued, now=timezone.now())
    text = getattr(ended, column)
    changed = text.replace('"hit"', '"miss"', 1) if column == "trials" else text.replace("A", "B", 1)
    assert changed != text
    Campaign.objects.filter(pk=ended.pk).update(**{f"sealed_{column}": ended.sealed(column, changed)})
    client = coordinator_of(desk)

    resealed = client.get(f"/campaigns/{ended.pk}/")
    Campaign.objects.filter(pk=ended.pk).update(**{f"sealed_{column}": b"not sealed at all"})
    unsealed = client.get(f"/campaigns/{ended.pk}/")
    drafted = client.post(f"/advisories/case/{ended.claim.case_id}/draft")

    for answer in (resealed, unsealed, drafted):
        assert 400 <= answer.status_code < 500
        assert "FIXED</span>" not in answer.content.decode()
    assert client.get(f"/campaigns/case/{ended.claim.case_id}/").status_code == 200


def test_a_queued_campaign_is_canceled_at_once_and_asks_nothing(
    queued: Campaign,
    leaking: Endpoint,
    desk: Viewer,
) -> None:
    client = coordinator_of(desk)

    assert client.post(f"/campaigns/{queued.pk}/cancel").status_code == 302

    assert runner.run(queued, now=timezone.now()).state == CampaignState.CANCELED
    assert leaking.asked == []
    assert "It was stopped" in client.get(f"/campaigns/{queued.pk}/").content.decode()
    assert client.post(f"/campaigns/{queued.pk}/cancel").status_code == 409


def test_a_running_campaign_is_canceled_before_its_next_call(queued: Campaign, desk: Viewer) -> None:
    begun = timezone.now()
    ticks = iter(range(1_000_000))

    def clock():
        count = next(ticks)
        if count == 40:
            Campaign.objects.filter(pk=queued.pk).update(cancel_asked=True)
        return begun + timedelta(seconds=2 * count)

    ended = runner.run(queued, now=begun, clock=clock_here(clock, elsewhere=begun))

    assert (ended.state, ended.verdict, ended.certificate, ended.trials) == (CampaignState.CANCELED, "", "", "")


@pytest.mark.parametrize("manner", ["500", "garbage", "hangs"])
def test_a_target_that_fails_is_told_in_words_without_what_was_asked(
    claim: FixClaim,
    leaking: Endpoint,
    desk: Viewer,
    manner: str,
) -> None:
    now = timezone.now()
    with endpoint(canary=spine.CANARY, manner=manner) as broken:
        source = spine.granted(broken.url, by=desk, now=now)
        Target.objects.filter(pk=source.pk).update(call_seconds=1)
        ended = runner.run(started(claim, (Target.objects.get(pk=source.pk), patched(leaking, desk)), desk), now=now)

    page = coordinator_of(desk).get(f"/campaigns/{ended.pk}/").content.decode()

    assert ended.state == CampaignState.FAILED
    assert "It could not be run" in page
    assert ended.failure.endswith("[target_failed]") or "[" in ended.failure
    for asked in broken.asked:
        for message in asked["messages"]:
            assert message["content"] not in page
    assert spine.CANARY.lower() not in page.lower()
    assert "key-of-the-tests" not in page


def test_an_inconclusive_campaign_says_how_many_calls_are_missing(
    claim: FixClaim,
    unpatched: Target,
    fixed: Target,
    desk: Viewer,
) -> None:
    terms = replace(services.bundle_of(claim.case).criterion, max_calls=30)
    campaign = services.start(
        claim=claim, unpatched=unpatched, patched=fixed, by=desk, now=timezone.now(), criterion=terms
    )

    ended = runner.run(campaign, now=timezone.now())
    page = coordinator_of(desk).get(f"/campaigns/{ended.pk}/").content.decode()

    assert ended.verdict == "INCONCLUSIVE"
    assert "more calls" in page or "further calls" in page
    assert "INCONCLUSIVE" in page


def test_the_caps_of_a_target_hold_over_all_runs(
    claim: FixClaim,
    unpatched: Target,
    fixed: Target,
    leaking: Endpoint,
    desk: Viewer,
) -> None:
    Target.objects.filter(pk=unpatched.pk).update(max_calls=25)

    first = runner.run(started(claim, (unpatched, fixed), desk), now=timezone.now())
    spent = Target.objects.get(pk=unpatched.pk).calls_used
    Target.objects.filter(pk=unpatched.pk).update(max_calls=spent)
    second = runner.run(started(claim, (unpatched, fixed), desk), now=timezone.now())

    assert first.state == CampaignState.DECIDED
    assert spent == len(leaking.asked) <= 25
    assert second.state == CampaignState.FAILED
    assert len(leaking.asked) == spent


def test_each_further_campaign_adds_its_chance_of_error(
    claim: FixClaim,
    unpatched: Target,
    fixed: Target,
    leaking: Endpoint,
    desk: Viewer,
) -> None:
    small = replace(services.bundle_of(claim.case).criterion, max_calls=30)
    for criterion in (small, None):
        campaign = services.start(
            claim=claim, unpatched=unpatched, patched=fixed, by=desk, now=timezone.now(), criterion=criterion
        )
        last = runner.run(campaign, now=timezone.now())
    canceled = started(claim, (unpatched, fixed), desk)
    services.cancel(campaign=canceled, by=desk, now=timezone.now())
    other = started(claim, (unpatched, patched(leaking, desk)), desk)

    alpha = Criterion().alpha
    assert last.verdict == "FIXED"
    assert queries.chance_of_error(queries.tries_at(last)) == pytest.approx(2 * alpha)
    assert queries.tries_at(other) == []
    page = coordinator_of(desk).get(f"/campaigns/{last.pk}/").content.decode()
    assert "This is campaign 2 against the same system" in page
    known = advisories.known_of(claim.case)
    assert known.checked.chance_of_error == pytest.approx(2 * alpha)
    assert known.checked.tries == 2


def _work(name: str, *, sole: bool) -> None:
    """Do the background work of campaigns in a process of its own, as a worker does."""
    connections.close_all()
    connections["default"].settings_dict["NAME"] = name
    if sole:
        tasks.take_over(timezone.now())
    tasks.run(timezone.now())


def worker(*, sole: bool = False) -> Any:
    """Start a worker; the connections of this process are not shared with it."""
    name = str(connection.settings_dict["NAME"])
    connections.close_all()
    process = get_context("fork").Process(target=_work, args=(name,), kwargs={"sole": sole})
    process.start()
    return process


def killed_when(asked: Callable[[], int], calls: int) -> None:
    """Start a worker and kill it without warning once so many calls were made."""
    process = worker()
    deadline = time.monotonic() + 60
    while asked() < calls and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert asked() >= calls


def test_a_campaign_outlives_the_killing_of_its_worker_and_pays_for_no_call_twice(
    claim: FixClaim, leaking: Endpoint, desk: Viewer
) -> None:
    with endpoint(canary=spine.CANARY, rate=0.0, seed=3) as sound:
        now = timezone.now()
        targets = (spine.granted(leaking.url, by=desk, now=now), patched(sound, desk))
        campaign = started(claim, targets, desk)

        def asked() -> int:
            return len(leaking.asked) + len(sound.asked)

        killed_when(asked, 4)
        first = Campaign.objects.get(pk=campaign.pk)
        Campaign.objects.filter(pk=campaign.pk).update(lease_until=now)
        killed_when(asked, 25)
        process = worker(sole=True)
        process.join(120)

    ended = Campaign.objects.get(pk=campaign.pk)
    trials = [json.loads(line) for line in ended.trials.splitlines()]
    lost = [trial for trial in trials if trial["outcome"] == "error"]
    assert (first.state, first.attempts) == (CampaignState.RUNNING, 1)
    assert (ended.state, ended.verdict, ended.attempts) == (CampaignState.DECIDED, "FIXED", 3)
    assert len(lost) <= 2
    assert len(trials) - len(lost) <= asked() <= len(trials)
    assert sum(cost.calls for cost in costs_of(ended)) == len(trials)
    assert sum(Target.objects.get(pk=target.pk).calls_used for target in targets) == len(trials)
    verify_certificate(ended.certificate.encode(), ended.trials.encode(), [key_ring().attestation.verifier])


def test_a_campaign_rests_when_it_is_asked_to_and_goes_on_where_it_was(
    queued: Campaign, leaking: Endpoint, desk: Viewer
) -> None:
    now = timezone.now()
    at = now

    def clock() -> datetime:
        nonlocal at
        at += timedelta(seconds=2)
        current = Campaign.objects.get(pk=queued.pk)
        if leaking.asked and current.attempts == 1 and not current.pause_asked:
            services.pause(campaign=current, by=desk, now=at)
        return at

    rests = runner.run(queued, now=now, clock=clock_here(clock, elsewhere=now))
    asked = len(leaking.asked)
    untouched = runner.run(rests, now=now)
    page = coordinator_of(desk).get(f"/campaigns/{queued.pk}/").content.decode()
    services.resume(campaign=rests, by=desk, now=now)
    ended = runner.run(rests, now=now)

    assert (rests.state, untouched.state) == (CampaignState.PAUSED, CampaignState.PAUSED)
    assert rests.ended_at is None
    assert "It rests" in page
    assert 1 <= asked < len(leaking.asked)
    assert ended.verdict == "FIXED"


def test_what_waits_rests_at_once_and_a_campaign_that_rests_can_be_stopped(queued: Campaign, desk: Viewer) -> None:
    now = timezone.now()

    rests = services.pause(campaign=queued, by=desk, now=now)
    for _ in range(2):
        with pytest.raises(ConflictError, match="rests"):
            services.pause(campaign=queued, by=desk, now=now)
    stopped = services.cancel(campaign=queued, by=desk, now=now)

    assert (rests.state, stopped.state) == (CampaignState.PAUSED, CampaignState.CANCELED)
    with pytest.raises(ConflictError, match="does not rest"):
        services.resume(campaign=queued, by=desk, now=now)
