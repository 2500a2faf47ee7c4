# SPDX-License-Identifier: Apache-2.0
"""The watch of a verified fix: it looks when it is time, tells a changed system, and raises the alarm once."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from tests.factories import cases
from tests.factories.campaigns import started
from tests.server.factories import client_of, viewer
from tests.verification.endpoint import Endpoint

from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, NotFoundError, NotPermittedError
from safeconduct.server.advisories import queries as advisories
from safeconduct.server.audit.models import Commitment, Event
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import queries, runner, tasks, turning, watches
from safeconduct.server.campaigns.models import Campaign, TurnState, Watch, WatchState, WatchTurn
from safeconduct.server.cases import services as case_services
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.outbox.models import Message
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import tasks as triage_tasks
from safeconduct.server.triage.models import Assessment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
WEEK = timedelta(days=7)


@pytest.fixture
def watch(verified: Campaign) -> Watch:
    """Return the watch that began with the verdict."""
    return Watch.objects.get(campaign=verified)


def after(watch: Watch, weeks: int) -> datetime:
    """Return an instant at which the turn of this week is due."""
    return watch.started_at + weeks * WEEK + timedelta(minutes=1)


def test_a_watch_begins_with_the_verdict_and_looks_once_a_week(watch: Watch, sound: Endpoint) -> None:
    asked = len(sound.asked)

    assert tasks.watch(watch.started_at + timedelta(days=6)) == 0
    assert tasks.watch(after(watch, 1)) == 1
    assert tasks.watch(after(watch, 1) + timedelta(hours=1)) == 0
    assert tasks.watch(after(watch, 2)) == 1

    turns = list(watch.turns.all())
    assert [(turn.number, turn.state, turn.calls, turn.segment) for turn in turns] == [
        (1, TurnState.DONE, 20, 0),
        (2, TurnState.DONE, 20, 0),
    ]
    assert len(sound.asked) == asked + 40
    course = turning.course_of(watch)
    assert (course.detector.calls, course.detector.hits) == (40, 0)
    assert Target.objects.get(pk=watch.campaign.patched_id).calls_reserved == 0
    assert Event.objects.filter(tag=EventTag.WATCH_TURNED, subject=watch.pk).count() == 2


def test_weeks_that_were_missed_are_not_made_up(watch: Watch) -> None:
    assert tasks.watch(after(watch, 5)) == 1
    assert tasks.watch(after(watch, 5)) == 0

    assert Watch.objects.get(pk=watch.pk).next_at > after(watch, 5)
    assert watch.turns.count() == 1


def test_a_flaw_that_comes_back_is_regressed_linked_and_told_once(watch: Watch, sound: Endpoint, desk: Viewer) -> None:
    case, told = watch.campaign.claim.case, Message.objects.count()
    sound.rate = 0.9

    tasks.watch(after(watch, 1))
    tasks.watch(after(watch, 2))

    current = Watch.objects.get(pk=watch.pk)
    assert (current.state, current.turns.count()) == (WatchState.REGRESSED, 1)
    assert queries.latest_verdict(case) is Verdict.REGRESSED
    assert queries.latest_standing(case) is None
    found = current.report
    assert found is not None
    assert Report.objects.count() == 2
    opened = intake.opened(found).told
    assert opened.title.startswith(f"Regression of {case.entry.public_id}: ")
    assert opened.evidence.trials[0].hits >= 3
    assert intake.bundle_of(found) == intake.bundle_of(case.assessment.report)
    assert Message.objects.count() == told + 1
    assert case.assessment.report.messages.filter(kind="note").count() >= 1
    assert Event.objects.filter(tag=EventTag.WATCH_REGRESSED, subject=watch.pk).count() == 1
    assert Commitment.objects.filter(kind="attestation").count() == 2
    assert triage_tasks.assess(after(watch, 2)) >= 1
    client = client_of(Party.objects.get(pk=desk.party_id))
    page = client.get(f"/campaigns/watch/{watch.pk}/").content.decode()
    assessment = watches.linked_assessment(current)
    assert f"/triage/{assessment}/" in page
    opened_case = case_services.open_case(
        assessment=Assessment.objects.get(pk=assessment), guests=(), by=desk, now=after(watch, 2)
    ).case
    second = client.get(f"/campaigns/case/{opened_case.pk}/").content.decode()
    assert f"began as a regression of {case.entry.public_id}" in second


def test_another_vendor_of_the_case_is_not_told(watch: Watch, sound: Endpoint, now: datetime) -> None:
    world = cases.opened(now, guests=("Fern Insurance",))
    other = cases.seated(world, "Fern Insurance", now)
    sound.rate = 0.9

    tasks.watch(after(watch, 1))

    assert Watch.objects.get(pk=watch.pk).state == WatchState.REGRESSED
    assert not Message.objects.filter(party=other.party, subject__contains="hold any more").exists()


def test_another_fingerprint_begins_anew_and_is_shown(watch: Watch, sound: Endpoint, desk: Viewer) -> None:
    tasks.watch(after(watch, 1))
    sound.fingerprint = "fp_45"
    tasks.watch(after(watch, 2))
    tasks.watch(after(watch, 3))

    assert [turn.segment for turn in watch.turns.all()] == [0, 1, 1]
    course = turning.course_of(watch)
    assert course.detector.calls == 40
    assert len(course.points) == 60
    assert turning.detail_of(watch.turns.get(number=2))["changed"] is True
    page = client_of(Party.objects.get(pk=desk.party_id)).get(f"/campaigns/watch/{watch.pk}/").content.decode()
    assert "another fingerprint" in page


def test_a_system_that_may_not_be_asked_is_no_evidence(watch: Watch, desk: Viewer) -> None:
    authorizing.suspend(target=watch.campaign.patched, reason="Not now.", by=desk, now=timezone.now())

    tasks.watch(after(watch, 1))

    turn = watch.turns.get()
    assert (turn.state, turn.calls) == (TurnState.FAILED, 0)
    assert "may not be tested" in str(turning.detail_of(turn)["reason"])
    assert Watch.objects.get(pk=watch.pk).state == WatchState.ACTIVE
    assert not turning.course_of(watch).points


def test_a_turn_that_a_crash_left_is_over_and_counts_what_was_set_aside(watch: Watch) -> None:
    due = after(watch, 1)
    turn = turning._claim(watch, now=due)
    assert turn is not None
    turning._plan(turn, now=due)
    used = Target.objects.get(pk=watch.campaign.patched_id).calls_used

    assert tasks.watch(due + timedelta(minutes=1)) == 0
    assert tasks.watch(due + timedelta(hours=2)) == 1

    left = watch.turns.get()
    assert (left.state, left.calls) == (TurnState.FAILED, 60)
    granted = Target.objects.get(pk=watch.campaign.patched_id)
    assert (granted.calls_used, granted.calls_reserved) == (used + 60, 0)
    assert tasks.watch(after(watch, 2)) == 1
    assert WatchTurn.objects.filter(watch=watch, state=TurnState.DONE).count() == 1


def test_a_watch_rests_goes_on_and_ends_with_reasons(watch: Watch, desk: Viewer) -> None:
    now = watch.started_at
    with pytest.raises(IncompleteError):
        watches.pause(watch=watch, reason=" ", by=desk, now=now)

    watches.pause(watch=watch, reason="A release.", by=desk, now=now)
    assert tasks.watch(after(watch, 1)) == 0
    with pytest.raises(ConflictError):
        watches.pause(watch=watch, reason="Again.", by=desk, now=now)
    watches.go_on(watch=watch, by=desk, now=after(watch, 1))
    assert tasks.watch(after(watch, 1)) == 1
    stopped = watches.stop(watch=watch, reason="The product is retired.", by=desk, now=now)

    assert watches.reason_of(stopped) == "The product is retired."
    assert tasks.watch(after(watch, 9)) == 0
    for act in (watches.go_on, watches.look_now):
        with pytest.raises(ConflictError):
            act(watch=watch, by=desk, now=now)
    again = watches.start(campaign=watch.campaign, by=desk, now=after(watch, 9), every_days=1, draws=5)
    assert tasks.watch(after(watch, 9)) == 1
    assert (again.pk, again.turns.count()) == (watch.pk, 2)


def test_only_a_fix_that_holds_is_watched_within_limits(queued: Campaign, desk: Viewer) -> None:
    now = timezone.now()
    with pytest.raises(ConflictError, match="found to hold"):
        watches.start(campaign=queued, by=desk, now=now)
    for days, draws in ((0, 20), (366, 20), (7, 0), (7, 201)):
        with pytest.raises(MalformedError):
            watches.start(campaign=queued, by=desk, now=now, every_days=days, draws=draws)


def test_a_newer_verdict_replaces_the_watch(watch: Watch, unpatched: Target, fixed: Target, desk: Viewer) -> None:
    again = runner.run(started(watch.campaign.claim, (unpatched, fixed), desk), now=timezone.now())

    assert again.verdict == "FIXED"
    assert Watch.objects.get(pk=watch.pk).state == WatchState.STOPPED
    assert Watch.objects.get(campaign=again).state == WatchState.ACTIVE


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}))
def test_others_neither_see_nor_move_a_watch(role: Role, watch: Watch) -> None:
    by = viewer(role)

    with pytest.raises(NotFoundError):
        watches.watch_for(by, watch.pk)
    assert not watches.watches_for(by).exists()
    for act in (watches.pause, watches.stop):
        with pytest.raises(NotPermittedError):
            act(watch=watch, reason="x", by=by, now=timezone.now())
    for act in (watches.go_on, watches.look_now):
        with pytest.raises(NotPermittedError):
            act(watch=watch, by=by, now=timezone.now())
    with pytest.raises(NotPermittedError):
        watches.start(campaign=watch.campaign, by=by, now=timezone.now())


def test_the_vendor_whose_fix_it_is_sees_its_watch(watch: Watch) -> None:
    own = client_of(watch.campaign.claim.participant.invitation.joined)

    assert own.get(f"/campaigns/watch/{watch.pk}/").status_code == 200
    assert own.post(f"/campaigns/watch/{watch.pk}/stop", {"reason": "No."}).status_code == 404


def test_the_case_room_shows_the_verdict_as_it_stands(watch: Watch, sound: Endpoint, desk: Viewer) -> None:
    vendor = client_of(watch.campaign.claim.participant.invitation.joined)
    coordinator = client_of(Party.objects.get(pk=desk.party_id))
    path = f"/cases/{watch.campaign.claim.case_id}/"
    for client in (vendor, coordinator):
        assert "FIXED</span>" in client.get(path).content.decode()
    assert advisories.known_of(watch.campaign.claim.case).checked is not None

    sound.rate = 0.9
    tasks.watch(after(watch, 1))

    for client in (vendor, coordinator):
        assert "REGRESSED</span>" in client.get(path).content.decode()
    assert "The flaw is back" in coordinator.get(f"/campaigns/{watch.campaign_id}/").content.decode()
    assert advisories.known_of(watch.campaign.claim.case).checked is None


def test_the_pages_of_a_watch_take_its_acts_and_refuse_one_without_a_reason(watch: Watch, desk: Viewer) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))
    path = f"/campaigns/watch/{watch.pk}/"

    assert client.post(f"{path}pause", {"reason": ""}).status_code == 422
    assert client.post(f"{path}stop", {"reason": ""}).status_code == 422
    for act, reason, state in (
        ("pause", "A release.", WatchState.PAUSED),
        ("resume", "", WatchState.ACTIVE),
        ("look", "", WatchState.ACTIVE),
        ("stop", "Retired.", WatchState.STOPPED),
    ):
        assert client.post(f"{path}{act}", {"reason": reason}).status_code == 302
        assert Watch.objects.get(pk=watch.pk).state == state
    assert "Begin it anew" in client.get(path).content.decode()
    started_at = {"every_days": "3", "draws": "10"}
    assert client.post(f"/campaigns/{watch.campaign_id}/watch", {"every_days": "0", "draws": "10"}).status_code == 302
    assert Watch.objects.get(pk=watch.pk).state == WatchState.STOPPED
    assert client.post(f"/campaigns/{watch.campaign_id}/watch", started_at).status_code == 302
    assert (Watch.objects.get(pk=watch.pk).state, Watch.objects.get(pk=watch.pk).every_days) == ("active", 3)
    tasks.watch(timezone.now())
    picture = client.get(f"{path}path.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture["Content-Security-Policy"].startswith("default-src 'none'")
