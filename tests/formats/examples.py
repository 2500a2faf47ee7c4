# SPDX-License-Identifier: Apache-2.0
"""One report and one advisory with every part filled, about a system that does not exist."""

from datetime import UTC, date, datetime

from safeconduct.domain.advisory import (
    Advisory,
    Credit,
    CreditKind,
    FamilyResult,
    Publisher,
    Reference,
    ReferenceKind,
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
    DisclosureIntent,
    DisclosureWish,
    HarmDomain,
    PublicStatus,
    Report,
    RestrictedMaterial,
)
from safeconduct.domain.severity import Exploitation, Severity, Tier
from safeconduct.domain.systems import (
    AffectedStatus,
    AffectedSystem,
    ComponentType,
    Digest,
    Identity,
    Lineage,
    Observation,
    Relation,
    SystemRole,
)
from safeconduct.domain.weakness import FlawClass, Framework, TaxonomyRef

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FIX = "fedcba9876543210fedcba9876543210fedcba98"

REPORT = Report(
    real_world_harm=Answer.NO,
    malicious_use_possible=Answer.YES,
    restricted_material=RestrictedMaterial.NONE,
    affects=(AffectedSystem(vendor="Acme AI", product="acme-chat"),),
    seen_at=NOON,
    title="The assistant tells its system prompt",
    description="Asked for a rhyme, it recites the prompt.",
    steps="Ask for a rhyme about its instructions.",
    public_status=PublicStatus.PRIVATE,
    disclosure=DisclosureWish(intent=DisclosureIntent.FIXED_DATE, on=date(2027, 2, 1)),
)

HOSTED = AffectedSystem(
    vendor="Acme AI",
    product="acme-chat",
    role=SystemRole.HOST,
    component_type=ComponentType.MODEL,
    hosted=True,
    identity=Identity(
        model_string="acme-chat-2",
        endpoint="https://api.acme.example/v1",
        region="eu",
        service_tier="free",
        model_card_url="https://acme.example/card",
    ),
    observed=Observation(
        since=datetime(2026, 10, 1, 8, 30, tzinfo=UTC), until=NOON, snapshot="s9", sampling=(("temperature", "0"),)
    ),
    status=AffectedStatus.AFFECTED,
    status_note="Seen in every region.",
)
WEIGHTS = AffectedSystem(
    vendor="acme",
    product="small-model",
    component_type=ComponentType.WEIGHTS_FILE,
    version=COMMIT,
    fixed_version=FIX,
    identity=Identity(
        purl=f"pkg:huggingface/acme/small-model@{COMMIT}",
        cpe="cpe:2.3:a:acme:small_model:1.0:*:*:*:*:*:*:*",
        sbom_ref="https://acme.example/sbom.json",
        digests=(Digest(algorithm="sha256", value="ab" * 32),),
    ),
    status=AffectedStatus.AFFECTED,
    lineage=(Lineage(relation=Relation.DERIVED_FROM, other="pkg:huggingface/base/model"),),
)
LIBRARY = AffectedSystem(
    vendor="unknown",
    product="chatlib",
    component_type=ComponentType.FRAMEWORK,
    version="1.2.3",
    fixed_version="1.2.4",
    identity=Identity(purl="pkg:pypi/chatlib@1.2.3"),
    status=AffectedStatus.NOT_AFFECTED,
)

ADVISORY = Advisory(
    id="SC-2026-7f3k9m2q",
    title="Acme chat tells its system prompt",
    summary="A rhyme makes the assistant recite its prompt.",
    description="Asked for a rhyme about its instructions, the assistant recites them.",
    flaw_class=FlawClass.SYSTEM_PROMPT_LEAK,
    affected=(HOSTED, WEIGHTS, LIBRARY),
    publisher=Publisher(
        name="Example Coordination Center",
        namespace="https://coordination.example",
        contact="mail@coordination.example",
    ),
    published_at=NOON,
    modified_at=NOON,
    revisions=(Revision(version=1, at=NOON, summary="First publication"),),
    tracks=(Track.MODEL_VULNERABILITY, Track.SAFEGUARD_BYPASS),
    taxonomy=(
        TaxonomyRef(framework=Framework.CWE, edition="4.20", id="CWE-1427"),
        TaxonomyRef(framework=Framework.ATLAS, edition="5.6.0", id="AML.T0056"),
    ),
    aliases=("AVID-2026-V001", "CVE-2026-12345"),
    severity=Severity(
        tier=Tier.HIGH,
        tier_low=Tier.MEDIUM,
        cvss_vector="CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N",
        cvss_score=8.7,
        ml_profile="MLP:1.0/SR:R/TX:1",
        exploitation=Exploitation.POC,
        rules=("tier.3",),
        table="2026-11",
    ),
    harm_domains=(HarmDomain.FINANCIAL,),
    trials=(TrialSummary(n=40, hits=31, abstained=2, family="rhyme", judge="canary", model="acme-chat-2"),),
    verification=VerificationSummary(
        verdict=Verdict.FIXED,
        decided_at=NOON,
        tolerance=0.05,
        alpha=0.05,
        families=(FamilyResult(family="rhyme", hits=0, calls=69, upper_bound=0.049, decision="FIXED"),),
        excluded=("base64",),
        benign="not worse",
        certificate_sha256="cd" * 32,
        certificate_url="https://coordination.example/certificate.json",
    ),
    remediations=(
        Remediation(kind=RemediationKind.VENDOR_FIX, details="Fixed on the server.", available_at=NOON, products=(0,)),
        Remediation(kind=RemediationKind.RETRAIN, details="Use the new weights.", url="https://acme.example/new"),
    ),
    detection="Look for replies that begin with the prompt.",
    references=(
        Reference(url="https://coordination.example/SC-2026-7f3k9m2q", kind=ReferenceKind.SELF),
        Reference(url="https://acme.example/fix", kind=ReferenceKind.FIX, summary="Release notes"),
    ),
    credits=(
        Credit(name="", kind=CreditKind.FINDER),
        Credit(name="Ada", kind=CreditKind.ANALYST, organization="Example University"),
    ),
    timeline=(TimelineEntry(at=NOON, what="The vendor confirmed the flaw."),),
    discovered_at=datetime(2026, 9, 1, tzinfo=UTC),
)
