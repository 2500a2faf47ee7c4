# SPDX-License-Identifier: Apache-2.0
"""What is fixed before the first call, and where it is written down: terms, draws, and the bundle as it was received."""

import pytest
from django.utils import timezone
from tests.verification.endpoint import Endpoint

from safeconduct.domain.event import EventTag
from safeconduct.server.audit.models import Commitment, Event
from safeconduct.server.campaigns import queries, runner, services
from safeconduct.server.campaigns.models import Campaign, CampaignState
from safeconduct.verification.campaign import Terms
from safeconduct.verification.criterion import criterion_sha256

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def test_the_bundle_is_committed_to_the_log_when_it_is_received(queued: Campaign) -> None:
    """The receipt covers the digest of every file, so the held-out strings are fixed from the first moment."""
    row = queued.claim.case.assessment.report

    assert row.has_bundle
    assert Commitment.objects.filter(kind="receipt", value=bytes(row.commitment)).exists()


def test_terms_and_draws_are_written_into_the_chain_before_the_first_call(
    queued: Campaign, leaking: Endpoint, sound: Endpoint
) -> None:
    event = Event.objects.get(tag=EventTag.CAMPAIGN_STARTED, subject=queued.pk)
    terms = Terms(
        bundle=services.bundle_of(queued.claim.case),
        criterion=queries.criterion_of(queued),
        held_out=queries.held_out_of(queued),
        campaign=queued.pk,
    )

    assert event.facts["criterion"] == criterion_sha256(terms.criterion)
    assert event.facts["commitment"] == terms.commitment
    assert leaking.asked == sound.asked == []


def test_a_criterion_that_was_changed_after_it_was_frozen_is_never_run(
    queued: Campaign, leaking: Endpoint, sound: Endpoint
) -> None:
    looser = {**queued.criterion, "alpha": 0.4}
    Campaign.objects.filter(pk=queued.pk).update(criterion=looser)
    queued.refresh_from_db()

    ended = runner.run(queued, now=timezone.now())

    assert ended.state == CampaignState.FAILED
    assert "not those that were frozen" in ended.failure
    assert leaking.asked == sound.asked == []
