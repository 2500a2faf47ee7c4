# SPDX-License-Identifier: Apache-2.0
"""What is still missing from a report, stage by stage: to submit, to leave triage, to publish.

Ten answers suffice to submit. More is asked only of those whose report calls for it: what an attacker needs if misuse
is possible, what happened if harm was done, trials if the behavior is a matter of chance, an interval if a hosted model
has no version, no steps at all where the material may not be stored. Every gap comes with its question in plain
language (`data/questions.toml`), fit to be sent to the reporter.

An answer of "unknown" is an answer. Whether answers are true is not asked here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import assert_never

from safeconduct.domain.report import (
    TITLE_LIMIT,
    Answer,
    AttackKnowledge,
    DisclosureIntent,
    HarmMagnitude,
    OutputFidelity,
    PublicStatus,
    Relationship,
    Report,
    RestrictedMaterial,
)
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import UNKNOWN, AffectedStatus, AffectedSystem, ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.reliability import EPISODES_NEEDED
from safeconduct.policy.tables import load

CONTENT_CLASSES = frozenset({FlawClass.JAILBREAK})
"""Classes whose harm lies in what is said: they must name the policy that is violated."""


class Stage(StrEnum):
    """How far a report wants to go."""

    SUBMIT = "submit"
    TRIAGE = "triage"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What came with the report besides its text."""

    bundle: bool = False
    attachment: bool = False


