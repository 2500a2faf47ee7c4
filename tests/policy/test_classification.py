# SPDX-License-Identifier: Apache-2.0
"""The decision tree, question by question, and what a report answers by itself."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.factories import make_full_report, make_report

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.flaw import Track
from safeconduct.domain.report import (
    Answer,
    Attack,
    AttackCapability,
    Evidence,
    Fairness,
    Harm,
    HarmMagnitude,
    RestrictedMaterial,
)
from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.classification import ClassificationFacts, all_of, any_of, classify, cvss_required, facts_from

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
ALL_NO = ClassificationFacts(**{field.name: NO for field in fields(ClassificationFacts)})
DEVIATES = replace(ALL_NO, deviates_from_policy=YES)
VULNERABLE = replace(DEVIATES, caused_at_will=YES, crosses_trust_boundary=YES)
BYPASS = replace(DEVIATES, evades_safeguards=YES, general=YES, affects_others=YES)
BY_ITSELF = replace(DEVIATES, without_adversary=YES, shown_by_trials=YES, plausible_harm=YES)
ANY_FACTS = st.builds(ClassificationFacts, **{f.name: st.sampled_from(Answer) for f in fields(ClassificationFacts)})


@pytest.mark.parametrize(
    ("facts", "tracks"),
    [
        (replace(VULNERABLE, restricted_material=YES), (Track.RESTRICTED,)),
        (replace(ALL_NO, documented_limitation=YES), (Track.LIMITATION,)),
        (replace(ALL_NO, documented_limitation=YES, plausible_serious_harm=YES), (Track.EXPECTATION_GAP,)),
        (replace(ALL_NO, documented_limitation=YES, harm_occurred=YES), (Track.EXPECTATION_GAP,)),
        (replace(ALL_NO, documented_limitation=YES, harm_occurred=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
        (ALL_NO, (Track.EXPECTATION_GAP,)),
        (DEVIATES, (Track.LIMITATION,)),
        (replace(VULNERABLE, in_code=YES), (Track.SOFTWARE_VULNERABILITY,)),
        (replace(VULNERABLE, in_tampered_artifact=YES), (Track.SUPPLY_CHAIN,)),
        (replace(VULNERABLE, in_learned_behavior=YES), (Track.MODEL_VULNERABILITY,)),
        (
            replace(VULNERABLE, in_code=YES, in_learned_behavior=YES),
            (Track.SOFTWARE_VULNERABILITY, Track.MODEL_VULNERABILITY),
        ),
        (VULNERABLE, (Track.NEEDS_EVIDENCE,)),
        (replace(DEVIATES, caused_at_will=YES), (Track.LIMITATION,)),
        (replace(DEVIATES, caused_at_will=YES, crosses_trust_boundary=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
        (BYPASS, (Track.SAFEGUARD_BYPASS,)),
        (replace(BYPASS, general=NO), (Track.CONTENT_ISSUE,)),
        (replace(BYPASS, affects_others=NO), (Track.CONTENT_ISSUE,)),
        (replace(BYPASS, affects_others=NO, harm_occurred=YES), (Track.SAFEGUARD_BYPASS,)),
        (replace(BYPASS, affects_others=NO, harm_occurred=UNKNOWN), (Track.SAFEGUARD_BYPASS,)),
        (replace(BYPASS, affects_others=UNKNOWN), (Track.SAFEGUARD_BYPASS,)),
        (replace(BYPASS, general=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
        (replace(BYPASS, evades_safeguards=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
        (replace(BY_ITSELF, differs_between_groups=YES), (Track.FAIRNESS_FLAW,)),
        (replace(BY_ITSELF, harms_protected_good=YES), (Track.SAFETY_HAZARD,)),
        (
            replace(BY_ITSELF, differs_between_groups=YES, harms_protected_good=YES),
            (Track.FAIRNESS_FLAW, Track.SAFETY_HAZARD),
        ),
        (BY_ITSELF, (Track.LIMITATION,)),
        (replace(BY_ITSELF, harms_protected_good=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
        (replace(BY_ITSELF, shown_by_trials=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
        (ClassificationFacts(), (Track.NEEDS_EVIDENCE,)),
        (replace(DEVIATES, restricted_material=UNKNOWN), (Track.NEEDS_EVIDENCE,)),
    ],
)
def test_the_tree_puts_a_report_on_its_tracks(facts: ClassificationFacts, tracks: tuple[Track, ...]) -> None:
    assert classify(facts).outcome == tracks


def test_a_bias_flaw_that_can_be_exploited_is_on_two_tracks() -> None:
    facts = replace(
        BY_ITSELF, differs_between_groups=YES, caused_at_will=YES, crosses_trust_boundary=YES, in_learned_behavior=YES
    )

    assert classify(facts).outcome == (Track.MODEL_VULNERABILITY, Track.FAIRNESS_FLAW)


def test_the_trace_tells_each_question_that_was_reached() -> None:
    decision = classify(replace(VULNERABLE, harm_occurred=YES, in_code=YES))

    assert decision.rules == (
        "classification.q1",
        "classification.q2",
        "classification.q3",
        "classification.q3a",
        "classification.q4",
        "classification.q5",
        "classification.appeal",
    )
    assert decision.reasons[0].startswith("harm happened")
    assert decision.inputs["incident"] is YES
    assert decision.inputs["caused_at_will"] is YES
    assert decision.reasons[-1] == "the reporter may appeal to the panel"


def test_a_limitation_says_that_it_can_be_reversed_and_wanting_evidence_that_it_can_be_added() -> None:
    assert "is reversed when exposure" in classify(DEVIATES).reasons[-1]
    assert "may add evidence at any time" in classify(ClassificationFacts()).reasons[-1]


@given(ANY_FACTS)
def test_there_is_always_a_track_and_a_trace(facts: ClassificationFacts) -> None:
    decision = classify(facts)

    assert decision.outcome
    assert len(decision.reasons) == len(decision.rules) >= 2


@given(ANY_FACTS)
def test_more_knowledge_never_takes_a_vulnerability_away_that_was_shown(facts: ClassificationFacts) -> None:
    shown = set(classify(facts).outcome) - {Track.NEEDS_EVIDENCE, Track.LIMITATION, Track.EXPECTATION_GAP}
    settled = ClassificationFacts(
        **{f.name: NO if getattr(facts, f.name) is UNKNOWN else getattr(facts, f.name) for f in fields(facts)}
    )

    if facts.deviates is YES and Track.SAFEGUARD_BYPASS not in shown:
        assert shown <= set(classify(settled).outcome)


@pytest.mark.parametrize(
    ("answers", "any_answer", "all_answer"),
    [((YES, NO, UNKNOWN), YES, NO), ((NO, NO), NO, NO), ((NO, UNKNOWN), UNKNOWN, NO), ((YES, UNKNOWN), YES, UNKNOWN), ((YES,), YES, YES)],
)  # fmt: skip
def test_unknown_is_never_read_as_no(answers: tuple[Answer, ...], any_answer: Answer, all_answer: Answer) -> None:
    assert any_of(*answers) is any_answer
    assert all_of(*answers) is all_answer


def test_cvss_is_required_on_vulnerability_tracks_only() -> None:
    assert cvss_required((Track.FAIRNESS_FLAW, Track.MODEL_VULNERABILITY))
    assert not cvss_required((Track.CONTENT_ISSUE,))


def test_a_report_of_ten_answers_leaves_most_open() -> None:
    facts = facts_from(make_report())

    assert facts.restricted_material is NO
    assert facts.harm_occurred is NO
    assert facts.caused_at_will is UNKNOWN
    assert facts.deviates is UNKNOWN
    assert classify(facts).outcome == (Track.NEEDS_EVIDENCE,)


def test_a_full_report_answers_what_it_can() -> None:
    facts = facts_from(make_full_report(policies_violated=("clause 3",)))

    assert facts.deviates_from_policy is YES
    assert facts.deviates_from_expectation is YES
    assert facts.caused_at_will is YES
    assert facts.shown_by_trials is YES
    assert facts.in_learned_behavior is YES
    assert (facts.plausible_serious_harm, facts.plausible_harm) == (NO, YES)


@pytest.mark.parametrize(
    ("flaw_class", "seat"),
    [
        (FlawClass.SOFTWARE, "in_code"),
        (FlawClass.MODEL_FILE, "in_code"),
        (FlawClass.BACKDOOR, "in_tampered_artifact"),
        (FlawClass.EVASION, "in_learned_behavior"),
        (FlawClass.OTHER, ""),
    ],
)
def test_the_class_tells_where_a_flaw_sits(flaw_class: FlawClass, seat: str) -> None:
    facts = facts_from(make_report(flaw_class=flaw_class))

    told = [name for name in ("in_code", "in_tampered_artifact", "in_learned_behavior") if getattr(facts, name) is YES]
    assert told == ([seat] if seat else [])


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [
        (HarmMagnitude.CATASTROPHIC, (YES, YES)),
        (HarmMagnitude.NEGLIGIBLE, (NO, NO)),
        (HarmMagnitude.NOT_TOLD, (UNKNOWN, UNKNOWN)),
    ],
)
def test_the_magnitude_tells_how_plausible_harm_is(magnitude: HarmMagnitude, expected: tuple[Answer, Answer]) -> None:
    facts = facts_from(make_report(harm=Harm(magnitude=magnitude)))

    assert (facts.plausible_serious_harm, facts.plausible_harm) == expected


@pytest.mark.parametrize(("hit", "general"), [(None, UNKNOWN), (1, NO), (2, YES)])
def test_two_subjects_make_a_bypass_general(hit: int | None, general: Answer) -> None:
    report = make_report(flaw_class=FlawClass.JAILBREAK, evidence=Evidence(subjects_hit=hit))

    assert facts_from(report).general is general
    assert facts_from(report).evades_safeguards is YES


def test_a_hazard_without_misuse_and_with_groups_is_a_fairness_flaw() -> None:
    report = make_full_report(
        malicious_use_possible=NO,
        fairness=Fairness(groups=("a", "b")),
        evidence=Evidence(trials=(TrialSummary(n=100, hits=40),)),
    )

    assert classify(facts_from(report)).outcome == (Track.FAIRNESS_FLAW,)


def test_abuse_material_leads_to_the_restricted_lane() -> None:
    report = make_report(restricted_material=RestrictedMaterial.CSAM)

    assert classify(facts_from(report)).outcome == (Track.RESTRICTED,)


def test_a_label_limit_alone_gives_no_control() -> None:
    report = make_report(attack=Attack(capabilities=(AttackCapability.LABEL_LIMIT,)))

    assert facts_from(report).caused_at_will is UNKNOWN
