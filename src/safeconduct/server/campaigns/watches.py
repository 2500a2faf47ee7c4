# SPDX-License-Identifier: Apache-2.0
"""The acts on regression watches, and who sees one: begin, pause, go on, stop. A turn is taken in `turns`.

A watch belongs to one verdict FIXED and asks the very system that was tested. It begins by itself with the verdict, at
the usual interval of the service, and a newer verdict FIXED on a fix of the same vendor replaces it. Each begin, pause
and stop is in the record; what a person gives as the reason is sealed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, NotFoundError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.campaigns import queries
from safeconduct.server.campaigns.models import Campaign, CampaignState, Watch, WatchState
from safeconduct.server.campaigns.places import watch_place
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.viewer import ANYONE, Viewer
from safeconduct.server.triage.models import Assessment

LIVE = (WatchState.ACTIVE, WatchState.PAUSED)
REASON_LIMIT = 2_000
WEEK = 7
MOST_DAYS = 365
MOST_DRAWS = 200
REPLACED = "A newer verdict is watched instead."


def begin_by_itself(campaign: Campaign, *, now: datetime) -> Watch | None:
    """Begin the watch of a verdict FIXED with the usual terms; nothing where the service watches by hand only."""
    if settings.SAFECONDUCT.watch_days == 0:
        return None
    return _begin(campaign, **usual(), by=ANYONE, now=now)


def start(
    *, campaign: Campaign, by: Viewer, now: datetime, every_days: int | None = None, draws: int | None = None
) -> Watch:
    """Begin a watch, or begin one that was stopped anew, with these terms or the usual ones; its first turn is due now.

    Raises:
        NotPermittedError: only those who coordinate begin a watch.
        ConflictError: the campaign did not find the fix to hold, or is watched already.
        MalformedError: the interval or the number of draws is out of range.
    """
    by.require(Role.COORDINATOR)
    days = every_days if every_days is not None else usual()["every_days"]
    asked = draws if draws is not None else usual()["draws"]
    if not 1 <= days <= MOST_DAYS or not 1 <= asked <= MOST_DRAWS:
        raise MalformedError(
            "a watch looks every 1 to 365 days with 1 to 200 draws", hint="a week and 20 draws are usual"
        )
    return _begin(campaign, every_days=days, draws=asked, by=by, now=now)


@atomic_write
def _begin(campaign: Campaign, *, every_days: int, draws: int, by: Viewer, now: datetime) -> Watch:
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if current.state != CampaignState.DECIDED or current.verdict != Verdict.FIXED:
        raise ConflictError("only a fix that was found to hold is watched", hint="test it first")
    watch = Watch.objects.filter(campaign=current).first()
    if watch is not None and watch.state != WatchState.STOPPED:
        raise ConflictError("this fix is watched already, or is known to be broken again")
    _replace_older(current, now=now)
    watch = watch or Watch(campaign=current, started_at=now)
    watch.state, watch.ended_at, watch.reason, watch.actor = WatchState.ACTIVE, None, b"", by.actor
    watch.every_days, watch.draws, watch.run_length = every_days, draws, settings.SAFECONDUCT.watch_run_length
    # One that begins by itself was tested a moment ago; one that a person begins is to be looked at.
    watch.next_at = now if by.actor or by.roles else now + timedelta(days=every_days)
    watch.save()
    facts: dict[str, audit.Fact] = {"campaign": current.pk, "days": every_days, "draws": draws}
    audit.record(EventTag.WATCH_STARTED, subject=watch.pk, actor=by.actor, at=now, facts=facts)
    return watch


@atomic_write
def pause(*, watch: Watch, reason: str, by: Viewer, now: datetime) -> Watch:
    """Let a watch rest.

    Raises:
        NotPermittedError: only those who coordinate do.
        IncompleteError: there is no reason.
        ConflictError: the watch does not run.
    """
    return _move(watch, WatchState.PAUSED, EventTag.WATCH_PAUSED, reason=reason, by=by, now=now)


@atomic_write
def stop(*, watch: Watch, reason: str, by: Viewer, now: datetime) -> Watch:
    """End a watch, as when the product is retired.

    Raises:
        NotPermittedError: only those who coordinate do.
        IncompleteError: there is no reason.
        ConflictError: the watch has ended.
    """
    return _move(watch, WatchState.STOPPED, EventTag.WATCH_STOPPED, reason=reason, by=by, now=now)


@atomic_write
def go_on(*, watch: Watch, by: Viewer, now: datetime) -> Watch:
    """Let a watch that rests go on; its next turn is due at once if it was missed.

    Raises:
        NotPermittedError: only those who coordinate do.
        ConflictError: it does not rest.
    """
    by.require(Role.COORDINATOR)
    current = Watch.objects.select_for_update().get(pk=watch.pk)
    if current.state != WatchState.PAUSED:
        raise ConflictError("the watch does not rest")
    current.state, current.reason, current.next_at = WatchState.ACTIVE, b"", max(current.next_at, now)
    current.save(update_fields=["state", "reason", "next_at"])
    audit.record(EventTag.WATCH_RESUMED, subject=current.pk, actor=by.actor, at=now)
    return current


@atomic_write
def look_now(*, watch: Watch, by: Viewer, now: datetime) -> Watch:
    """Let the next turn be due now.

    Raises:
        NotPermittedError: only those who coordinate do.
        ConflictError: the watch does not run.
    """
    by.require(Role.COORDINATOR)
    current = Watch.objects.select_for_update().get(pk=watch.pk)
    if current.state != WatchState.ACTIVE:
        raise ConflictError("the watch does not run", hint="let it go on first")
    current.next_at = now
    current.save(update_fields=["next_at"])
    return current


def watches_for(viewer: Viewer, case: Case | None = None) -> QuerySet[Watch]:
    """Return the watches the viewer may see, of one case or of all: a vendor those of its own fixes."""
    found = Watch.objects.select_related(
        "campaign__claim__case__entry", "campaign__claim__participant", "campaign__patched", "report"
    )
    if case is not None:
        return found.filter(campaign__in=queries.campaigns_for(viewer, case))
    return found if viewer.has(Role.COORDINATOR) else found.none()


def watch_for(viewer: Viewer, watch_id: str) -> Watch:
    """Return one watch.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    found = Watch.objects.select_related("campaign__claim__case").filter(pk=watch_id).first()
    if found is None:
        raise NotFoundError("no such watch")
    queries.campaign_for(viewer, found.campaign_id)
    return watches_for(viewer, found.campaign.claim.case).get(pk=watch_id)


