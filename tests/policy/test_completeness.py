# SPDX-License-Identifier: Apache-2.0
"""What a report still lacks, stage by stage."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.policy.factories import MODEL, NOON, make_full_report, make_report

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import (
    Answer,
    DisclosureIntent,
    DisclosureWish,
    Evidence,
    Exposure,
    Fairness,
    Harm,
    HarmMagnitude,
    Incident,
    OutputFidelity,
    PublicStatus,
    Relationship,
    Reporter,
    RestrictedMaterial,
)
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import AffectedStatus, AffectedSystem, ComponentType, Digest, Identity, Observation
from safeconduct.domain.weakness import FlawClass
from safeconduct.policy.completeness import Proof, Stage, gaps, missing, questions
from safeconduct.policy.decision import Outcome


def fields(stage: Stage, **changes: Any) -> list[str]:
    make = make_report if stage is Stage.SUBMIT else make_full_report
    return [gap.field for gap in gaps(make(**changes), stage=stage)]


def test_ten_answers_suffice_to_submit() -> None:
    decision = missing(make_report(), stage=Stage.SUBMIT)

    assert decision.outcome is Outcome.ALLOWED
    assert decision.reasons == ()


def test_every_gap_is_named_with_a_question() -> None:
    decision = missing(make_report(title=" ", description="\n", affects=()), stage=Stage.SUBMIT)

    assert decision.outcome is Outcome.BLOCKED
    assert decision.inputs["missing"] == ("affects", "title", "description")
    assert decision.rules == ("completeness.affects", "completeness.title", "completeness.description")
    assert decision.reasons[1] == "What is it, in one line of at most 200 characters?"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "x" * 201}, ["title"]),
        ({"steps": "  "}, ["steps"]),
        ({"steps": "", "restricted_material": RestrictedMaterial.CBRN_DETAIL}, []),
        ({"steps": "", "restricted_material": RestrictedMaterial.CSAM}, []),
        ({"restricted_material": RestrictedMaterial.CSAM}, ["steps"]),
        ({"disclosure": DisclosureWish(intent=DisclosureIntent.FIXED_DATE)}, ["disclosure.on"]),
        ({"disclosure": DisclosureWish(intent=DisclosureIntent.FIXED_DATE, on=date(2027, 1, 1))}, []),
        ({"affects": (MODEL, AffectedSystem(hosted=True))}, ["affects[1].observed"]),
        ({"affects": (AffectedSystem(hosted=True, observed=Observation(since=NOON)),)}, []),
    ],
)
def test_what_the_door_asks(changes: dict[str, Any], expected: list[str]) -> None:
    assert fields(Stage.SUBMIT, **changes) == expected


def test_material_that_may_not_be_stored_asks_for_the_steps_to_be_removed() -> None:
    decision = missing(make_report(restricted_material=RestrictedMaterial.CSAM), stage=Stage.SUBMIT)

    assert decision.reasons == (questions()["steps.restricted"],)


@pytest.mark.parametrize("stage", Stage)
def test_a_full_report_passes_every_stage(stage: Stage) -> None:
    assert missing(make_full_report(), stage=stage).outcome is Outcome.ALLOWED


def test_ten_answers_do_not_suffice_to_leave_triage() -> None:
    decision = missing(make_report(), stage=Stage.TRIAGE)

    assert decision.inputs["missing"] == (
        "expected_behavior",
        "actual_behavior",
        "taxonomy",
        "harm.domains",
        "harm.magnitude",
        "harm.stakeholders",
        "exposure",
        "attack.capabilities",
        "attack.knowledge",
        "attack.objectives",
        "proof",
        "evidence.stochastic",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"affects": (replace(MODEL, component_type=ComponentType.UNKNOWN),)}, ["affects[0].component_type"]),
        ({"affects": (replace(MODEL, version="", identity=Identity()),)}, ["affects[0].identity"]),
        ({"affects": (replace(MODEL, version="", identity=Identity(model_string="chat-2")),)}, []),
        ({"affects": (replace(MODEL, status=AffectedStatus.UNKNOWN),)}, ["affects[0].status"]),
        ({"affects": (replace(MODEL, status=AffectedStatus.MITIGATED),)}, ["affects[0].status_note"]),
        ({"affects": (replace(MODEL, status=AffectedStatus.NOT_AFFECTED, status_note="tried 60 times"),)}, []),
        ({"public_status": PublicStatus.PUBLIC}, ["public_references"]),
        ({"public_status": PublicStatus.PARTIALLY, "public_references": ("https://example.org",)}, []),
        ({"exploitation": Exploitation.ACTIVE}, ["public_references"]),
        ({"exploitation": Exploitation.ACTIVE, "public_references": ("https://example.org",)}, []),
        ({"exposure": Exposure(downstream_deployments=3)}, []),
        ({"malicious_use_possible": Answer.NO, "attack": make_report().attack}, []),
        ({"taxonomy": ()}, ["taxonomy"]),
    ],
)
def test_what_an_assessment_asks(changes: dict[str, Any], expected: list[str]) -> None:
    assert fields(Stage.TRIAGE, **changes) == expected


def test_a_magnitude_without_a_reason_is_asked_for_one() -> None:
    harm = replace(make_full_report().harm, rationale=" ")

    assert fields(Stage.TRIAGE, harm=harm) == ["harm.rationale"]
    assert "harm.rationale" not in fields(Stage.TRIAGE, harm=Harm(magnitude=HarmMagnitude.NOT_TOLD))


def test_harm_that_happened_is_asked_about() -> None:
    asked = fields(Stage.TRIAGE, real_world_harm=Answer.YES)

    assert asked == [
        "reporter.relationship",
        "incident.occurred_at",
        "incident.narrative",
        "incident.harmed_parties",
        "incident.ongoing",
    ]


def test_a_told_incident_is_complete() -> None:
    incident = Incident(occurred_at=NOON, narrative="Money was moved.", harmed_parties="one firm", ongoing=Answer.NO)
    reporter = Reporter(relationship=Relationship.AFFECTED)

    assert fields(Stage.TRIAGE, real_world_harm=Answer.YES, incident=incident, reporter=reporter) == []


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence(stochastic=Answer.NO, trials=(TrialSummary(n=1, hits=1),)), []),
        (Evidence(trials=(TrialSummary(n=1, hits=1),)), ["evidence.stochastic"]),
        (Evidence(stochastic=Answer.YES, trials=(TrialSummary(n=29, hits=9),)), ["evidence.trials", "evidence.packet"]),
        (
            Evidence(stochastic=Answer.YES, trials=(TrialSummary(n=None, hits=50),)),
            ["evidence.trials", "evidence.packet"],
        ),
        (
            Evidence(stochastic=Answer.YES, trials=(TrialSummary(n=15, hits=9), TrialSummary(n=15, hits=9))),
            ["evidence.packet"],
        ),
    ],
)
def test_a_matter_of_chance_needs_thirty_trials_and_a_packet(evidence: Evidence, expected: list[str]) -> None:
    assert fields(Stage.TRIAGE, evidence=evidence) == expected


def test_a_bundle_is_packet_and_proof() -> None:
    report = make_full_report(evidence=Evidence(stochastic=Answer.YES, trials=(TrialSummary(n=30, hits=9),)))
    bare = make_full_report(evidence=Evidence(stochastic=Answer.NO))

    assert gaps(report, stage=Stage.TRIAGE, proof=Proof(bundle=True)) == ()
    assert gaps(bare, stage=Stage.TRIAGE, proof=Proof(attachment=True)) == ()
    assert [gap.field for gap in gaps(bare, stage=Stage.TRIAGE)] == ["proof"]


@pytest.mark.parametrize("kind", [RestrictedMaterial.CSAM, RestrictedMaterial.CBRN_DETAIL])
def test_restricted_material_is_never_asked_for_a_proof(kind: RestrictedMaterial) -> None:
    asked = fields(Stage.TRIAGE, restricted_material=kind, steps="", evidence=Evidence())

    assert "proof" not in asked
    assert ("evidence.stochastic" in asked) is (kind is RestrictedMaterial.CBRN_DETAIL)


def test_several_vendors_are_asked_how_it_was_tried_on_each() -> None:
    affects = (MODEL, replace(MODEL, vendor="Other Labs"))
    tried = replace(make_full_report().evidence, transfers_to=("Other Labs chat: 31 of 40",))

    assert fields(Stage.TRIAGE, affects=affects) == ["evidence.transfers_to"]
    assert fields(Stage.TRIAGE, affects=affects, evidence=tried) == []


def test_a_content_flaw_names_the_policy_the_subjects_and_the_fidelity() -> None:
    asked = fields(Stage.TRIAGE, flaw_class=FlawClass.JAILBREAK)
    evidence = replace(
        make_full_report().evidence, subjects_tried=4, subjects_hit=3, output_fidelity=OutputFidelity.HIGH
    )

    assert asked == ["policies_violated", "evidence.subjects_tried", "evidence.output_fidelity"]
    assert (
        fields(
            Stage.TRIAGE,
            flaw_class=FlawClass.JAILBREAK,
            evidence=evidence,
            policies_violated=("usage policy, clause 3",),
        )
        == []
    )


def test_a_fairness_flaw_names_groups_measure_and_reference() -> None:
    fairness = Fairness(groups=("a", "b"), metric="false negatives", gap="0.2 (0.1 to 0.3)", reference="law")

    assert fields(Stage.TRIAGE, flaw_class=FlawClass.FAIRNESS) == ["fairness.groups", "fairness.metric"]
    assert fields(Stage.TRIAGE, flaw_class=FlawClass.FAIRNESS, fairness=fairness) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"summary": " "}, ["summary"]),
        ({"reporter": Reporter(credit_release=True)}, ["reporter.credit_name"]),
        ({"reporter": Reporter(credit_release=True, credit_name="Ada")}, []),
        ({"affects": (AffectedSystem(),)}, ["affects.machine_readable"]),
        ({"affects": (replace(MODEL, identity=Identity(cpe="cpe:2.3:a:x:y:1")),)}, []),
        ({"affects": (replace(MODEL, identity=Identity(digests=(Digest(algorithm="sha256", value="00"),))),)}, []),
        ({"affects": (replace(MODEL, identity=Identity(model_string="chat-2")),)}, ["affects.machine_readable"]),
        (
            {
                "affects": (
                    replace(
                        MODEL, hosted=True, identity=Identity(model_string="chat-2"), observed=Observation(since=NOON)
                    ),
                )
            },
            [],
        ),
    ],
)
def test_what_the_public_needs(changes: dict[str, Any], expected: list[str]) -> None:
    assert fields(Stage.PUBLISH, **changes) == expected


def test_no_system_at_all_is_one_gap_not_two() -> None:
    assert fields(Stage.PUBLISH, affects=()) == ["affects"]
