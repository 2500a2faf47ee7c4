# SPDX-License-Identifier: Apache-2.0
"""The assessment laid out for its page: what each rule answered, the evidence, what resembles it, what was set.

Only reads. Everything that repeats words of the report is opened here, for the one answer, with the keys fetched once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safeconduct.domain.flaw import Track
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import SafeconductError
from safeconduct.policy.classification import cvss_required
from safeconduct.policy.cvss4 import Cvss, read_vector
from safeconduct.policy.reliability import wilson
from safeconduct.server.audit import vault
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.queries import OpenedFile, OpenedMessage
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry.models import Entry
from safeconduct.server.triage import queries
from safeconduct.server.triage.judgment import RULES
from safeconduct.server.triage.models import Assessment, GateRun, GateState
from safeconduct.server.triage.replies import ShownReply, shown
from safeconduct.server.triage.telling import ReportedTrials, Section, reported_trials, sections
from safeconduct.server.triage.tried import Tried, tried_in

TITLES = {
    "scope": "Is it ours to handle?",
    "classification": "What is it?",
    "severity": "How bad is it?",
    "profile": "What the report itself says of the ML profile",
    "coordination": "Should we coordinate? (SSVC, what is not known counts at its gravest)",
    "duplicates": "Is it known already?",
    "documented": "Does the vendor document it as intended?",
    "completeness": "What is still missing?",
    "priority": "Where does it stand in the queue?",
}
COMPLETE = {"allowed": "complete", "blocked": "answers are missing"}
GATE_WORDS = {
    GateState.NOT_RUN: "not run",
    GateState.QUEUED: "queued",
    GateState.RUNNING: "running",
    GateState.REPRODUCED: "reproduced",
    GateState.NOT_REPRODUCED: "did not reproduce",
    GateState.INVALID: "bundle not usable",
    GateState.ERROR: "target failed",
}
STAGES = {"duplicates": "Known already?", "documented": "Documented by the vendor as intended?"}
TELLING = frozenset({"yes", "exact", "likely"})
GOING = frozenset({GateState.QUEUED, GateState.RUNNING})
MOODS: Mapping[str, str] = {
    GateState.REPRODUCED: "ok",
    GateState.NOT_REPRODUCED: "warn",
    GateState.INVALID: "warn",
    GateState.ERROR: "warn",
    GateState.RUNNING: "info",
    GateState.QUEUED: "info",
}
FIELDS = {"cvss": "CVSS vector", "profile": "ML profile", "exploitation": "use in the wild", "tracks": "tracks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one rule answered: its question, the answer in words, the reasons, the rules that spoke, what they saw."""

    name: str
    title: str
    outcome: str
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCount:
    """How one family of variants came out."""

    name: str
    hits: int
    misses: int
    abstained: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A run of the gate: counts, the interval of the share of hits, and why it ended so."""

    run: GateRun
    words: str
    reason: str
    n: int
    families: tuple[FamilyCount, ...]
    low: float | None
    high: float | None
    fingerprint: str
    seed: str
    transcript: str = ""
    attempts: int = 0
    remarks: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()
    replies: tuple[ShownReply, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the gate: what it asks, what came out, and why. `mood` is the color of the answer."""

    title: str
    outcome: str
    reasons: tuple[str, ...]
    mood: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """A record that resembles the report: another report, or a public entry."""

    id: str
    title: str
    likeness: str
    score: float
    reasons: tuple[str, ...]
    state: str
    assessment: Assessment | None = None
    entry: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person set, when and why."""

    field: str
    value: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything the page of an assessment shows. `told` is the report; restricted parts are the template's to hide."""

    assessment: Assessment
    told: ToldReport
    sections: tuple[Section, ...]
    trials: tuple[ReportedTrials, ...]
    files: tuple[OpenedFile, ...]
    messages: tuple[OpenedMessage, ...]
    rules: tuple[Rule, ...]
    evidence: Evidence | None
    earlier: tuple[Evidence, ...]
    likely: tuple[Likely, ...]
    changes: tuple[Change, ...]
    cvss: Cvss | None
    needs_cvss: bool

    @property
    def is_restricted(self) -> bool:
        """Tell whether the report may repeat restricted material."""
        return self.told.restricted_material is not RestrictedMaterial.NONE

    @property
    def restricted_words(self) -> str:
        """Return the kind of restricted material in words."""
        return self.told.restricted_material.value.replace("_", " ")

    @property
    def tracks(self) -> tuple[str, ...]:
        """Return the tracks in words."""
        return tuple(track.replace("_", " ") for track in self.assessment.tracks)

    @property
    def is_undecided(self) -> bool:
        """Tell whether somebody may still decide."""
        return self.assessment.state in queries.UNDECIDED and self.assessment.report.status in intake.OPEN

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of the gate in their order, each with its answer and its reasons."""
        return tuple(stages_of(self.rules, self.evidence, has_bundle=self.assessment.report.has_bundle))

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the questions that are still open."""
        return next((rule.reasons for rule in self.rules if rule.name == "completeness"), ())


