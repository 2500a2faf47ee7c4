# SPDX-License-Identifier: Apache-2.0
"""What becomes of a campaign: it runs under its grants, once, and what it leaves is sealed."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import get_ident

import pytest
from django.utils import timezone
from tests.factories import cases, spine
from tests.server.factories import viewer
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError
from safeconduct.server.audit.models import Commitment
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target, TargetRole, TargetState
from safeconduct.server.campaigns import runner, services, tasks
from safeconduct.server.campaigns.models import Campaign, CampaignState, FixClaim
from safeconduct.server.cases import negotiation
from safeconduct.server.cases import services as case_services
from safeconduct.server.cases.invitations import Guest
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services as triage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


@pytest.fixture
def desk() -> Viewer:
    """Return a coordinator."""
    return viewer(Role.COORDINATOR)


@pytest.fixture
def claim(desk: Viewer) -> FixClaim:
    """Return a claimed fix in a case whose report has a bundle."""
    now = timezone.now()
    row = spine.report_with_bundle(now).row
    opened = case_services.open_case(
        assessment=triage.assess(row=row, now=now), guests=[Guest(name="Orchid Bank")], by=desk, now=now
    )
    vendor = cases.joined(opened.invited[0], now)
    case_services.take_seat(case=opened.case, seat=vendor.seat, by=vendor.viewer, now=now)
    term = opened.case.terms.get(state="active")
    negotiation.answer(term=term, seat=vendor.present(), accepts=True, by=vendor.viewer, now=now)
    for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED):
        case_services.move(case=opened.case, seat=vendor.present(), message=message, by=vendor.viewer, now=now)
    return services.claim_fix(case=opened.case, seat=vendor.present(), note="Deployed.", by=vendor.viewer, now=now)


@pytest.fixture
def leaking() -> Iterator[Endpoint]:
    """Return a target that leaks."""
    with endpoint(canary=spine.CANARY, rate=0.9, seed=1, only_for=spine.ATTACK) as found:
        yield found


@pytest.fixture
def unpatched(leaking: Endpoint, desk: Viewer) -> Target:
    """Return the grant of the target as reported."""
    return spine.granted(leaking.url, by=desk, now=timezone.now())


def patched(found: Endpoint, desk: Viewer) -> Target:
    return spine.granted(found.url, by=desk, now=timezone.now(), role=TargetRole.PATCHED, model="assistant-2")


def started(claim: FixClaim, targets: tuple[Target, Target], desk: Viewer) -> Campaign:
    return services.start(claim=claim, unpatched=targets[0], patched=targets[1], by=desk, now=timezone.now())


def _here(clock: Callable[[], datetime], *, elsewhere: datetime) -> Callable[[], datetime]:
    """Let the clock be read in this thread, which may ask the database, and stand still in others."""
    mine = get_ident()
    return lambda: clock() if get_ident() == mine else elsewhere


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

    ended = runner.run(campaign, now=now, clock=_here(clock, elsewhere=now))

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


def test_a_campaign_that_a_crash_left_is_closed_and_not_run_again(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    now = timezone.now()
    target = patched(leaking, desk)
    campaign = started(claim, (unpatched, target), desk)
    assert runner._claim(campaign, now=now) is not None

    assert tasks.run(now + timedelta(minutes=1)) == 0
    assert tasks.run(now + timedelta(hours=3)) == 1

    left = Campaign.objects.get(pk=campaign.pk)
    assert (left.state, left.failure, leaking.asked) == (CampaignState.FAILED, runner.BROKE_OFF, [])
    assert started(claim, (unpatched, target), desk).commitment != left.commitment


def test_a_run_that_lost_its_lease_writes_no_verdict(
    claim: FixClaim, leaking: Endpoint, unpatched: Target, desk: Viewer
) -> None:
    campaign = started(claim, (unpatched, patched(leaking, desk)), desk)

    def clock() -> datetime:
        Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.FAILED)
        return timezone.now()

    now = timezone.now()
    ended = runner.run(campaign, now=now, clock=_here(clock, elsewhere=now))

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
