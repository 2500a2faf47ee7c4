# SPDX-License-Identifier: Apache-2.0
"""An advisory: the native record, the only lossless form; every other format is a projection of it.

Only publishable facts belong here: no sealed payload, no reporter identity that was not released, no embargoed text.
The times are UTC instants with zone.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safeconduct.domain.evidence import TrialSummary, Verdict
from safeconduct.domain.flaw import Track
from safeconduct.domain.report import HarmDomain, Tlp
from safeconduct.domain.severity import Severity
from safeconduct.domain.systems import AffectedSystem
from safeconduct.domain.weakness import FlawClass, TaxonomyRef

RECORD_VERSION = "1.0.0"


class AdvisoryStatus(StrEnum):
    """The tracking status of CSAF 2.0, 3.2.1.12.7."""

    DRAFT = "draft"
    INTERIM = "interim"
    FINAL = "final"


class RemediationKind(StrEnum):
    """How the flaw is countered; names follow CSAF 2.0 where it has one, the rest are of machine learning."""

    VENDOR_FIX = "vendor_fix"
    MITIGATION = "mitigation"
    WORKAROUND = "workaround"
    NO_FIX_PLANNED = "no_fix_planned"
    NONE_AVAILABLE = "none_available"
    GUARDRAIL = "guardrail"
    RETRAIN = "retrain"
    UNLEARN = "unlearn"
    WEIGHT_RECALL = "weight_recall"
    DEPRECATION = "deprecation"


class ReferenceKind(StrEnum):
    """What stands behind a link."""

    SELF = "self"
    ADVISORY = "advisory"
    FIX = "fix"
    REPORT = "report"
    EVIDENCE = "evidence"
    ARTICLE = "article"
    WEB = "web"


class CreditKind(StrEnum):
    """What a person or tool is thanked for (the credit types of OSV 1.7)."""

    FINDER = "finder"
    REPORTER = "reporter"
    ANALYST = "analyst"
    COORDINATOR = "coordinator"
    REMEDIATION_DEVELOPER = "remediation_developer"
    REMEDIATION_VERIFIER = "remediation_verifier"
    TOOL = "tool"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A link and what it is."""

    url: str
    kind: ReferenceKind = ReferenceKind.WEB
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A released name. An anonymous finder is thanked without one."""

    name: str
    kind: CreditKind = CreditKind.FINDER
    organization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """What counters the flaw, for whom, since when."""

    kind: RemediationKind
    details: str
    available_at: datetime | None = None
    url: str = ""
    products: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyResult:
    """Counts of one family of variants in one arm, and the confidence sequence at the end (fractions)."""

    family: str
    hits: int
    calls: int
    upper_bound: float | None = None
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSummary:
    """What a campaign found of the fix, and where the certificate is."""

    verdict: Verdict
    decided_at: datetime
    tolerance: float
    alpha: float
    families: tuple[FamilyResult, ...] = ()
    excluded: tuple[str, ...] = ()
    benign: str = ""
    certificate_sha256: str = ""
    certificate_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """A dated fact of the disclosure that may be told."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One published version of the advisory."""

    version: int
    at: datetime
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who publishes: a name and a namespace that belongs to it (an absolute https address)."""

    name: str
    namespace: str
    contact: str = ""
    category: str = "coordinator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """The native record of one published flaw. `id` is the public identifier, e.g. `SC-2026-7f3k9m2q`."""

    id: str
    title: str
    summary: str
    description: str
    flaw_class: FlawClass
    affected: tuple[AffectedSystem, ...]
    publisher: Publisher
    published_at: datetime
    modified_at: datetime
    revisions: tuple[Revision, ...]
    status: AdvisoryStatus = AdvisoryStatus.FINAL
    record_version: str = RECORD_VERSION
    tlp: Tlp = Tlp.CLEAR
    tracks: tuple[Track, ...] = ()
    taxonomy: tuple[TaxonomyRef, ...] = ()
    aliases: tuple[str, ...] = ()
    severity: Severity | None = None
    harm_domains: tuple[HarmDomain, ...] = ()
    trials: tuple[TrialSummary, ...] = ()
    verification: VerificationSummary | None = None
    remediations: tuple[Remediation, ...] = ()
    detection: str = ""
    references: tuple[Reference, ...] = ()
    credits: tuple[Credit, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    discovered_at: datetime | None = None
    withdrawn_at: datetime | None = None
    disputed: str = ""