def sheet_for(viewer: Viewer, assessment: Assessment) -> Sheet:
    """Return the sheet of an assessment that the viewer may see.

    Raises:
        SealError: the report was shredded.
    """
    answers = queries.answers_of(assessment)
    matches = answers.get("matches", [])
    row = assessment.report
    with vault.keys_at_hand([row.pk, *(str(match["id"]) for match in matches)]):
        told = intake.opened(row).told
        runs = tuple(evidence_of(run) for run in queries.runs_of(row))
        return Sheet(
            assessment=assessment,
            told=told,
            sections=sections(told),
            trials=reported_trials(told),
            files=tuple(intake.files_of(row)),
            messages=tuple(intake.messages_of(row)),
            rules=rules_of(answers),
            evidence=runs[0] if runs else None,
            earlier=runs[1:],
            likely=tuple(_likely(viewer, matches)),
            changes=tuple(_changes(queries.overrides_of(assessment))),
            cvss=read_vector(assessment.cvss_vector) if assessment.cvss_vector else None,
            needs_cvss=cvss_required(tuple(Track(track) for track in assessment.tracks)),
        )


def rules_of(answers: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return what the rules answered, in the order of the page."""
    return tuple(_rule(name, answers[name]) for name in RULES if name in answers)


def evidence_of(run: GateRun) -> Evidence:
    """Return a run of the gate with its sealed part opened.

    The interval is that of Wilson for a fixed number of trials; a run stops at its third hit, so it is a rough guide.

    Raises:
        SealError: the report was shredded.
    """
    detail = queries.detail_of(run)
    n = int(detail.get("n", 0))
    low, high = wilson(run.hits, n) if n else (None, None)
    return Evidence(
        run=run,
        words=GATE_WORDS[GateState(run.state)],
        reason=str(detail.get("reason", "")),
        n=n,
        families=tuple(_families(detail.get("families", {}))),
        low=None if low is None else 100 * low,
        high=None if high is None else 100 * high,
        fingerprint=str(detail.get("fingerprint", "")),
        seed=str(detail.get("seed", "")),
        transcript=str(detail.get("transcript", "")),
        attempts=int(detail.get("sandbox", {}).get("attempts", 0)),
        remarks=tuple(str(one) for one in detail.get("remarks", ())),
        tried=tried_in(detail),
        replies=tuple(shown(run)),
    )


def stages_of(rules: tuple[Rule, ...], evidence: Evidence | None, *, has_bundle: bool) -> Iterator[Stage]:
    """Yield the stages of the gate: static checks, what is known, what is documented, the run, the place."""
    by_name = {rule.name: rule for rule in rules}
    yield _static(evidence, has_bundle=has_bundle)
    for name, title in STAGES.items():
        if name in by_name:
            mood = "warn" if by_name[name].outcome in TELLING else ""
            reasons = by_name[name].reasons[:2]
            yield Stage(title=title, outcome=by_name[name].outcome, reasons=reasons, mood=mood)
    yield _ran(evidence, has_bundle=has_bundle)
    if "priority" in by_name:
        yield Stage(
            title="Place in the queue", outcome=by_name["priority"].outcome, reasons=by_name["priority"].reasons[:2]
        )


def _static(evidence: Evidence | None, *, has_bundle: bool) -> Stage:
    title = "Static checks of the bundle"
    if not has_bundle:
        return Stage(title=title, outcome="no bundle", reasons=())
    if evidence is None or evidence.run.state in GOING:
        return Stage(title=title, outcome="not looked at yet", reasons=())
    is_bad = evidence.run.state == GateState.INVALID and not evidence.tried
    return Stage(
        title=title,
        outcome="not usable" if is_bad else "usable",
        reasons=evidence.remarks,
        mood="warn" if is_bad else "ok",
    )


def _ran(evidence: Evidence | None, *, has_bundle: bool) -> Stage:
    title = "Run against granted targets"
    if not has_bundle or evidence is None:
        return Stage(title=title, outcome="not run", reasons=())
    return Stage(
        title=title, outcome=evidence.words, reasons=(evidence.reason,), mood=MOODS.get(evidence.run.state, "")
    )


def _rule(name: str, answer: Mapping[str, Any]) -> Rule:
    inputs = answer["inputs"]
    return Rule(
        name=name,
        title=TITLES[name],
        outcome=_outcome(name, answer["outcome"], inputs),
        reasons=tuple(answer["reasons"]),
        rules=tuple(answer["rules"]),
        inputs=tuple((key.replace("_", " "), _plain(value)) for key, value in inputs.items()),
    )


def _outcome(name: str, outcome: Any, inputs: Mapping[str, Any]) -> str:
    if name == "coordination":
        return str(inputs.get("name", outcome)).casefold()
    if name == "completeness":
        return COMPLETE.get(str(outcome), str(outcome))
    if name == "profile":
        answers = str(outcome if isinstance(outcome, str) else inputs.get("profile", "")).split("/")[1:]
        return f"{sum(not answer.endswith(':X') for answer in answers)} of {len(answers)} told"
    if isinstance(outcome, bool):
        return "yes" if outcome else "no"
    return _plain(outcome)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return "not known" if value is None else str(value).replace("_", " ")


def _families(counts: Mapping[str, Mapping[str, int]]) -> Iterator[FamilyCount]:
    for name, count in counts.items():
        yield FamilyCount(
            name=name,
            hits=count.get("hit", 0),
            misses=count.get("miss", 0),
            abstained=count.get("abstain", 0),
            errors=count.get("error", 0),
        )


def _likely(viewer: Viewer, matches: Iterable[Mapping[str, Any]]) -> Iterator[Likely]:
    by_id = {str(match["id"]): match for match in matches}
    known = queries.assessments_of(viewer, list(by_id))
    entries = {entry.public_id: entry for entry in Entry.objects.filter(public_id__in=by_id)}
    for name, match in by_id.items():
        if name in entries:
            yield _likeness(match, title=entries[name].title, state="public", entry=entries[name])
        elif name in known:
            found = known[name]
            yield _likeness(match, title=title_of(found), state=found.get_state_display(), assessment=found)


def _likeness(
    match: Mapping[str, Any],
    *,
    title: str,
    state: str,
    assessment: Assessment | None = None,
    entry: Entry | None = None,
) -> Likely:
    return Likely(
        id=str(match["id"]),
        title=title,
        likeness=str(match["likeness"]),
        score=100 * float(match["score"]),
        reasons=tuple(match["reasons"]),
        state=state,
        assessment=assessment,
        entry=entry,
    )


def title_of(assessment: Assessment) -> str:
    """Return the title of an assessed report, or that it cannot be opened."""
    try:
        return intake.opened(assessment.report).told.title
    except SafeconductError:
        return "(cannot be opened any more)"


def _changes(overrides: list[dict[str, Any]]) -> Iterator[Change]:
    names = dict(Party.objects.filter(pk__in={one["by"] for one in overrides}).values_list("pk", "handle"))
    for one in reversed(overrides):
        yield Change(
            field=FIELDS.get(one["field"], one["field"]),
            value=one["value"],
            reason=one["reason"],
            by=names.get(one["by"], "somebody"),
            at=datetime.fromisoformat(one["at"]),
        )
