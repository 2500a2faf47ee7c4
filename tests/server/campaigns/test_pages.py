# SPDX-License-Identifier: Apache-2.0
"""The pages of fixes, campaigns and suites: what they show, also of a bundle of no use, and which acts they take."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from tests.factories import spine
from tests.factories.campaigns import clock_here
from tests.server.factories import client_of, make_party

from safeconduct.domain.parties import Role
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import runner, services, tasks
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim, Probe, SuiteExclusion
from safeconduct.server.cases import services as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def test_a_bundle_of_no_use_does_not_close_the_page_of_fixes(now: datetime) -> None:
    party = make_party(Role.COORDINATOR)
    by = viewer_of(party)
    row = spine.report_with_bundle(now, b"this is no archive at all, only words").row
    case = cases.open_case(assessment=triage.assess(row=row, now=now), guests=(), by=by, now=now).case

    answer = client_of(party).get(f"/campaigns/case/{case.pk}/")

    assert answer.status_code == 200
    assert "cannot be run" in answer.content.decode()


def test_the_form_tells_what_a_campaign_may_cost_before_it_starts(
    claim: FixClaim, unpatched: Target, fixed: Target, desk: Viewer
) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))
    Target.objects.filter(pk=fixed.pk).update(currency="EUR", price_per_call="0.5")
    terms = {"unpatched": unpatched.pk, "patched": fixed.pk, "tolerance": 0.2, "alpha": 0.05, "max_calls": 300}

    page = client.get(f"/campaigns/case/{claim.case_id}/").content.decode()
    asked = client.post(f"/campaigns/claim/{claim.pk}/start", {**terms, "act": "estimate"})

    assert "at most 600 calls" in page
    assert asked.status_code == 200
    assert "at most 300 calls" in asked.content.decode()
    assert " EUR" in asked.content.decode()
    assert not Campaign.objects.exists()


def test_a_decided_campaign_shows_path_costs_and_what_would_change_it(verified: Campaign, desk: Viewer) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))

    page = client.get(f"/campaigns/{verified.pk}/").content.decode()

    for words in ("How the evidence grew", "What would change this verdict", "What it cost", "certificate.json"):
        assert words in page
    for name in ("evidence.svg", "bounds.svg"):
        picture = client.get(f"/campaigns/{verified.pk}/{name}")
        assert picture["Content-Type"] == "image/svg+xml"
        assert picture["Content-Security-Policy"].endswith("sandbox")
        assert b"plain" in picture.content


def test_a_campaign_that_rests_shows_the_path_so_far(queued: Campaign, desk: Viewer) -> None:
    now = timezone.now()
    Campaign.objects.filter(pk=queued.pk).update(pause_asked=False)
    paused = runner.run(queued, now=now, clock=pausing(queued, desk, now))
    client = client_of(Party.objects.get(pk=desk.party_id))

    page = client.get(f"/campaigns/{queued.pk}/").content.decode()

    assert paused.state == CampaignState.PAUSED
    assert "It rests" in page
    assert client.get(f"/campaigns/{queued.pk}/evidence.svg").status_code == 200
    assert client.post(f"/campaigns/{queued.pk}/resume").status_code == 302
    assert client.post(f"/campaigns/{queued.pk}/pause").status_code == 302
    assert Campaign.objects.get(pk=queued.pk).state == CampaignState.PAUSED


def pausing(campaign: Campaign, desk: Viewer, now: datetime) -> Callable[[], datetime]:
    """Return a clock that lets somebody pause the campaign at its first call."""
    at = now

    def clock() -> datetime:
        nonlocal at
        at += timedelta(seconds=2)
        current = Campaign.objects.get(pk=campaign.pk)
        if current.journal.exists() and current.state == CampaignState.RUNNING and not current.pause_asked:
            services.pause(campaign=current, by=desk, now=at)
        return at

    return clock_here(clock, elsewhere=now)


def test_the_pages_of_suites_take_their_acts(claim: FixClaim, unpatched: Target, desk: Viewer) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))
    Case.objects.filter(pk=claim.case_id).update(closed_at=timezone.now())
    tasks.join_suites(timezone.now())

    assert claim.case.entry.public_id in client.get("/campaigns/suites/").content.decode()
    assert client.post(f"/campaigns/suites/case/{claim.case_id}/exclude", {"reason": ""}).status_code == 302
    assert not SuiteExclusion.objects.exists()
    client.post(f"/campaigns/suites/case/{claim.case_id}/exclude", {"reason": "Retired."})
    assert "Retired." in client.get("/campaigns/suites/").content.decode()
    client.post(f"/campaigns/suites/case/{claim.case_id}/include")
    assert not SuiteExclusion.objects.exists()
    assert client.post("/campaigns/suites/check", {"target": "tgt_missing"}).status_code == 422
    made = client.post("/campaigns/suites/check", {"target": unpatched.pk, "family": ""})
    assert made.status_code == 302
    tasks.probe(timezone.now())
    assert "1 reproduces" in client.get(made["Location"]).content.decode()
    probe = Probe.objects.get()
    assert "The flaw is there" in client.get(f"/campaigns/probe/{probe.pk}/").content.decode()
    assert client.get(f"/campaigns/probe/{probe.pk}/trials.jsonl").content.count(b"\n") == 3
