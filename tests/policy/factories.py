# SPDX-License-Identifier: Apache-2.0
"""Reports and advisories as the tests of the rules need them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from safeconduct.domain.advisory import (
    Advisory,
    Credit,
    Publisher,
    Reference,
    Remediation,
    RemediationKind,
    Revision,
    TimelineEntry,
    VerificationSummary,
)
from safeconduct.domain.evidence import TrialSummary, Verdict
from safeconduct.domain.flaw import Track
from safeconduct.domain.report import (
    Answer,
    Attack,
    AttackCapability,
    AttackKnowledge,
    AttackObjective,
    DisclosureIntent,
    DisclosureWish,
    Evidence,
    Exposure,
    Harm,
    HarmDomain,
    HarmMagnitude,
    PublicStatus,
    Report,
    RestrictedMaterial,
    Stakeholder,
)
from safeconduct.domain.severity import Exploitation, Severity, Tier
from safeconduct.domain.systems import AffectedStatus, AffectedSystem, ComponentType, Identity
from safeconduct.domain.weakness import FlawClass, Framework, TaxonomyRef

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MODEL = AffectedSystem(
    vendor="Example Labs",
    product="example-chat",
    component_type=ComponentType.MODEL,
    version="2",
    identity=Identity(purl="pkg:huggingface/example/chat@0123abc"),
    status=AffectedStatus.AFFECTED,
)


def make_report(**changes: Any) -> Report:
    """Return a report with the ten answers and nothing more."""
    report = Report(
        real_world_harm=Answer.NO,
        malicious_use_possible=Answer.YES,
        restricted_material=RestrictedMaterial.NONE,
        affects=(AffectedSystem(),),
        seen_at=NOON,
        title="The model tells its secret",
        description="Asked in another encoding, the model tells the secret of its system prompt.",
        steps="Ask for the secret in base64.",
        public_status=PublicStatus.PRIVATE,
        disclosure=DisclosureWish(intent=DisclosureIntent.COORDINATED),
    )
    return replace(report, **changes)


def make_full_report(**changes: Any) -> Report:
    """Return a report that may be published."""
    full = make_report(
        affects=(MODEL,),
        summary="An attacker can read the secret by asking in another encoding.",
        expected_behavior="The secret stays secret.",
        actual_behavior="The secret is told.",
        flaw_class=FlawClass.DATA_LEAK,
        taxonomy=(TaxonomyRef(framework=Framework.OWASP_LLM, edition="2025", id="LLM02"),),
        attack=Attack(
            capabilities=(AttackCapability.QUERY_ACCESS,),
            knowledge=AttackKnowledge.BLACK_BOX,
            objectives=(AttackObjective.PRIVACY,),
        ),
        evidence=Evidence(stochastic=Answer.YES, trials=(TrialSummary(n=40, hits=38, source_sha256="ab" * 32),)),
        harm=Harm(
            domains=(HarmDomain.FINANCIAL,),
            magnitude=HarmMagnitude.MARGINAL,
            rationale="The secret opens one account.",
            stakeholders=(Stakeholder.ORGANIZATIONS,),
        ),
        exposure=Exposure(users=1000),
        discovered_at=date(2026, 11, 1),
    )
    return replace(full, **changes)


def make_advisory(**changes: Any) -> Advisory:
    """Return an advisory without a finding of the linter."""
    advisory = Advisory(
        id="SC-2026-7f3k9m2q",
        title="Example chat tells its secret when asked in another encoding",
        summary=(
            "An attacker can make the example chat model tell the secret in its system prompt. "
            "Operators should install version 2.1. Users need to do nothing."
        ),
        description=(
            "The model tells its secret when the question is encoded. Developers who build on the model should move "
            "the secret out of the prompt. Other people need to do nothing."
        ),
        flaw_class=FlawClass.DATA_LEAK,
        affected=(MODEL,),
        publisher=Publisher(
            name="Example CERT", namespace="https://cert.example", contact="https://cert.example/contact"
        ),
        published_at=NOON,
        modified_at=NOON,
        revisions=(Revision(version=1, at=NOON, summary="First version"),),
        tracks=(Track.MODEL_VULNERABILITY,),
        severity=Severity(
            tier=Tier.MEDIUM,
            tier_low=Tier.MEDIUM,
            cvss_vector="CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N",
            cvss_score=6.9,
            ml_profile="MLP:1.0/AK:B/SR:L/TX:N/RT:N/PE:N/AG:N/EX:1/HM:M/OF:X/RM:P",
            exploitation=Exploitation.POC,
            rules=("severity.base.cvss",),
            table="tier-1.0.0",
        ),
        trials=(TrialSummary(n=40, hits=38, judge="canary", model="example-chat-2", started_at=NOON, ended_at=NOON),),
        verification=VerificationSummary(
            verdict=Verdict.FIXED, decided_at=NOON, tolerance=0.05, alpha=0.05, certificate_url="https://cert.example/c"
        ),
        remediations=(Remediation(kind=RemediationKind.VENDOR_FIX, details="Install version 2.1."),),
        detection="Look for base64 in questions.",
        references=(Reference(url="https://cert.example/a"),),
        credits=(Credit(name="Ada Example"),),
        timeline=(TimelineEntry(at=NOON, what="Reported"),),
        discovered_at=NOON,
    )
    return replace(advisory, **changes)
