# SPDX-License-Identifier: Apache-2.0
"""The acts of the clock: extend a deadline, stop and restart the clocks, fire what is due.

Firing is derived again under a lock and written down once; the firing, its record and its messages are one transaction,
so nothing is lost and nothing is told twice, whatever crashes in between. The end of an embargo is an act of the case.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from safeconduct.domain.clock import DeadlineKind, EscalationAction, ExtensionReason, PauseReason
from safeconduct.domain.clock import Extension as Asked
from safeconduct.domain.clock import Pause as Stop
from safeconduct.domain.event import EventTag
from safeconduct.domain.instants import show_utc
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.errors import ConflictError, MalformedError
from safeconduct.policy.deadlines import ACT_WORDS
from safeconduct.policy.escalation import ACTION_WORDS
from safeconduct.policy.extensions import may_extend, may_pause
from safeconduct.policy.lifecycle import refuse
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import negotiation, notices, steps
from safeconduct.server.cases.models import Case
from safeconduct.server.clock import queries
from safeconduct.server.clock.models import Extension, Firing, Pause
from safeconduct.server.clock.places import evidence_place
from safeconduct.server.clock.queries import Due
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.outbox import services as outbox
from safeconduct.server.parties import queries as parties
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import ANYONE, Viewer

LONGEST_DAYS = 365
LONGEST_ORDER = timedelta(days=3650)


@atomic_write
def extend(
    *, case: Case, kind: DeadlineKind, days: int, reason: ExtensionReason, evidence: str, by: Viewer, now: datetime
) -> Extension:
    """Grant more time for one deadline.

    Raises:
        NotPermittedError: only those who coordinate grant time.
        MalformedError: the number of days is none.
        TransitionError: the rules forbid it; the message tells every objection.
        IncompleteError: no evidence of progress was given.
        ConflictError: the case is closed.
    """
    by.require(Role.COORDINATOR)
    current = steps.locked(case)
    steps.require_open(current)
    if not 1 <= days <= LONGEST_DAYS:
        raise MalformedError("an extension has 1 to 365 days", hint="give whole days")
    shown = steps.wording(evidence)
    asked = Asked(kind=kind, length=timedelta(days=days), reason=reason, granted_at=now, evidence=shown)
    refuse(may_extend(queries.facts_of(current), asked, now=now))
    row = Extension.objects.create(
        case=current,
        kind=kind,
        days=days,
        reason=reason,
        evidence=vault.seal_text(shown, subject=current.pk, place=evidence_place(current.pk, kind)),
        actor=by.actor,
        granted_at=now,
    )
    facts: dict[str, audit.Fact] = {"kind": kind.value, "days": days, "reason": reason.value}
    audit.record(EventTag.DEADLINE_EXTENDED, subject=current.pk, actor=by.actor, at=now, facts=facts)
    return row


@atomic_write
def pause(*, case: Case, reason: PauseReason, until: datetime, by: Viewer, now: datetime) -> Pause:
    """Stop the clocks of a case until a stated instant.

    Raises:
        NotPermittedError: only those who coordinate stop clocks.
        MalformedError: the end names no zone, or lies further ahead than any order.
        ConflictError: the end is not ahead, the clocks stand still already, or the case is closed.
        TransitionError: the rules forbid it; the message tells every objection.
    """
    by.require(Role.COORDINATOR)
    current = steps.locked(case)
    steps.require_open(current)
    if queries.running_pause(current, now=now) is not None:
        raise ConflictError("the clocks stand still already", hint="let them run first")
    asked = Stop(reason=reason, started_at=now, until=until)
    if asked.until <= now:
        raise ConflictError("the end of the pause is not ahead", hint="choose a later end")
    if asked.until > now + LONGEST_ORDER:
        raise MalformedError("a pause lasts ten years at most", hint="look for a mistyped year; it can be renewed")
    refuse(may_pause(queries.facts_of(current), asked, now=now))
    for over in current.pauses.filter(ended_at__isnull=True):
        over.ended_at = over.until
        over.save(update_fields=["ended_at"])
    row = Pause.objects.create(case=current, reason=reason, actor=by.actor, began_at=now, until=asked.until)
    facts: dict[str, audit.Fact] = {"reason": reason.value, "until": show_utc(asked.until)}
    audit.record(EventTag.CLOCKS_PAUSED, subject=current.pk, actor=by.actor, at=now, facts=facts)
    return row


@atomic_write
def resume(*, case: Case, by: Viewer, now: datetime) -> Pause:
    """Let the clocks of a case run again.

    Raises:
        NotPermittedError: only those who coordinate may.
        ConflictError: they are running.
    """
    by.require(Role.COORDINATOR)
    current = steps.locked(case)
    row = queries.running_pause(current, now=now)
    if row is None:
        raise ConflictError("the clocks are running")
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    audit.record(EventTag.CLOCKS_RESUMED, subject=current.pk, actor=by.actor, at=now)
    return row


@atomic_write
def fire(*, due: Due, now: datetime) -> Firing | None:
    """Do what is due, once: end the embargo, or tell those who coordinate; nothing if it is not due any more."""
    if due.case is not None:
        return _fire_in_case(due, steps.locked(due.case), now=now)
    if due.report is not None:
        return _fire_of_report(due, Report.objects.select_for_update().get(pk=due.report.pk), now=now)
    return None


def _fire_in_case(due: Due, case: Case, *, now: datetime) -> Firing | None:
    still = {(one.kind, one.at) for one in queries.due_in(case, now=now)}
    if case.closed_at is not None or (due.kind, due.at) not in still:
        return None
    firing = Firing.objects.create(case=case, kind=due.kind, due_at=due.at, fired_at=now)
    tag = EventTag.ESCALATED if isinstance(due.kind, EscalationAction) else EventTag.DEADLINE_FIRED
    audit.record(tag, subject=case.pk, at=now, facts={"kind": due.kind.value, "due": show_utc(due.at)})
    if due.kind is DeadlineKind.EMBARGO:
        negotiation.end(case=case, reason="its end is reached", by=ANYONE, now=now)
        _tell(_desk_of(case), firing, about=case.pk, where=notices.address_of(case), words="an embargo has ended")
        return firing
    if due.kind is EscalationAction.TELL_ALL_PARTIES:
        notices.tell_all(case, notices.News.LEAK, now=now)
    _tell(_desk_of(case), firing, about=case.pk, where=notices.address_of(case), words=_words(due))
    return firing


def _fire_of_report(due: Due, row: Report, *, now: datetime) -> Firing | None:
    still = {(one.kind, one.at) for one in queries.due_of_report(row, now=now)}
    if row.status not in intake.OPEN or (due.kind, due.at) not in still:
        return None
    firing = Firing.objects.create(report=row, kind=due.kind, due_at=due.at, fired_at=now)
    facts: dict[str, audit.Fact] = {"kind": due.kind.value, "due": show_utc(due.at)}
    audit.record(EventTag.DEADLINE_FIRED, subject=row.pk, at=now, facts=facts)
    where = settings.SAFECONDUCT.base_url.rstrip("/") + reverse("desk:home")
    _tell(parties.active_with(Role.COORDINATOR), firing, about=row.pk, where=where, words=_words(due))
    return firing


def _desk_of(case: Case) -> Iterable[Party]:
    """Return who coordinates the case; all who coordinate, where nobody of them is left."""
    own = [seat.party for seat in case.participants.filter(role=CaseRole.COORDINATOR, party__is_active=True)]
    return [party for party in own if party is not None] or parties.active_with(Role.COORDINATOR)


def _words(due: Due) -> str:
    if isinstance(due.kind, EscalationAction):
        return f"a step is due: {ACTION_WORDS[due.kind]}"
    return f"a date was missed: {ACT_WORDS[due.kind]}, by {show_utc(due.at)}"


def _tell(people: Iterable[Party], firing: Firing, *, about: str, where: str, words: str) -> None:
    sentence = f"{words[0].upper()}{words[1:]}"
    for party in people:
        outbox.queue(
            subject=f"Clock: {words}",
            text=f"{sentence}. What it is about stands here, after sign-in:\n\n{where}\n",
            now=firing.fired_at,
            party=party,
            about=about,
            key=f"clock:{firing.pk}:{party.pk}",
        )
