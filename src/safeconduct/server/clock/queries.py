# SPDX-License-Identifier: Apache-2.0
"""Reads of the clock: deadlines and escalations, derived from the facts of a case; and which of them are due.

Nothing here is stored but extensions, pauses and what has fired. A vendor sees its own clocks, because those of the
whole case would tell of another vendor.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Prefetch

from safeconduct.domain.clock import (
    CaseFacts,
    Deadline,
    DeadlineKind,
    DeadlineState,
    Escalation,
    EscalationAction,
    ExtensionReason,
    PauseReason,
)
from safeconduct.domain.clock import Extension as Granted
from safeconduct.domain.clock import Pause as Stopped
from safeconduct.domain.parties import Role
from safeconduct.policy.deadline_policy import balanced
from safeconduct.policy.deadlines import deadlines
from safeconduct.policy.escalation import escalations
from safeconduct.server.audit import vault
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases import waiting
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.clock.models import Extension, Firing, Pause
from safeconduct.server.clock.places import evidence_place
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Direction, MessageKind, Report, ReportStatus
from safeconduct.server.parties.viewer import Viewer

BEFORE_A_CASE = (DeadlineKind.ACKNOWLEDGE, DeadlineKind.ASSESS, DeadlineKind.STATUS)
OF_ONE_VENDOR = (DeadlineKind.MITIGATE, DeadlineKind.REMEDIATE)
OF_ALL = (DeadlineKind.EMBARGO, DeadlineKind.PUBLISH)
SHARED_GROUND = "the coordinator plans the publication of the whole case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What has come due and has not fired: a deadline or a step of an escalation, of a case or of a report."""

    at: datetime
    kind: DeadlineKind | EscalationAction
    case: Case | None = None
    report: Report | None = None


def facts_of(case: Case) -> CaseFacts:
    """Return all that the clocks of a case look at, with what was granted and paused."""
    return _with_grants(cases.facts_for(case), case)


def deadlines_for(case: Case, *, now: datetime) -> tuple[Deadline, ...]:
    """Return every deadline of the case. The caller has checked that the asker sees all vendors."""
    return deadlines(facts_of(case), now=now)


def escalations_for(case: Case, *, now: datetime) -> tuple[Escalation, ...]:
    """Return every step of an escalation, reached or ahead. The caller has checked that the asker coordinates."""
    return escalations(facts_of(case), now=now)


def deadlines_seen(viewer: Viewer, case: Case, *, now: datetime) -> tuple[Deadline, ...]:
    """Return the deadlines as the viewer may know them.

    A vendor gets its own clocks, and of the whole case the end of the embargo and the date of publication, without the
    grounds that would tell when another vendor was notified.
    """
    if viewer.has(Role.COORDINATOR):
        return deadlines_for(case, now=now)
    seat = cases.seat_in(viewer, case)
    own = deadlines_of_seat(seat, case, now=now) if seat is not None and seat.role in cases.VENDORS else ()
    whole = (one for one in deadlines_for(case, now=now) if one.kind in OF_ALL)
    shared = (replace(one, started_at=None, grounds=_shared_grounds(one), rules=()) for one in whole)
    return (*(one for one in own if one.kind in OF_ONE_VENDOR), *shared)


def deadlines_of_seat(seat: Participant, case: Case, *, now: datetime) -> tuple[Deadline, ...]:
    """Return every deadline as it would be if this vendor were the only one."""
    return deadlines(_with_grants(cases.facts_of_seat(seat, case), case), now=now)


def deadlines_of_report(row: Report, *, now: datetime) -> tuple[Deadline, ...]:
    """Return the clocks of a report that has no case yet: acknowledge, assess, status.

    While the reporter is asked, the clocks stand still.
    """
    found = deadlines(replace(cases.facts_of_report(row), pauses=_waiting(row)), now=now)
    return tuple(one for one in found if one.kind in BEFORE_A_CASE)


def extensions_of(case: Case) -> tuple[Granted, ...]:
    """Return the extensions of a case, with their evidence opened."""
    rows = list(case.extensions.all())
    open_text = vault.opener(case.pk) if rows else None
    return tuple(
        replace(_granted(row), evidence=open_text(bytes(row.evidence), evidence_place(case.pk, row.kind)))
        for row in rows
        if open_text is not None
    )


