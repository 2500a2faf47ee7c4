# SPDX-License-Identifier: Apache-2.0
"""The acts of triage: assess, override, ask, accept, reject, mark as duplicate, appeal and decide on an appeal.

What a person decided stays decided until an appeal is upheld. Of two who decide at once, one wins and the other is
told. Locks are taken in one order: the assessment, then its report.
"""

from datetime import datetime

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import ConflictError, IncompleteError, TooLargeError, UnknownValueError
from safeconduct.policy.duplicates import Match
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake import services as intake
from safeconduct.server.intake.models import MessageKind, Report, ReportStatus
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry.models import Entry
from safeconduct.server.triage import known, queries
from safeconduct.server.triage.assessing import (
    SETTABLE,
    judgment_of,
    lock,
    plain_set,
    seal_overrides,
    set_from,
    with_value,
    write_down,
)
from safeconduct.server.triage.models import Appeal, Assessment, AssessmentState
from safeconduct.server.triage.places import appeal_place

UNDECIDED = queries.UNDECIDED
REASON_LIMIT = 10_000
VALUE_LIMIT = 1_000
KNOWN_ALREADY = (
    "This flaw was reported before. Your report is kept with the earlier one, and your receipt proves when you told us."
)
PUBLIC_ALREADY = (
    "This flaw is public already, as {entry} in the register. Your report is kept with it, and your receipt proves when"
    " you told us."
)


def assess(*, row: Report, now: datetime, matches: tuple[Match, ...] | None = None) -> Assessment:
    """Ask every rule of a report, for the first time or again after something changed.

    What a person decided stays decided; only an undecided assessment is renewed. `matches` are given by who looked for
    them already.

    Raises:
        SealError: the report was shredded.
    """
    return _assess(row, known.candidates(row) if matches is None else matches, now=now)


@atomic_write
def _assess(row: Report, matches: tuple[Match, ...], *, now: datetime) -> Assessment:
    locked = lock(row)
    existing = queries.assessment_of(locked)
    if existing is not None and existing.state not in UNDECIDED:
        return existing
    # The rules are asked seconds after a report or an answer came, so this time is kept to the hour as well.
    hour = intake.coarse(now)
    assessment = existing or Assessment(made_at=hour)
    assessment.report = locked
    if assessment.state == AssessmentState.WAITING and locked.status == ReportStatus.IN_TRIAGE:
        assessment.state = AssessmentState.OPEN
    write_down(assessment, judgment_of(locked, chosen=set_from(assessment.facts), matches=matches), now=hour)
    if existing is None:
        audit.record(EventTag.ASSESSMENT_MADE, subject=row.pk, at=hour, facts={"tier": assessment.tier})
    return assessment


def override(*, assessment: Assessment, field: str, value: str, reason: str, by: Viewer, now: datetime) -> Assessment:
    """Set a vector, a profile, the exploitation or the tracks against what the rules took, with a reason.

    An empty value takes back what was set.

    Raises:
        NotPermittedError: only those who coordinate assess.
        UnknownValueError: there is no such field or value.
        MalformedError: the vector or the profile cannot be read.
        IncompleteError: there is no reason.
        ConflictError: the assessment is decided.
    """
    by.require(Role.COORDINATOR)
    if field not in SETTABLE:
        raise UnknownValueError("this cannot be set", hint=f"one of {', '.join(SETTABLE)}", field=field[:40])
    if len(value) > VALUE_LIMIT:
        raise TooLargeError("the value is too long", hint="choose one of the values shown", limit=VALUE_LIMIT)
    said = _reason(reason)
    matches = known.candidates(assessment.report)
    return _override(assessment, (field, value.strip(), said), matches, by=by, now=now)


@atomic_write
def _override(
    assessment: Assessment, change: tuple[str, str, str], matches: tuple[Match, ...], *, by: Viewer, now: datetime
) -> Assessment:
    field, value, reason = change
    current = _undecided(assessment)
    chosen = with_value(set_from(current.facts), field, value)
    judged = judgment_of(current.report, chosen=chosen, matches=matches)
    done = {"field": field, "value": value, "reason": reason, "by": by.actor, "at": now.isoformat()}
    seal_overrides(current, [*queries.overrides_of(current), done])
    current.facts = plain_set(chosen)
    write_down(current, judged, now=now)
    audit.record(EventTag.ASSESSMENT_OVERRIDDEN, subject=current.pk, actor=by.actor, at=now, facts={"field": field})
    return current


