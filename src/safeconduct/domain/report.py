# SPDX-License-Identifier: Apache-2.0
"""A report, as the reporter tells it: the canonical schema `report` version 1.

Required answers come in stages (see `policy.completeness`): ten to submit, more to leave triage, more to publish.
Everything that is not asked at the door therefore has a default that says "not told". The fields are a superset of the
FLARE-AI form (Longpre et al., arXiv 2606.31567) and of the flaw report of arXiv 2503.16861.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import AffectedSystem
from safeconduct.domain.weakness import FlawClass, TaxonomyRef

SCHEMA_VERSION = "1.0.0"
TITLE_LIMIT = 200


class Answer(StrEnum):
    """A three-valued answer; unknown is an answer of its own and never read as no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class RestrictedMaterial(StrEnum):
    """Material that may not be stored or shown like other evidence."""

    NONE = "none"
    CSAM = "csam"
    CBRN_DETAIL = "cbrn_detail"
    LIVE_PERSONAL_DATA = "live_personal_data"
    CLASSIFIED = "classified"


class ReportKind(StrEnum):
    """What the two first answers make of a report."""

    VULNERABILITY = "vulnerability"
    HAZARD = "hazard"
    INCIDENT = "incident"
    SECURITY_INCIDENT = "security_incident"


class ReporterMode(StrEnum):
    """How the reporter wishes to appear."""

    ANONYMOUS = "anonymous"
    PSEUDONYMOUS = "pseudonymous"
    NAMED = "named"


class Relationship(StrEnum):
    """What the reporter is to the affected system."""

    AFFECTED = "affected"
    OBSERVER = "observer"
    DEVELOPER = "developer"
    DEPLOYER = "deployer"
    INSIDER = "insider"
    RESEARCHER = "researcher"
    NOT_TOLD = "not_told"


class PublicStatus(StrEnum):
    """How far the flaw is already known."""

    PRIVATE = "private"
    PARTIALLY = "partially"
    PUBLIC = "public"
    UNKNOWN = "unknown"


class DisclosureIntent(StrEnum):
    """What the reporter means to do."""

    COORDINATED = "coordinated"
    AFTER_FIX = "after_fix"
    FIXED_DATE = "fixed_date"
    NO_PUBLICATION = "no_publication"
    ALREADY_PUBLIC = "already_public"
    UNDECIDED = "undecided"


class DiscoveryMethod(StrEnum):
    """How the flaw was found."""

    OBSERVATION = "observation"
    TESTING = "testing"
    MONITORING = "monitoring"
    EXTERNAL = "external"
    AUTOMATED = "automated"
    AI_ASSISTED = "ai_assisted"
    NOT_TOLD = "not_told"


class HarmMagnitude(StrEnum):
    """How bad the worst plausible harm is."""

    NEGLIGIBLE = "negligible"
    MARGINAL = "marginal"
    SERIOUS = "serious"
    CATASTROPHIC = "catastrophic"
    NOT_TOLD = "not_told"


class HarmDomain(StrEnum):
    """Whose or what good is harmed (the ten groups after AIAAIC that FLARE-AI uses)."""

    AUTONOMY = "autonomy"
    PHYSICAL = "physical"
    PSYCHOLOGICAL = "psychological"
    REPUTATIONAL = "reputational"
    FINANCIAL = "financial_business"
    RIGHTS = "rights"
    SOCIETAL = "societal_cultural"
    POLITICAL = "political_economic"
    ENVIRONMENTAL = "environmental"
    SEXUALIZATION = "sexualization"


class Stakeholder(StrEnum):
    """Who is harmed."""

    USERS = "users"
    NON_USERS = "non_users"
    VULNERABLE_GROUPS = "vulnerable_groups"
    WORKERS = "workers"
    ORGANIZATIONS = "organizations"
    INFRASTRUCTURE = "infrastructure"
    DEVELOPERS = "developers"


class AttackCapability(StrEnum):
    """What the attacker must control (NIST AI 100-2 E2025, 2.1.3 and 3.1)."""

    QUERY_ACCESS = "query_access"
    RESOURCE_CONTROL = "resource_control"
    TRAINING_DATA_CONTROL = "training_data_control"
    MODEL_CONTROL = "model_control"
    SOURCE_CONTROL = "source_control"
    TESTING_DATA_CONTROL = "testing_data_control"
    LABEL_LIMIT = "label_limit"


class AttackKnowledge(StrEnum):
    """What the attacker knows of the model."""

    BLACK_BOX = "black"
    GRAY_BOX = "gray"
    WHITE_BOX = "white"
    NOT_TOLD = "not_told"


class AttackObjective(StrEnum):
    """What the attacker wants (NIST AI 100-2 E2025)."""

    AVAILABILITY = "availability"
    INTEGRITY = "integrity"
    PRIVACY = "privacy"
    MISUSE = "misuse"


class RootCause(StrEnum):
    """Where the flaw seems to come from."""

    TRAINING_DATA = "training_data"
    FEEDBACK = "feedback"
    SYSTEM_PROMPT = "system_prompt"
    TOOL_INSTRUCTIONS = "tool_instructions"
    TOOL_OUTPUTS = "tool_outputs"
    SUPPLY_CHAIN = "supply_chain"
    USER_PROMPT = "user_prompt"
    MEMORY = "memory"
    MULTI_AGENT = "multi_agent"
    GUARDRAIL = "guardrail"
    CONFIG = "config"
    UNKNOWN = "unknown"


