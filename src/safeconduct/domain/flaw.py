# SPDX-License-Identifier: Apache-2.0
"""A flaw: the technique, apart from the systems it was found in. One flaw has many findings, a finding many reports."""

from dataclasses import dataclass
from enum import StrEnum

from safeconduct.domain.ids import FlawId
from safeconduct.domain.severity import Severity
from safeconduct.domain.weakness import FlawClass, TaxonomyRef


class Track(StrEnum):
    """What triage's decision tree makes of a report; classes are not exclusive and never set the priority."""

    RESTRICTED = "restricted"
    SOFTWARE_VULNERABILITY = "software_vulnerability"
    SUPPLY_CHAIN = "supply_chain_compromise"
    MODEL_VULNERABILITY = "model_vulnerability"
    SAFEGUARD_BYPASS = "safeguard_bypass"
    CONTENT_ISSUE = "content_issue"
    FAIRNESS_FLAW = "fairness_flaw"
    SAFETY_HAZARD = "safety_hazard"
    LIMITATION = "limitation"
    EXPECTATION_GAP = "expectation_gap"
    NEEDS_EVIDENCE = "needs_evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One flaw of the register. `public_id` is the id that advisories carry, e.g. `SC-2026-7f3k9m2q`."""

    id: FlawId
    public_id: str
    title: str
    summary: str
    description: str
    flaw_class: FlawClass
    tracks: tuple[Track, ...]
    taxonomy: tuple[TaxonomyRef, ...] = ()
    severity: Severity | None = None
    aliases: tuple[str, ...] = ()