def pauses_of(case: Case) -> tuple[Stopped, ...]:
    """Return the pauses of a case."""
    return tuple(_stopped(row) for row in case.pauses.all())


def running_pause(case: Case, *, now: datetime) -> Pause | None:
    """Return the pause in which the clocks stand still, or nothing."""
    return case.pauses.filter(ended_at__isnull=True, began_at__lte=now, until__gt=now).first()


def fired_in(case: Case) -> list[Firing]:
    """Return what has fired in a case. The caller has checked that the asker coordinates."""
    return list(case.firings.all())


def missed(viewer: Viewer, *, now: datetime) -> Iterator[tuple[Case, Deadline]]:
    """Yield the dates of open cases that fired and are still not met, for those who coordinate."""
    if not viewer.has(Role.COORDINATOR):
        return
    fired = cases.cases_for(viewer).filter(firings__isnull=False, closed_at__isnull=True).distinct()
    for case in fired.prefetch_related("participants", "terms", "extensions", "pauses"):
        for one in deadlines_for(case, now=now):
            if one.state is DeadlineState.MISSED:
                yield case, one


def due(now: datetime) -> list[Due]:
    """Return what has come due and has not fired, of all open cases and of the reports that wait, oldest first."""
    found = [*(one for case in _with_clocks() for one in due_in(case, now=now))]
    found.extend(one for row in _waiting_reports() for one in due_of_report(row, now=now))
    return sorted(found, key=lambda one: one.at)


def due_in(case: Case, *, now: datetime) -> Iterator[Due]:
    """Yield what has come due in a case and has not fired.

    A missed date is itself told to those who coordinate, so that step of the escalation is not a firing of its own.
    """
    facts, fired = facts_of(case), {(row.kind, row.due_at) for row in case.firings.all()}
    for one in deadlines(facts, now=now):
        if one.state is DeadlineState.MISSED and one.due and (one.kind, one.due) not in fired:
            yield Due(at=one.due, kind=one.kind, case=case)
    for step in escalations(facts, now=now):
        is_own = step.action is not EscalationAction.TELL_COORDINATOR
        if step.is_due and is_own and (step.action, step.at) not in fired:
            yield Due(at=step.at, kind=step.action, case=case)


def due_of_report(row: Report, *, now: datetime) -> Iterator[Due]:
    """Yield what has come due of a report that has no case and has not fired."""
    fired = {(firing.kind, firing.due_at) for firing in row.firings.all()}
    for one in deadlines_of_report(row, now=now):
        if one.state is DeadlineState.MISSED and one.due and (one.kind, one.due) not in fired:
            yield Due(at=one.due, kind=one.kind, report=row)


def _with_clocks() -> Iterable[Case]:
    return waiting.open_cases().prefetch_related("extensions", "pauses", "firings").iterator(chunk_size=200)


def _waiting_reports() -> Iterable[Report]:
    rows = Report.objects.filter(status__in=intake.OPEN).select_related("assessment").defer("body")
    return rows.prefetch_related(Prefetch("firings")).order_by("received_at").iterator(chunk_size=200)


def _with_grants(facts: CaseFacts, case: Case) -> CaseFacts:
    # The evidence stays sealed: no clock reads it.
    return replace(facts, extensions=tuple(_granted(row) for row in case.extensions.all()), pauses=pauses_of(case))


def _granted(row: Extension) -> Granted:
    return Granted(
        kind=DeadlineKind(row.kind),
        length=timedelta(days=row.days),
        reason=ExtensionReason(row.reason),
        granted_at=row.granted_at,
    )


def _stopped(row: Pause) -> Stopped:
    return Stopped(reason=PauseReason(row.reason), started_at=row.began_at, until=row.until, ended_at=row.ended_at)


def _waiting(row: Report) -> tuple[Stopped, ...]:
    if row.status != ReportStatus.WAITING:
        return ()
    asked = (
        row.messages.filter(direction=Direction.TO_REPORTER, kind=MessageKind.QUESTION).order_by("-position").first()
    )
    if asked is None:
        return ()
    until = asked.sent_at + balanced().pause_longest
    return (Stopped(reason=PauseReason.AWAITING_REPORTER, started_at=asked.sent_at, until=until),)


def _shared_grounds(deadline: Deadline) -> tuple[str, ...]:
    return deadline.grounds if deadline.kind is DeadlineKind.EMBARGO else (SHARED_GROUND,)