class OutputFidelity(StrEnum):
    """How usable for harm the output of a content flaw is, as an expert judges it."""

    NONE = "none"
    LOW = "low"
    HIGH = "high"
    NOT_TOLD = "not_told"


class MayTrain(StrEnum):
    """Whether a recipient may use the reported data to train."""

    NO = "no"
    AFTER_DISCLOSURE = "after_disclosure"
    YES = "yes"


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST)."""

    RED = "TLP:RED"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    AMBER = "TLP:AMBER"
    GREEN = "TLP:GREEN"
    CLEAR = "TLP:CLEAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """What the reporter chose to tell of themselves; all of it may be empty."""

    mode: ReporterMode = ReporterMode.ANONYMOUS
    name: str = ""
    contact: str = ""
    organization: str = ""
    country: str = ""
    age_recipient: str = ""
    relationship: Relationship = Relationship.NOT_TOLD
    credit_name: str = ""
    credit_release: bool = False
    share_contact_with_vendor: bool = False
    bounty_sought: Answer = Answer.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What an attacker needs and wants; asked when malicious use is possible."""

    capabilities: tuple[AttackCapability, ...] = ()
    knowledge: AttackKnowledge = AttackKnowledge.NOT_TOLD
    objectives: tuple[AttackObjective, ...] = ()
    cost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured: trials per family, controls, and whether the flaw is stochastic at all.

    `subjects_tried` and `subjects_hit` say for how many unrelated subjects a content flaw was tried and worked.
    """

    stochastic: Answer = Answer.UNKNOWN
    trials: tuple[TrialSummary, ...] = ()
    controls: str = ""
    transfers_to: tuple[str, ...] = ()
    may_train: MayTrain = MayTrain.NO
    subjects_tried: int | None = None
    subjects_hit: int | None = None
    output_fidelity: OutputFidelity = OutputFidelity.NOT_TOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """What differs between groups of people, how it was measured, and what it is held against."""

    groups: tuple[str, ...] = ()
    metric: str = ""
    gap: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Who is harmed, how, and how badly."""

    domains: tuple[HarmDomain, ...] = ()
    magnitude: HarmMagnitude = HarmMagnitude.NOT_TOLD
    rationale: str = ""
    stakeholders: tuple[Stakeholder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How many could be reached. Counts are None when not told."""

    users: int | None = None
    downstream_deployments: int | None = None
    critical_sectors: tuple[str, ...] = ()
    gpai_systemic: Answer = Answer.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What happened, if harm already did."""

    occurred_at: datetime | None = None
    place: str = ""
    narrative: str = ""
    harmed_parties: str = ""
    ongoing: Answer = Answer.UNKNOWN
    deliberate: Answer = Answer.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorContact:
    """Whom the reporter told before."""

    who: str
    when: date | None = None
    channel: str = ""
    reference: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureWish:
    """When and where the reporter would publish."""

    intent: DisclosureIntent
    on: date | None = None
    channels: str = ""
    embargo_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report. The fields up to `disclosure` are the ten answers asked at the door; the rest has defaults.

    `steps` may be empty only when the material is restricted; `affects` holds at least one system, which may be
    unknown; `seen_at` is when the behavior was last seen.
    """

    real_world_harm: Answer
    malicious_use_possible: Answer
    restricted_material: RestrictedMaterial
    affects: tuple[AffectedSystem, ...]
    seen_at: datetime
    title: str
    description: str
    steps: str
    public_status: PublicStatus
    disclosure: DisclosureWish
    schema_version: str = SCHEMA_VERSION
    summary: str = ""
    reporter: Reporter = Reporter()
    flaw_class: FlawClass = FlawClass.OTHER
    expected_behavior: str = ""
    actual_behavior: str = ""
    policies_violated: tuple[str, ...] = ()
    root_causes: tuple[RootCause, ...] = ()
    taxonomy: tuple[TaxonomyRef, ...] = ()
    attack: Attack = Attack()
    evidence: Evidence = Evidence()
    harm: Harm = Harm()
    exposure: Exposure = Exposure()
    incident: Incident = Incident()
    fairness: Fairness = Fairness()
    discovered_at: date | None = None
    discovery_method: DiscoveryMethod = DiscoveryMethod.NOT_TOLD
    authorization: str = ""
    prior_contacts: tuple[PriorContact, ...] = ()
    public_references: tuple[str, ...] = ()
    exploitation: Exploitation = Exploitation.NONE
    recipients_requested: tuple[str, ...] = ()
    tlp: Tlp = Tlp.AMBER_STRICT
    severity_claim: str = ""
    mitigation: str = ""

    @property
    def kind(self) -> ReportKind:
        """Return the kind that the two first answers make (FLARE-AI's report-type rule; unknown counts as yes).

        Unknown counts as yes because a kind opens questions and clocks: it must not be closed by not knowing.
        """
        harmed = self.real_world_harm is not Answer.NO
        misused = self.malicious_use_possible is not Answer.NO
        if harmed:
            return ReportKind.SECURITY_INCIDENT if misused else ReportKind.INCIDENT
        return ReportKind.VULNERABILITY if misused else ReportKind.HAZARD
