# SPDX-License-Identifier: Apache-2.0
"""The published certificate is the one that the published record names, whatever is tested later."""

import hashlib
from datetime import datetime, timedelta

import pytest
from django.test import Client
from tests.factories import authorizations, cases, records

from safeconduct.domain.advisory import VerificationSummary
from safeconduct.domain.evidence import Verdict
from safeconduct.server.advisories.models import Advisory, AdvisoryState
from safeconduct.server.authorizations.models import TargetRole
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim
from safeconduct.server.registry import services as registry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def decided(world: cases.World, text: str, *, at: datetime) -> Campaign:
    """Return a campaign of the case with this text in place of a certificate."""
    claim = FixClaim.objects.create(case=world.case, participant=world.desk_seat(), note=b"", claimed_at=at)
    campaign = Campaign(
        claim=claim,
        unpatched=authorizations.granted(at),
        patched=authorizations.granted(at, role=TargetRole.PATCHED),
        state=CampaignState.DECIDED,
        verdict=Verdict.FIXED,
        criterion={},
        secret=b"",
        queued_at=at,
    )
    campaign.sealed_certificate = campaign.sealed("certificate", text)
    campaign.sealed_trials = campaign.sealed("trials", f"trials of {text}")
    campaign.save()
    return campaign


def published(world: cases.World, *, named: str, at: datetime) -> str:
    """Publish a record that names this certificate, or none, and return its identifier."""
    entry = world.case.entry
    summary = VerificationSummary(
        verdict=Verdict.FIXED,
        decided_at=at,
        tolerance=0.05,
        alpha=0.05,
        certificate_sha256=hashlib.sha256(named.encode()).hexdigest(),
    )
    record = records.advisory(entry.public_id, verification=summary if named else None)
    registry.publish(entry=entry, record=record, by=world.desk, now=at)
    Advisory.objects.create(case=world.case, entry=entry, state=AdvisoryState.PUBLISHED, drafted_at=at, draft=b"")
    return entry.public_id


def test_a_later_campaign_does_not_take_the_place_of_the_published_certificate(now: datetime, client: Client) -> None:
    world = cases.opened(now)
    decided(world, "the first", at=now)
    public_id = published(world, named="the first", at=now)
    decided(world, "the second", at=now + timedelta(days=1))

    certificate = client.get(f"/advisories/{public_id}/certificate.json")
    trials = client.get(f"/advisories/{public_id}/trials.jsonl")

    assert (certificate.content, trials.content) == (b"the first", b"trials of the first")


def test_an_advisory_without_a_verdict_shows_no_certificate(now: datetime, client: Client) -> None:
    world = cases.opened(now)
    public_id = published(world, named="", at=now)
    decided(world, "of no published version", at=now)

    assert client.get(f"/advisories/{public_id}/certificate.json").status_code == 404