def linked_assessment(watch: Watch) -> str:
    """Return the assessment of the finding that an alarm opened; empty where there is none yet."""
    found = Assessment.objects.filter(report=watch.report_id).first() if watch.report_id else None
    return found.pk if found else ""


def regression_behind(viewer: Viewer, case: Case) -> Watch | None:
    """Return the watch whose alarm opened this case, for those who coordinate; nothing for the others."""
    if not viewer.has(Role.COORDINATOR):
        return None
    return watches_for(viewer).filter(report=case.assessment.report_id).first()


def reason_of(watch: Watch) -> str:
    """Return why a watch rests or has ended. The caller has checked that the asker may see it."""
    sealed = bytes(watch.reason)
    return vault.open_text(sealed, subject=_case_id(watch), place=watch_place(watch.pk)) if sealed else ""


def _move(watch: Watch, state: WatchState, tag: EventTag, *, reason: str, by: Viewer, now: datetime) -> Watch:
    by.require(Role.COORDINATOR)
    said = reason.strip()
    if not said:
        raise IncompleteError("say why", hint="one sentence is enough", missing=["reason"])
    if len(said) > REASON_LIMIT:
        raise MalformedError("the reason is too long", hint=f"{REASON_LIMIT} characters at most")
    current = Watch.objects.select_for_update().get(pk=watch.pk)
    allowed: Sequence[WatchState] = (WatchState.ACTIVE,) if state == WatchState.PAUSED else LIVE
    if current.state not in allowed:
        raise ConflictError("the watch has ended, or rests already")
    _end(current, state, said, now=now)
    audit.record(tag, subject=current.pk, actor=by.actor, at=now)
    return current


def _replace_older(campaign: Campaign, *, now: datetime) -> None:
    """End the watches of earlier verdicts on fixes of the same vendor."""
    older = Watch.objects.filter(campaign__claim__participant=campaign.claim.participant_id, state__in=LIVE)
    for watch in older.exclude(campaign=campaign).select_for_update():
        _end(watch, WatchState.STOPPED, REPLACED, now=now)
        audit.record(EventTag.WATCH_STOPPED, subject=watch.pk, at=now)


def _end(current: Watch, state: WatchState, reason: str, *, now: datetime) -> None:
    current.state = state
    current.reason = vault.seal_text(reason, subject=_case_id(current), place=watch_place(current.pk))
    current.ended_at = now if state == WatchState.STOPPED else None
    current.save(update_fields=["state", "reason", "ended_at"])


def _case_id(watch: Watch) -> str:
    return watch.campaign.claim.case_id


def usual() -> dict[str, int]:
    """Return the usual terms of a watch."""
    return {"every_days": settings.SAFECONDUCT.watch_days or WEEK, "draws": settings.SAFECONDUCT.watch_draws}