@atomic_write
def ask(*, assessment: Assessment, question: str, by: Viewer, now: datetime) -> Assessment:
    """Ask the reporter; the assessment waits for the answer.

    Raises:
        NotPermittedError: only those who coordinate ask.
        IncompleteError: there is no question.
        ConflictError: the assessment is decided, or the report is over.
    """
    by.require(Role.COORDINATOR)
    current = _undecided(assessment)
    intake.ask_reporter(row=current.report, text=question, by=by, now=now)
    intake.set_status(row=current.report, status=ReportStatus.WAITING, by=by, now=now)
    current.state, current.changed_at = AssessmentState.WAITING, now
    current.save(update_fields=["state", "changed_at"])
    return current


@atomic_write
def accept(*, assessment: Assessment, by: Viewer, now: datetime) -> Assessment:
    """Accept a report. Opening its case is the act of the next stage.

    Raises:
        NotPermittedError: only those who coordinate accept.
        ConflictError: the assessment is decided, or the report is over.
    """
    by.require(Role.COORDINATOR)
    current = _undecided(assessment)
    intake.set_status(row=current.report, status=ReportStatus.ACCEPTED, by=by, now=now)
    audit.record(EventTag.REPORT_ACCEPTED, subject=current.report_id, actor=by.actor, at=now)
    return _end(current, AssessmentState.ACCEPTED, by=by, now=now)


@atomic_write
def reject(*, assessment: Assessment, reason: str, by: Viewer, now: datetime) -> Assessment:
    """Decline a report and tell the reporter why; the reporter may appeal.

    Raises:
        NotPermittedError: only those who coordinate reject.
        IncompleteError: there is no reason.
        ConflictError: the assessment is decided, or the report is over.
    """
    by.require(Role.COORDINATOR)
    current = _undecided(assessment)
    _tell(current.report, _reason(reason), by=by, now=now)
    intake.set_status(row=current.report, status=ReportStatus.REJECTED, by=by, now=now)
    audit.record(EventTag.REPORT_REJECTED, subject=current.report_id, actor=by.actor, at=now)
    return _end(current, AssessmentState.REJECTED, by=by, now=now)


@atomic_write
def mark_duplicate(*, assessment: Assessment, original: Report | Entry, by: Viewer, now: datetime) -> Assessment:
    """Say that a report tells of a flaw that another report or a public entry told before. It stays linked.

    Raises:
        NotPermittedError: only those who coordinate mark duplicates.
        ConflictError: a report cannot be its own duplicate, or the original is withdrawn or itself one.
    """
    by.require(Role.COORDINATOR)
    current = _undecided(assessment)
    if isinstance(original, Entry):
        current.duplicate_entry = original
        text = PUBLIC_ALREADY.format(entry=original.public_id)
    else:
        current.duplicate_of = _original(original, current)
        text = KNOWN_ALREADY
    _tell(current.report, text, by=by, now=now)
    intake.set_status(row=current.report, status=ReportStatus.DUPLICATE, by=by, now=now)
    audit.record(EventTag.REPORT_DUPLICATE, subject=current.report_id, actor=by.actor, at=now)
    return _end(current, AssessmentState.DUPLICATE, by=by, now=now)


@atomic_write
def appeal(*, row: Report, text: str, now: datetime) -> Appeal:
    """Keep the reporter's appeal against a decision.

    Raises:
        ConflictError: nothing was decided, an appeal is open already, or the report is over.
        IncompleteError: there is no text.
    """
    lock(row)
    assessment = queries.assessment_of(row)
    if assessment is None or assessment.state not in {AssessmentState.REJECTED, AssessmentState.DUPLICATE}:
        raise ConflictError("there is no decision to appeal against", hint="write a message instead")
    if assessment.appeals.filter(decided_at__isnull=True).exists():
        raise ConflictError("your appeal is being looked at", hint="write a message to add to it")
    said = _reason(text)
    intake.answer(row=row, text=said, now=now, kind=MessageKind.APPEAL)
    body = vault.seal_text(said, subject=row.pk, place=appeal_place(assessment.pk))
    made = Appeal.objects.create(assessment=assessment, body=body, made_at=intake.coarse(now))
    audit.record(EventTag.REPORT_APPEALED, subject=row.pk, at=intake.coarse(now))
    return made