NO_PROOF = Proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One missing answer: the field, with the place of the system it belongs to, and its question."""

    field: str
    question: str
    rule: str


@cache
def questions() -> Mapping[str, str]:
    """Return the question of every field, in the order in which they are asked."""
    return load("questions.toml", lambda table: dict(table.content["questions"]))


def missing(report: Report, *, stage: Stage, proof: Proof = NO_PROOF) -> Decision[Outcome]:
    """Return whether the report may pass the stage; the reasons are the questions still open, one for each gap."""
    found = gaps(report, stage=stage, proof=proof)
    return Decision(
        outcome=Outcome.BLOCKED if found else Outcome.ALLOWED,
        reasons=tuple(gap.question for gap in found),
        rules=tuple(gap.rule for gap in found),
        inputs={"stage": stage, "missing": tuple(gap.field for gap in found)},
    )


def gaps(report: Report, *, stage: Stage, proof: Proof = NO_PROOF) -> tuple[Gap, ...]:
    """Return every gap that keeps the report from passing the stage; a later stage asks what the earlier ones do."""
    match stage:
        case Stage.SUBMIT:
            names = tuple(_to_submit(report))
        case Stage.TRIAGE:
            names = (*_to_submit(report), *_to_leave_triage(report, proof))
        case Stage.PUBLISH:
            names = (*_to_submit(report), *_to_leave_triage(report, proof), *_to_publish(report))
        case _:
            assert_never(stage)
    return tuple(_gap(name) for name in names)


def _gap(name: str) -> Gap:
    """Return the gap of a field name, which may carry the place of a system: `affects[1].status`."""
    plain = f"affects.{name.partition('.')[2]}" if name.startswith("affects[") else name
    return Gap(field=name.removesuffix(".restricted"), question=questions()[plain], rule=f"completeness.{plain}")


def _to_submit(report: Report) -> Iterator[str]:
    """Yield what the door asks: the ten answers, an interval for hosted models, a date that was announced."""
    if not report.affects:
        yield "affects"
    if not report.title.strip() or len(report.title) > TITLE_LIMIT:
        yield "title"
    if not report.description.strip():
        yield "description"
    yield from _steps(report)
    if report.disclosure.intent is DisclosureIntent.FIXED_DATE and report.disclosure.on is None:
        yield "disclosure.on"
    for place, system in enumerate(report.affects):
        if system.hosted and system.observed is None:
            yield f"affects[{place}].observed"


def _steps(report: Report) -> Iterator[str]:
    """Yield what is wrong with the steps: none are asked for restricted material, and some may not be stored."""
    match report.restricted_material:
        case RestrictedMaterial.NONE:
            if not report.steps.strip():
                yield "steps"
        case RestrictedMaterial.CSAM:
            if report.steps.strip():
                yield "steps.restricted"
        case RestrictedMaterial.CBRN_DETAIL | RestrictedMaterial.LIVE_PERSONAL_DATA | RestrictedMaterial.CLASSIFIED:
            pass
        case _:
            assert_never(report.restricted_material)


def _to_leave_triage(report: Report, proof: Proof) -> Iterator[str]:
    """Yield what an assessment needs."""
    for place, system in enumerate(report.affects):
        yield from (f"affects[{place}].{name}" for name in _of_system(system))
    yield from _blank(report, "expected_behavior", "actual_behavior", "taxonomy")
    known_outside = report.public_status in {PublicStatus.PUBLIC, PublicStatus.PARTIALLY}
    if (known_outside or report.exploitation is Exploitation.ACTIVE) and not report.public_references:
        yield "public_references"
    yield from _harm(report)
    if report.malicious_use_possible is not Answer.NO:
        yield from _attack(report, proof)
    if report.real_world_harm is Answer.YES:
        yield from _incident(report)
    yield from _evidence(report, proof)
    if report.flaw_class in CONTENT_CLASSES:
        yield from _content(report)
    if report.flaw_class is FlawClass.FAIRNESS:
        yield from _fairness(report)


def _of_system(system: AffectedSystem) -> Iterator[str]:
    """Yield what is missing about one system; one that is unknown as a whole is left in peace."""
    if system.product == UNKNOWN and system.vendor == UNKNOWN:
        return
    if system.component_type is ComponentType.UNKNOWN:
        yield "component_type"
    if not (system.version or system.identity.model_string or system.identity.sbom_ref or _is_matchable(system)):
        yield "identity"
    if system.status is AffectedStatus.UNKNOWN:
        yield "status"
    if system.status in {AffectedStatus.NOT_AFFECTED, AffectedStatus.MITIGATED} and not system.status_note:
        yield "status_note"


def _harm(report: Report) -> Iterator[str]:
    """Yield what is missing about harm and exposure."""
    if not report.harm.domains:
        yield "harm.domains"
    if report.harm.magnitude is HarmMagnitude.NOT_TOLD:
        yield "harm.magnitude"
    elif not report.harm.rationale.strip():
        yield "harm.rationale"
    if not report.harm.stakeholders:
        yield "harm.stakeholders"
    if report.exposure.users is None and report.exposure.downstream_deployments is None:
        yield "exposure"


def _attack(report: Report, proof: Proof) -> Iterator[str]:
    """Yield what is missing about the attacker, and any proof that the attack works."""
    if not report.attack.capabilities:
        yield "attack.capabilities"
    if report.attack.knowledge is AttackKnowledge.NOT_TOLD:
        yield "attack.knowledge"
    if not report.attack.objectives:
        yield "attack.objectives"
    shown = proof.bundle or proof.attachment or report.evidence.trials
    if not shown and report.restricted_material is RestrictedMaterial.NONE:
        yield "proof"


def _incident(report: Report) -> Iterator[str]:
    """Yield what is missing about what happened."""
    if report.reporter.relationship is Relationship.NOT_TOLD:
        yield "reporter.relationship"
    if report.incident.occurred_at is None:
        yield "incident.occurred_at"
    if not report.incident.narrative.strip():
        yield "incident.narrative"
    if not report.incident.harmed_parties.strip():
        yield "incident.harmed_parties"
    if report.incident.ongoing is Answer.UNKNOWN:
        yield "incident.ongoing"


def _evidence(report: Report, proof: Proof) -> Iterator[str]:
    """Yield what is missing about trials: a matter of chance needs thirty, and what it takes to run them again."""
    if report.restricted_material is RestrictedMaterial.CSAM:
        return
    evidence = report.evidence
    if evidence.stochastic is Answer.UNKNOWN:
        yield "evidence.stochastic"
    if evidence.stochastic is Answer.YES:
        if sum(trials.n or 0 for trials in evidence.trials) < EPISODES_NEEDED:
            yield "evidence.trials"
        if not proof.bundle and not any(trials.source_sha256 for trials in evidence.trials):
            yield "evidence.packet"
    vendors = {system.vendor for system in report.affects} - {UNKNOWN}
    if len(vendors) > 1 and not evidence.transfers_to:
        yield "evidence.transfers_to"


def _content(report: Report) -> Iterator[str]:
    """Yield what is missing about a flaw whose harm lies in what is said."""
    yield from _blank(report, "policies_violated")
    if report.evidence.subjects_tried is None or report.evidence.subjects_hit is None:
        yield "evidence.subjects_tried"
    if report.evidence.output_fidelity is OutputFidelity.NOT_TOLD:
        yield "evidence.output_fidelity"


def _fairness(report: Report) -> Iterator[str]:
    """Yield what is missing about a difference between groups."""
    if not report.fairness.groups:
        yield "fairness.groups"
    if not (report.fairness.metric and report.fairness.gap and report.fairness.reference):
        yield "fairness.metric"


def _to_publish(report: Report) -> Iterator[str]:
    """Yield what the public needs."""
    yield from _blank(report, "summary")
    if report.reporter.credit_release and not report.reporter.credit_name.strip():
        yield "reporter.credit_name"
    if report.affects and not any(is_machine_readable(system) for system in report.affects):
        yield "affects.machine_readable"


def is_machine_readable(system: AffectedSystem) -> bool:
    """Say whether a machine can match the system against what it runs."""
    hosted = system.vendor != UNKNOWN and system.identity.model_string and system.observed is not None
    return _is_matchable(system) or bool(hosted)


def _is_matchable(system: AffectedSystem) -> bool:
    """Say whether the system has a package URL, a CPE or a digest."""
    return bool(system.identity.purl or system.identity.cpe or system.identity.digests)


def _blank(report: Report, *names: str) -> Iterator[str]:
    """Yield the names of those fields that are empty."""
    for name in names:
        value: str | tuple[object, ...] = getattr(report, name)
        if not (value.strip() if isinstance(value, str) else value):
            yield name
