# SPDX-License-Identifier: Apache-2.0
"""What is affected: models and the systems around them, identified as well as the world allows.

Open weights are named by package URL and digests; hosted models have no version, so they are named by vendor, model
string, endpoint and the interval in which the behavior was observed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

UNKNOWN = "unknown"


class ComponentType(StrEnum):
    """What kind of component is affected."""

    MODEL = "model"
    DATASET = "dataset"
    WEIGHTS_FILE = "weights_file"
    FRAMEWORK = "framework"
    SERVING_INFRA = "serving_infra"
    APPLICATION = "application"
    AGENT = "agent"
    TOOL_OR_MCP = "tool_or_mcp"
    GUARDRAIL = "guardrail"
    PIPELINE = "pipeline"
    HARDWARE = "hardware"
    PROTOCOL = "protocol"
    UNKNOWN = "unknown"


class SystemRole(StrEnum):
    """What the named vendor is to the affected component."""

    DEVELOPER = "developer"
    DEPLOYER = "deployer"
    INTEGRATOR = "integrator"
    HOST = "host"


class AffectedStatus(StrEnum):
    """Whether the component is affected (the states of VEX, and `suspected`)."""

    AFFECTED = "affected"
    SUSPECTED = "suspected"
    NOT_AFFECTED = "not_affected"
    UNKNOWN = "unknown"
    MITIGATED = "mitigated"
    FIXED = "fixed"


class Relation(StrEnum):
    """How one component rests on another."""

    DERIVED_FROM = "derived_from"
    FINETUNED_FROM = "finetuned_from"
    TRAINED_ON = "trained_on"
    SERVED_BY = "served_by"
    INTEGRATES = "integrates"
    SHARES_COMPONENT_WITH = "shares_component_with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest of a file: the algorithm's name as in CSAF (`sha256`) and lower-case hex."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Every name by which machines may know the component."""

    purl: str = ""
    cpe: str = ""
    model_string: str = ""
    endpoint: str = ""
    region: str = ""
    service_tier: str = ""
    model_card_url: str = ""
    sbom_ref: str = ""
    digests: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """When the behavior was seen, for systems that carry no version. `until` is None while it is still seen."""

    since: datetime
    until: datetime | None = None
    snapshot: str = ""
    fingerprint: str = ""
    sampling: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """An edge of the component graph: this component stands in `relation` to the one named by purl or words."""

    relation: Relation
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedSystem:
    """One affected component. `vendor` and `product` may be `unknown`."""

    vendor: str = UNKNOWN
    product: str = UNKNOWN
    role: SystemRole = SystemRole.DEVELOPER
    component_type: ComponentType = ComponentType.UNKNOWN
    version: str = ""
    fixed_version: str = ""
    hosted: bool = False
    identity: Identity = Identity()
    observed: Observation | None = None
    status: AffectedStatus = AffectedStatus.SUSPECTED
    status_note: str = ""
    lineage: tuple[Lineage, ...] = ()