@atomic_write
def decide_appeal(*, appeal: Appeal, upheld: bool, reason: str, by: Viewer, now: datetime) -> Assessment:
    """Decide on an appeal; who decided the first time may not. An upheld appeal opens the assessment again.

    Raises:
        NotPermittedError: only those who coordinate decide.
        ConflictError: it is decided already, the decider is the one appealed against, or the report is over.
        IncompleteError: there is no reason.
    """
    by.require(Role.COORDINATOR)
    assessment = Assessment.objects.select_for_update().get(pk=appeal.assessment_id)
    current = Appeal.objects.select_for_update().get(pk=appeal.pk)
    if current.decided_at is not None:
        raise ConflictError("this appeal is decided", hint="load the page again")
    if may_not_decide(assessment, by):
        raise ConflictError("somebody else decides on an appeal", hint="ask another coordinator")
    current.decided_at, current.upheld, current.decided_by_id = now, upheld, by.party_id
    current.save(update_fields=["decided_at", "upheld", "decided_by"])
    _tell(assessment.report, _reason(reason), by=by, now=now)
    if upheld:
        assessment.state, assessment.decided_at, assessment.decided_by = AssessmentState.OPEN, None, None
        assessment.duplicate_of, assessment.duplicate_entry, assessment.changed_at = None, None, now
        assessment.save()
        intake.set_status(row=assessment.report, status=ReportStatus.IN_TRIAGE, by=by, now=now)
    facts = {"upheld": upheld}
    audit.record(EventTag.APPEAL_DECIDED, subject=assessment.report_id, actor=by.actor, at=now, facts=facts)
    return assessment


def may_not_decide(assessment: Assessment, by: Viewer) -> bool:
    """Tell whether the viewer is the one whose decision is appealed against."""
    return assessment.decided_by_id is not None and assessment.decided_by_id == by.party_id


@atomic_write
def reveal(*, assessment: Assessment, by: Viewer, now: datetime) -> None:
    """Note that a person chose to see restricted material; the page shows it in the same answer.

    Raises:
        NotPermittedError: only those who coordinate see it.
    """
    by.require(Role.COORDINATOR)
    audit.record(EventTag.RESTRICTED_SHOWN, subject=assessment.report_id, actor=by.actor, at=now)


def files_may_be_read(restricted: RestrictedMaterial) -> bool:
    """Tell whether attachments of such a report may be read at all."""
    return restricted is not RestrictedMaterial.CSAM


def _undecided(assessment: Assessment) -> Assessment:
    current = Assessment.objects.select_for_update().get(pk=assessment.pk)
    if current.state not in UNDECIDED:
        raise ConflictError(f"this report was decided: {current.get_state_display()}", hint="an appeal opens it again")
    if current.report.status in intake.OVER:
        raise ConflictError("this report is over", hint="it was withdrawn or closed")
    return current


def _original(original: Report, current: Assessment) -> Report:
    if original.pk == current.report_id:
        raise ConflictError("a report is not its own duplicate", hint="choose the earlier report")
    # Both in one order, so that two who mark two reports as duplicates of each other do not wait for each other.
    both = Report.objects.select_for_update().filter(pk__in=(original.pk, current.report_id)).order_by("pk")
    earlier = next(row for row in both if row.pk == original.pk)
    if earlier.status == ReportStatus.DUPLICATE:
        raise ConflictError("the other report is a duplicate itself", hint="choose its original")
    if earlier.status == ReportStatus.WITHDRAWN:
        raise ConflictError("the other report was withdrawn", hint="handle this one by itself")
    return earlier


def _tell(row: Report, text: str, *, by: Viewer, now: datetime) -> None:
    intake.tell_reporter(row=row, text=text, kind=MessageKind.DECISION, by=by, now=now)


def _end(assessment: Assessment, state: AssessmentState, *, by: Viewer, now: datetime) -> Assessment:
    assessment.state, assessment.changed_at = state, now
    assessment.decided_at, assessment.decided_by_id = now, by.party_id
    assessment.save()
    return assessment


def _reason(text: str) -> str:
    said = text.strip()
    if not said:
        raise IncompleteError("say why", hint="the person concerned will read it", missing=["reason"])
    if len(said) > REASON_LIMIT:
        raise TooLargeError(f"at most {REASON_LIMIT} characters", hint="say it shorter", limit=REASON_LIMIT)
    return said
