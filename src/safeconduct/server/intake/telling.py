# SPDX-License-Identifier: Apache-2.0
"""From the answers of the form to a report. What was not answered stays "not told"; nothing is guessed."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import (
    Answer,
    DisclosureWish,
    DiscoveryMethod,
    Evidence,
    Incident,
    PriorContact,
    Relationship,
    Report,
    Reporter,
    ReporterMode,
)
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import UNKNOWN, AffectedSystem, ComponentType, Identity, Observation
from safeconduct.domain.weakness import FlawClass


def told(answers: Mapping[str, Any]) -> Report:
    """Return the report that the pages tell."""
    seen_at = datetime.combine(answers["seen_on"], answers["seen_time"] or time(), tzinfo=UTC)
    return Report(
        real_world_harm=answers["real_world_harm"],
        malicious_use_possible=answers["malicious_use_possible"],
        restricted_material=answers["restricted_material"],
        affects=(_system(answers, seen_at),),
        seen_at=seen_at,
        title=answers["name"],
        description=answers["description"],
        steps=answers["steps"],
        public_status=answers["public_status"],
        disclosure=DisclosureWish(intent=answers["intent"], on=answers["publish_on"]),
        reporter=_reporter(answers),
        flaw_class=answers["flaw_class"] or FlawClass.OTHER,
        expected_behavior=answers["expected_behavior"],
        actual_behavior=answers["actual_behavior"],
        incident=Incident(narrative=answers["harm"]),
        evidence=_evidence(answers),
        discovered_at=answers["first_seen_on"],
        discovery_method=answers["discovery_method"] or DiscoveryMethod.NOT_TOLD,
        prior_contacts=(PriorContact(who=answers["told_whom"], when=answers["told_on"]),)
        if answers["told_whom"]
        else (),
        public_references=tuple(line.strip() for line in answers["public_references"].splitlines() if line.strip()),
        exploitation=answers["exploitation"] or Exploitation.NONE,
        mitigation=answers["mitigation"],
    )


def _system(answers: Mapping[str, Any], seen_at: datetime) -> AffectedSystem:
    first = answers["first_seen_on"]
    since = datetime.combine(first, time(), tzinfo=UTC) if first else seen_at
    return AffectedSystem(
        vendor=answers["vendor"] or UNKNOWN,
        product=answers["product"] or UNKNOWN,
        component_type=answers["component_type"] or ComponentType.UNKNOWN,
        version=answers["version"],
        hosted=answers["hosted"],
        identity=Identity(model_string=answers["model_string"], purl=answers["purl"]),
        observed=Observation(since=since) if answers["hosted"] else None,
    )


def _evidence(answers: Mapping[str, Any]) -> Evidence:
    hits, tries = answers["hits"], answers["tries"]
    trials = () if hits is None else (TrialSummary(n=tries, hits=hits, judge=answers["judge"]),)
    return Evidence(stochastic=answers["stochastic"] or Answer.UNKNOWN, trials=trials)


def _reporter(answers: Mapping[str, Any]) -> Reporter:
    if answers["reporter_name"] or answers["contact"]:
        mode = ReporterMode.NAMED
    else:
        mode = ReporterMode.PSEUDONYMOUS if answers["credit_name"] else ReporterMode.ANONYMOUS
    return Reporter(
        mode=mode,
        name=answers["reporter_name"],
        contact=answers["contact"],
        relationship=answers["relationship"] or Relationship.NOT_TOLD,
        credit_name=answers["credit_name"],
        credit_release=answers["credit_release"],
        share_contact_with_vendor=answers["share_contact"],
    )
