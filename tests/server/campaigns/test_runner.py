# SPDX-License-Identifier: Apache-2.0
"""What becomes of a campaign: it runs under its grants, once, and what it leaves is sealed."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from tests.factories import spine
from tests.factories.campaigns import clock_here, patched, started
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.event import EventTag
from safeconduct.errors import ConflictError
from safeconduct.server.audit.models import Commitment, Event
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target, TargetState
from safeconduct.server.campaigns import runner, services, tasks
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim, JournalLine
from safeconduct.server.parties.viewer import Viewer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def test_a_target_that_was_revoked_while_the_campaign_waited_is_not_asked(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    authorizing.revoke(target=unpatched, reason="The contract ended.", by=desk, now=timezone.now())

    ended = runner.run(campaign, now=timezone.now())

    assert ended.state == CampaignState.FAILED
    assert "may not be tested" in ended.failure
    assert leaking.asked == []


def test_a_target_that_is_suspended_meanwhile_is_asked_no_more(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    now = timezone.now()
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    at = now

    def clock() -> datetime:
        nonlocal at
        at += timedelta(seconds=2)
        if len(leaking.asked) >= 3 and Target.objects.get(pk=unpatched.pk).state == TargetState.GRANTED:
            authorizing.suspend(target=unpatched, reason="Stop.", by=desk, now=now)
        return at

    ended = runner.run(campaign, now=now, clock=clock_here(clock, elsewhere=now))

    assert ended.state == CampaignState.DECIDED
    assert ended.verdict != "FIXED"
    assert len(leaking.asked) < 8


def test_calls_of_a_run_that_fails_count_at_the_target(claim: FixClaim, unpatched: Target, desk: Viewer) -> None:
    with endpoint(canary=spine.CANARY, manner="500") as broken:
        target = patched(broken, desk)
        campaign = started(claim, (unpatched, target), desk)

        ended = runner.run(campaign, now=timezone.now())

    assert ended.state == CampaignState.FAILED
    assert Target.objects.get(pk=target.pk).calls_used == len(broken.asked) > 0
    assert Target.objects.get(pk=unpatched.pk).calls_used > 0


def test_a_campaign_that_a_crash_left_before_its_first_call_is_picked_up(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    now = timezone.now()
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    assert runner._claim(campaign, now=now) is not None

    assert tasks.run(now + timedelta(minutes=1)) == 0
    assert tasks.run(now + timedelta(hours=3)) == 1

    left = Campaign.objects.get(pk=campaign.pk)
    assert (left.state, left.verdict, left.attempts) == (CampaignState.DECIDED, "NOT_FIXED", 2)
    assert Event.objects.filter(tag=EventTag.CAMPAIGN_PICKED_UP, subject=campaign.pk).count() == 1


def test_the_only_worker_picks_up_at_once_what_the_one_before_left(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    now = timezone.now()
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    assert runner._claim(campaign, now=now) is not None

    assert tasks.take_over(now) == 1
    assert tasks.run(now) == 1

    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.DECIDED


def test_a_campaign_that_breaks_off_again_and_again_has_failed(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    now = timezone.now()
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    for _ in range(runner.MOST_SITTINGS):
        assert runner._claim(campaign, now=now) is not None
        now += timedelta(hours=1)

    assert runner._claim(campaign, now=now) is None

    left = Campaign.objects.get(pk=campaign.pk)
    assert (left.state, left.failure) == (CampaignState.FAILED, runner.BROKE_OFF)


def test_a_run_that_lost_its_lease_writes_no_verdict(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)

    def clock() -> datetime:
        Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.FAILED)
        return timezone.now()

    now = timezone.now()
    ended = runner.run(campaign, now=now, clock=clock_here(clock, elsewhere=now))

    assert (ended.state, ended.verdict, ended.certificate) == (CampaignState.FAILED, "", "")
    assert not Commitment.objects.filter(kind="attestation").exists()


def test_a_case_has_one_running_campaign(claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer) -> None:
    target = patched(leaking, desk)
    started(claim, (unpatched, target), desk)

    with pytest.raises(ConflictError, match="is running"):
        started(claim, (unpatched, target), desk)


def test_terms_that_were_changed_after_they_were_frozen_are_not_run(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    Campaign.objects.filter(pk=campaign.pk).update(criterion={**campaign.criterion, "alpha": 0.5})

    ended = runner.run(campaign, now=timezone.now())

    assert ended.state == CampaignState.FAILED
    assert "not those that were frozen" in ended.failure
    assert leaking.asked == []


def test_what_a_campaign_leaves_names_no_family_in_clear(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    ended = runner.run(started(claim, (unpatched, patched(leaking, desk)), desk), now=timezone.now())

    assert ended.state == CampaignState.DECIDED, ended.failure
    assert "base64" in ended.trials
    row = Campaign.objects.values().get(pk=ended.pk)
    stored = b"".join(bytes(value) if isinstance(value, memoryview) else str(value).encode() for value in row.values())
    assert b"base64" not in stored
    assert b"plain" not in stored


def test_a_journal_whose_lines_were_changed_is_not_gone_on_with(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    now = timezone.now()
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)
    at = now

    def clock() -> datetime:
        nonlocal at
        at += timedelta(seconds=2)
        current = Campaign.objects.get(pk=campaign.pk)
        if len(leaking.asked) >= 3 and current.state == CampaignState.RUNNING and not current.pause_asked:
            services.pause(campaign=current, by=desk, now=at)
        return at

    rests = runner.run(campaign, now=now, clock=clock_here(clock, elsewhere=now))
    asked = len(leaking.asked)
    first, second = JournalLine.objects.filter(campaign=campaign).order_by("number")[:2]
    JournalLine.objects.filter(pk=first.pk).update(sealed_trial=bytes(second.sealed_trial))
    services.resume(campaign=rests, by=desk, now=now)

    ended = runner.run(rests, now=now)

    assert rests.state == CampaignState.PAUSED
    assert ended.state == CampaignState.FAILED
    assert len(leaking.asked) == asked
