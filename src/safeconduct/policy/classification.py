# SPDX-License-Identifier: Apache-2.0
"""What it is: the decision tree that puts a report on its tracks.

Seven questions, each answered yes, no or unknown, with unknown never read as no:

- Q0 material that may not be stored; Q1 harm that happened; Q2 a deviation from what was promised or may be expected;
- Q3 can it be caused at will, across a trust boundary (a vulnerability, by where it sits);
- Q4 can safeguards be evaded to the detriment of others (a bypass) or only narrowly (content);
- Q5 does it happen without an adversary, shown by trials, with plausible harm (fairness, safety, limitation);
- Q6 is the evidence insufficient for any of these.

Tracks are not exclusive. They choose the kind of identifier and the room a report is handled in, never its priority.
The answer's reasons are the trace, one sentence for each question that was reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import assert_never

from safeconduct.domain.flaw import Track
from safeconduct.domain.report import Answer, AttackCapability, HarmMagnitude, Report, RestrictedMaterial
from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.decision import Decision
from safeconduct.policy.reliability import reliability

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
EVIDENCE_DAYS = 14
"""For how long a clock may be paused, once, while evidence is awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationFacts:
    """The answers that the tree asks for; whatever is not answered is unknown.

    `affects_others` is no where only the asker's own chat session is concerned. `shown_by_trials` is yes where at
    least 30 trials exclude the tolerated rate.
    """

    restricted_material: Answer = UNKNOWN
    harm_occurred: Answer = UNKNOWN
    deviates_from_security_property: Answer = UNKNOWN
    deviates_from_policy: Answer = UNKNOWN
    deviates_from_law: Answer = UNKNOWN
    deviates_from_expectation: Answer = UNKNOWN
    documented_limitation: Answer = UNKNOWN
    plausible_serious_harm: Answer = UNKNOWN
    caused_at_will: Answer = UNKNOWN
    crosses_trust_boundary: Answer = UNKNOWN
    in_code: Answer = UNKNOWN
    in_tampered_artifact: Answer = UNKNOWN
    in_learned_behavior: Answer = UNKNOWN
    evades_safeguards: Answer = UNKNOWN
    affects_others: Answer = UNKNOWN
    general: Answer = UNKNOWN
    without_adversary: Answer = UNKNOWN
    shown_by_trials: Answer = UNKNOWN
    plausible_harm: Answer = UNKNOWN
    differs_between_groups: Answer = UNKNOWN
    harms_protected_good: Answer = UNKNOWN

    @property
    def deviates(self) -> Answer:
        """Return whether the system deviates from any of the four things it is held against."""
        return any_of(
            self.deviates_from_security_property,
            self.deviates_from_policy,
            self.deviates_from_law,
            self.deviates_from_expectation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the trace: the rule, what it found, the track it leads to, and whether an answer was wanting."""

    rule: str
    reason: str
    track: Track | None = None
    open: bool = False


def any_of(*answers: Answer) -> Answer:
    """Return yes if one is yes, no if all are no, else unknown."""
    return YES if YES in answers else UNKNOWN if UNKNOWN in answers else NO


def all_of(*answers: Answer) -> Answer:
    """Return no if one is no, yes if all are yes, else unknown."""
    return NO if NO in answers else UNKNOWN if UNKNOWN in answers else YES


def classify(facts: ClassificationFacts) -> Decision[tuple[Track, ...]]:
    """Return the tracks of a report, the leading one first, with the trace as reasons."""
    steps = tuple(_walk(facts))
    tracks = tuple(dict.fromkeys(step.track for step in steps if step.track is not None))
    if not tracks:
        last = _nothing_found(steps)
        steps, tracks = (*steps, last[0]), (last[1],)
    appeal = _appeal(tracks)
    return Decision(
        outcome=tracks,
        reasons=(*(step.reason for step in steps), appeal),
        rules=(*(f"classification.{step.rule}" for step in steps), "classification.appeal"),
        inputs={field.name: getattr(facts, field.name) for field in fields(facts)}
        | {"incident": facts.harm_occurred, "deviates": facts.deviates},
    )


def _walk(facts: ClassificationFacts) -> Iterator[Step]:
    """Yield the steps in the order of the tree, and stop where it stops."""
    if facts.restricted_material is YES:
        yield Step(rule="q0", reason="the material may not be stored: hotline or authority", track=Track.RESTRICTED)
        return
    if facts.restricted_material is UNKNOWN:
        yield Step(rule="q0", reason="whether the material may be stored is not known: keep it sealed", open=True)
    if facts.harm_occurred is YES:
        yield Step(rule="q1", reason="harm happened: an incident record is attached, and regulators are checked")
    match facts.deviates:
        case Answer.NO:
            yield _no_deviation(facts)
            return
        case Answer.UNKNOWN:
            yield Step(rule="q2", reason="whether it deviates from what was promised is not known", open=True)
        case Answer.YES:
            yield Step(rule="q2", reason="it deviates from what was promised or may be expected")
        case _:
            assert_never(facts.deviates)
    yield from _vulnerability(facts)
    yield from _bypass(facts)
    yield from _without_adversary(facts)


def _no_deviation(facts: ClassificationFacts) -> Step:
    """Tell a documented limitation from a gap between what is done and what people expect."""
    harmful = any_of(facts.plausible_serious_harm, facts.harm_occurred)
    limitation = all_of(facts.documented_limitation, YES if harmful is NO else NO if harmful is YES else UNKNOWN)
    match limitation:
        case Answer.YES:
            reason = "a documented limitation without plausible serious harm: recorded, reopened if exposure changes"
            return Step(rule="q2a", reason=reason, track=Track.LIMITATION)
        case Answer.NO:
            reason = "nothing promised is broken, yet it is no harmless documented limitation: the panel decides"
            return Step(rule="q2a", reason=reason, track=Track.EXPECTATION_GAP)
        case Answer.UNKNOWN:
            reason = "whether it is a documented limitation without serious harm is not known"
            return Step(rule="q2a", reason=reason, open=True)
        case _:
            assert_never(limitation)


def _vulnerability(facts: ClassificationFacts) -> Iterator[Step]:
    """Q3: can an actor cause it at will, across a trust boundary, and where does it sit?"""
    caused = all_of(facts.caused_at_will, facts.crosses_trust_boundary)
    if caused is not YES:
        yield _verdict("q3", caused, "an actor can cause it at will across a trust boundary")
        return
    seats = (
        (facts.in_code, Track.SOFTWARE_VULNERABILITY, "it sits in code: CVE and CWE, CVSS required"),
        (facts.in_tampered_artifact, Track.SUPPLY_CHAIN, "weights or data were tampered with: artifact advisory"),
        (facts.in_learned_behavior, Track.MODEL_VULNERABILITY, "it sits in learned behavior: own id or AVID"),
    )
    found = [Step(rule="q3a", reason=reason, track=track) for answer, track, reason in seats if answer is YES]
    yield Step(rule="q3", reason="an actor can cause it at will across a trust boundary: a vulnerability")
    yield from found or [
        Step(rule="q3a", reason="where it sits (code, artifact, learned behavior) is not known", open=True)
    ]


def _bypass(facts: ClassificationFacts) -> Iterator[Step]:
    """Q4: can an actor evade safeguards; a matter of content only if it is narrow or harms nobody else."""
    if facts.evades_safeguards is not YES:
        yield _verdict("q4", facts.evades_safeguards, "an actor can evade the owner's safeguards")
        return
    harmless = all_of(_inverse(facts.affects_others), _inverse(facts.harm_occurred))
    match any_of(_inverse(facts.general), harmless):
        case Answer.YES:
            reason = "safeguards are evaded, but narrowly or in one's own session only: the vendor's content channel"
            yield Step(rule="q4", reason=reason, track=Track.CONTENT_ISSUE)
        case Answer.NO:
            reason = "safeguards are evaded generally, and others are concerned: misuse becomes possible"
            yield Step(rule="q4", reason=reason, track=Track.SAFEGUARD_BYPASS)
        case Answer.UNKNOWN if facts.general is YES:
            reason = "safeguards are evaded generally; that nobody else is concerned is not shown"
            yield Step(rule="q4", reason=reason, track=Track.SAFEGUARD_BYPASS)
        case _:
            yield Step(rule="q4", reason="safeguards are evaded; how generally is not known", open=True)


def _without_adversary(facts: ClassificationFacts) -> Iterator[Step]:
    """Q5: does it happen by itself, shown by trials, with plausible harm?"""
    shown = all_of(facts.without_adversary, facts.shown_by_trials, facts.plausible_harm)
    if shown is not YES:
        yield _verdict("q5", shown, "it happens without an adversary, shown by trials, with plausible harm")
        return
    kinds = (
        (facts.differs_between_groups, Track.FAIRNESS_FLAW, "it differs between groups beyond what is tolerated"),
        (facts.harms_protected_good, Track.SAFETY_HAZARD, "health, infrastructure, rights or property may be harmed"),
    )
    found = [Step(rule="q5", reason=reason, track=track) for answer, track, reason in kinds if answer is YES]
    if found:
        yield from found
    elif UNKNOWN in {answer for answer, _, _ in kinds}:
        yield Step(rule="q5", reason="it happens by itself; which good it harms is not known", open=True)
    else:
        yield Step(rule="q5", reason="it happens by itself, without harm of weight", track=Track.LIMITATION)


def _nothing_found(steps: tuple[Step, ...]) -> tuple[Step, Track]:
    """Return the last step where no question led to a track: evidence is wanting, or there is nothing to find."""
    if any(step.open for step in steps):
        reason = f"the evidence does not suffice: the clock may pause once, visibly, for at most {EVIDENCE_DAYS} days"
        return Step(rule="q6", reason=reason), Track.NEEDS_EVIDENCE
    reason = "every question is answered and none leads to a flaw: a matter of quality"
    return Step(rule="quality", reason=reason), Track.LIMITATION


def _verdict(rule: str, answer: Answer, claim: str) -> Step:
    """Return the step for a claim that is not shown: false, or not known."""
    if answer is NO:
        return Step(rule=rule, reason=f"not so: {claim}")
    return Step(rule=rule, reason=f"not known: {claim}", open=True)


def _inverse(answer: Answer) -> Answer:
    """Return no for yes and yes for no."""
    return {YES: NO, NO: YES, UNKNOWN: UNKNOWN}[answer]


def _appeal(tracks: tuple[Track, ...]) -> str:
    """Say what the reporter may do about the answer."""
    if tracks == (Track.NEEDS_EVIDENCE,):
        return "the reporter may add evidence at any time, and may appeal to the panel"
    if Track.LIMITATION in tracks:
        return "the answer is reversed when exposure, autonomy or intended use change; the reporter may appeal"
    return "the reporter may appeal to the panel"


def cvss_required(tracks: tuple[Track, ...]) -> bool:
    """Say whether a CVSS 4.0 vector is required: on every vulnerability track."""
    vulnerable = {Track.SOFTWARE_VULNERABILITY, Track.SUPPLY_CHAIN, Track.MODEL_VULNERABILITY}
    return not vulnerable.isdisjoint(tracks)


def facts_from(report: Report) -> ClassificationFacts:
    """Return what a report itself answers; the rest stays unknown until an analyst says it.

    The reporter's words are taken as claims of fact only where they are plain answers; whether a boundary is crossed or
    harm is serious is the analyst's to say.
    """
    harmful = _harmful(report.harm.magnitude)
    trials = [reliability(trials).outcome for trials in report.evidence.trials]
    shown = YES if {"P", "L", "R"} & set(trials) else UNKNOWN
    software = report.flaw_class in {FlawClass.SOFTWARE, FlawClass.MODEL_FILE}
    tampered = report.flaw_class in {FlawClass.POISONING, FlawClass.BACKDOOR}
    learned = not software and not tampered and report.flaw_class is not FlawClass.OTHER
    return ClassificationFacts(
        restricted_material=YES if report.restricted_material is RestrictedMaterial.CSAM else NO,
        harm_occurred=report.real_world_harm,
        deviates_from_policy=YES if report.policies_violated else UNKNOWN,
        deviates_from_expectation=YES
        if report.expected_behavior.strip() and report.actual_behavior.strip()
        else UNKNOWN,
        plausible_serious_harm=harmful[0],
        caused_at_will=NO if report.malicious_use_possible is NO else _at_will(report),
        in_code=YES if software else UNKNOWN,
        in_tampered_artifact=YES if tampered else UNKNOWN,
        in_learned_behavior=YES if learned else UNKNOWN,
        evades_safeguards=YES if report.flaw_class is FlawClass.JAILBREAK else UNKNOWN,
        general=_general(report.evidence.subjects_hit),
        without_adversary=YES if report.malicious_use_possible is NO else UNKNOWN,
        shown_by_trials=shown,
        plausible_harm=harmful[1],
        differs_between_groups=YES if report.fairness.groups else UNKNOWN,
    )


def _at_will(report: Report) -> Answer:
    """Say whether an actor can cause it: yes where the report names what the actor must control."""
    able = set(report.attack.capabilities) - {AttackCapability.LABEL_LIMIT}
    return YES if report.malicious_use_possible is YES and able else UNKNOWN


def _general(subjects_hit: int | None) -> Answer:
    """Say whether a bypass is general: two unrelated subjects make it so."""
    return UNKNOWN if subjects_hit is None else YES if subjects_hit > 1 else NO


def _harmful(magnitude: HarmMagnitude) -> tuple[Answer, Answer]:
    """Return whether serious harm, and whether any harm, is plausible by what the report says."""
    match magnitude:
        case HarmMagnitude.SERIOUS | HarmMagnitude.CATASTROPHIC:
            return YES, YES
        case HarmMagnitude.MARGINAL:
            return NO, YES
        case HarmMagnitude.NEGLIGIBLE:
            return NO, NO
        case HarmMagnitude.NOT_TOLD:
            return UNKNOWN, UNKNOWN
        case _:
            assert_never(magnitude)
