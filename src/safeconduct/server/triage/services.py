# SPDX-License-Identifier: Apache-2.0
"""The acts of triage: assess, override, ask, accept, reject, mark as duplicate, appeal and decide on an appeal."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version

from safeconduct.domain.event import EventTag
from safeconduct.domain.flaw import Track
from safeconduct.domain.parties import Role
from safeconduct.domain.severity import Exploitation
from safeconduct.errors import ConflictError, IncompleteError, UnknownValueError
from safeconduct.policy.completeness import Proof
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake import queries as intake_queries
from safeconduct.server.intake import services as intake
from safeconduct.server.intake.models import MessageKind, Report, ReportStatus
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import queries
from safeconduct.server.triage.judgment import Judgment, Set, judge
from safeconduct.server.triage.models import Appeal, Assessment, AssessmentState, GateRun, GateState
from safeconduct.server.triage.places import appeal_place

OPEN = (AssessmentState.OPEN, AssessmentState.WAITING)
SETTABLE = ("cvss", "profile", "exploitation", "tracks")


@atomic_write
def assess(*, row: Report, now: datetime) -> Assessment:
    """Ask every rule of a report, for the first time or again after something changed.

    What a person decided stays decided; only an open assessment is renewed.
    """
    existing = queries.assessment_of(row)
    if existing is not None and existing.state not in OPEN:
        return existing
    assessment = existing or Assessment(report=row, made_at=now)
    _renew(assessment, _judgment(row, _set_from(assessment.facts)), now=now)
    if existing is None:
        audit.record(EventTag.ASSESSMENT_MADE, subject=row.pk, at=now, facts={"tier": assessment.tier})
    return assessment


@atomic_write
def override(*, assessment: Assessment, field: str, value: str, reason: str, by: Viewer, now: datetime) -> Assessment:
    """Set a vector, a profile, the exploitation or the tracks against what the rules took, with a reason.

    Raises:
        NotPermittedError: only those who coordinate assess.
        UnknownValueError: there is no such field or value.
        MalformedError: the vector or the profile cannot be read.
        IncompleteError: there is no reason.
        ConflictError: the assessment is decided.
    """
    by.require(Role.COORDINATOR)
    current = _open(assessment)
    if field not in SETTABLE:
        raise UnknownValueError("this cannot be set", hint=f"one of {', '.join(SETTABLE)}", field=field)
    said = _reason(reason)
    chosen = _with(_set_from(current.facts), field, value)
    judged = _judgment(current.report, chosen)
    current.overrides = [
        *current.overrides,
        {"field": field, "value": value, "reason": said, "by": by.actor, "at": now.isoformat()},
    ]
    current.facts = _plain(chosen)
    _renew(current, judged, now=now)
    audit.record(EventTag.ASSESSMENT_OVERRIDDEN, subject=current.pk, actor=by.actor, at=now, facts={"field": field})
    return current


@atomic_write
def ask(*, assessment: Assessment, question: str, by: Viewer, now: datetime) -> Assessment:
    """Ask the reporter; the assessment waits for the answer."""
    by.require(Role.COORDINATOR)
    current = _open(assessment)
    intake.ask_reporter(row=current.report, text=question, by=by, now=now)
    intake.set_status(row=current.report, status=ReportStatus.WAITING, by=by, now=now)
    return _end(current, AssessmentState.WAITING, by=by, now=now, is_decided=False)


@atomic_write
def accept(*, assessment: Assessment, by: Viewer, now: datetime) -> Assessment:
    """Accept a report. Opening its case is the act of the next stage."""
    by.require(Role.COORDINATOR)
    current = _open(assessment)
    intake.set_status(row=current.report, status=ReportStatus.ACCEPTED, by=by, now=now)
    audit.record(EventTag.REPORT_ACCEPTED, subject=current.report_id, actor=by.actor, at=now)
    return _end(current, AssessmentState.ACCEPTED, by=by, now=now)


@atomic_write
def reject(*, assessment: Assessment, reason: str, by: Viewer, now: datetime) -> Assessment:
    """Decline a report and tell the reporter why; the reporter may appeal.

    Raises:
        IncompleteError: there is no reason.
    """
    by.require(Role.COORDINATOR)
    current = _open(assessment)
    said = _reason(reason)
    intake.tell_reporter(row=current.report, text=said, kind=MessageKind.DECISION, by=by, now=now)
    intake.set_status(row=current.report, status=ReportStatus.REJECTED, by=by, now=now)
    audit.record(EventTag.REPORT_REJECTED, subject=current.report_id, actor=by.actor, at=now)
    return _end(current, AssessmentState.REJECTED, by=by, now=now)


@atomic_write
def mark_duplicate(*, assessment: Assessment, original: Report, by: Viewer, now: datetime) -> Assessment:
    """Say that a report tells of a flaw that another report told before. It stays linked and is never dropped.

    Raises:
        ConflictError: a report cannot be its own duplicate, or the original is itself one.
    """
    by.require(Role.COORDINATOR)
    current = _open(assessment)
    if original.pk == current.report_id:
        raise ConflictError("a report is not its own duplicate", hint="choose the earlier report")
    if original.status == ReportStatus.DUPLICATE:
        raise ConflictError("the other report is a duplicate itself", hint="choose its original")
    current.duplicate_of = original
    intake.tell_reporter(
        row=current.report,
        text="This flaw was reported before. Your report is kept with the earlier one, and your receipt proves when"
        " you told us.",
        kind=MessageKind.DECISION,
        by=by,
        now=now,
    )
    intake.set_status(row=current.report, status=ReportStatus.DUPLICATE, by=by, now=now)
    audit.record(EventTag.REPORT_DUPLICATE, subject=current.report_id, actor=by.actor, at=now)
    return _end(current, AssessmentState.DUPLICATE, by=by, now=now)


@atomic_write
def appeal(*, row: Report, text: str, now: datetime) -> Appeal:
    """Keep the reporter's appeal against a decision.

    Raises:
        ConflictError: nothing was decided, or an appeal is open already.
        IncompleteError: there is no text.
    """
    assessment = queries.assessment_of(row)
    if assessment is None or assessment.state not in {AssessmentState.REJECTED, AssessmentState.DUPLICATE}:
        raise ConflictError("there is no decision to appeal against", hint="write a message instead")
    if assessment.appeals.filter(decided_at__isnull=True).exists():
        raise ConflictError("your appeal is being looked at", hint="write a message to add to it")
    made = Appeal(assessment=assessment, made_at=intake.coarse(now))
    made.body = vault.seal_text(_reason(text), subject=row.pk, place=appeal_place(assessment.pk))
    made.save(force_insert=True)
    intake.answer(row=row, text=text, now=now, kind=MessageKind.APPEAL)
    audit.record(EventTag.REPORT_APPEALED, subject=row.pk, at=intake.coarse(now))
    return made


@atomic_write
def decide_appeal(*, appeal: Appeal, upheld: bool, reason: str, by: Viewer, now: datetime) -> Assessment:
    """Decide on an appeal; who decided the first time may not. An upheld appeal opens the assessment again.

    Raises:
        ConflictError: it is decided already, or the decider is the one appealed against.
    """
    by.require(Role.COORDINATOR)
    current = Appeal.objects.select_for_update().select_related("assessment__report").get(pk=appeal.pk)
    assessment = current.assessment
    if current.decided_at is not None:
        raise ConflictError("this appeal is decided")
    if assessment.decided_by_id == by.party_id:
        raise ConflictError("somebody else decides on an appeal", hint="ask another coordinator")
    current.decided_at, current.upheld, current.decided_by_id = now, upheld, by.party_id
    current.save()
    row = assessment.report
    intake.tell_reporter(row=row, text=_reason(reason), kind=MessageKind.DECISION, by=by, now=now)
    if upheld:
        assessment.state, assessment.decided_at, assessment.duplicate_of = AssessmentState.OPEN, None, None
        assessment.decided_by = None
        assessment.save()
        intake.set_status(row=row, status=ReportStatus.IN_TRIAGE, by=by, now=now)
    audit.record(EventTag.APPEAL_DECIDED, subject=row.pk, actor=by.actor, at=now, facts={"upheld": upheld})
    return assessment


def _judgment(row: Report, chosen: Set) -> Judgment:
    return judge(
        intake_queries.opened(row).told,
        proof=Proof(bundle=row.has_bundle, attachment=row.attachments.exists()),
        reproduction=queries.reproduction_of(row),
        matches=queries.candidates(row),
        received_at=row.received_at,
        chosen=chosen,
    )


def _renew(assessment: Assessment, judged: Judgment, *, now: datetime) -> None:
    assessment.answers = {
        **{name: decision.as_dict() for name, decision in judged.answers.items()},
        "matches": [match.as_dict() for match in judged.matches],
    }
    found = judged.severity
    assessment.tier, assessment.tier_low = found.tier, found.tier_low
    assessment.cvss_vector, assessment.ml_profile = found.cvss_vector, found.ml_profile
    assessment.exploitation = found.exploitation
    assessment.tracks = [track.value for track in judged.tracks]
    assessment.priority = judged.order
    run = queries.last_run(assessment.report)
    assessment.gate = run.state if run else GateState.NOT_RUN
    assessment.rulebook = f"safeconduct {version('safeconduct')}; tiers {found.table}"
    assessment.changed_at = now
    assessment.save()


def _open(assessment: Assessment) -> Assessment:
    current = Assessment.objects.select_for_update().select_related("report").get(pk=assessment.pk)
    if current.state not in OPEN:
        raise ConflictError(f"this report was decided: {current.get_state_display()}", hint="an appeal opens it again")
    return current


def _end(
    assessment: Assessment, state: AssessmentState, *, by: Viewer, now: datetime, is_decided: bool = True
) -> Assessment:
    assessment.state = state
    assessment.changed_at = now
    if is_decided:
        assessment.decided_at, assessment.decided_by_id = now, by.party_id
    assessment.save()
    return assessment


def _reason(text: str) -> str:
    if not text.strip():
        raise IncompleteError("say why", hint="the person concerned will read it", missing=["reason"])
    return text.strip()


def _set_from(facts: Mapping[str, object]) -> Set:
    tracks = facts.get("tracks")
    return Set(
        cvss=str(facts.get("cvss", "")),
        profile=str(facts.get("profile", "")),
        exploitation=Exploitation(str(facts["exploitation"])) if facts.get("exploitation") else None,
        tracks=tuple(Track(item) for item in tracks) if isinstance(tracks, list) else (),
    )


def _with(chosen: Set, field: str, value: str) -> Set:
    try:
        match field:
            case "cvss":
                return replace(chosen, cvss=value.strip())
            case "profile":
                return replace(chosen, profile=value.strip())
            case "exploitation":
                return replace(chosen, exploitation=Exploitation(value) if value else None)
            case _:
                return replace(chosen, tracks=tuple(Track(item.strip()) for item in value.split(",") if item.strip()))
    except ValueError as error:
        raise UnknownValueError("this value is not in the list", hint="choose one of the values shown") from error


def _plain(chosen: Set) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(chosen).items() if value}


def renew_after_gate(*, run: GateRun, now: datetime) -> Assessment:
    """Ask the rules again after the gate has run, because the queue orders by it."""
    return assess(row=run.report, now=now)
