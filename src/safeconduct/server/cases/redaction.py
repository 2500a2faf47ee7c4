# SPDX-License-Identifier: Apache-2.0
"""The report as one participant may read it: without who sent it, and without whom else it names.

What stands in free text is beyond this: whoever coordinates reads it before inviting a second vendor. Where the report
holds restricted material, what may repeat it is left out whole; the coordinator gives to each what it needs.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from safeconduct.domain.report import Incident, Reporter, RestrictedMaterial
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.systems import UNKNOWN, AffectedSystem


def for_one(told: ToldReport, names: AbstractSet[str], *, others: AbstractSet[str]) -> ToldReport:
    """Leave out of a report who sent it, and whom else it names or was sent to.

    `names` are those of the reader, `others` those of everybody else who takes part.
    """
    if told.restricted_material is not RestrictedMaterial.NONE:
        told = _without_words(told)
    foreign = {_words(name) for name in others}
    own = tuple(
        system
        for system in told.affects
        if _words(system.vendor) not in foreign and any(_is_of(system, name) for name in names)
    )
    reporter = told.reporter if told.reporter.share_contact_with_vendor else Reporter(mode=told.reporter.mode)
    return replace(
        told,
        affects=tuple(replace(system, lineage=()) for system in own),
        reporter=reporter,
        prior_contacts=(),
        recipients_requested=(),
        evidence=replace(told.evidence, transfers_to=()),
    )


def _without_words(told: ToldReport) -> ToldReport:
    """Leave out the answers that may repeat restricted material."""
    return replace(
        told,
        summary="",
        description="",
        steps="",
        expected_behavior="",
        actual_behavior="",
        mitigation="",
        incident=Incident(),
    )


def _is_of(system: AffectedSystem, name: str) -> bool:
    """Tell whether a system is of this vendor; one whose vendor nobody knows is shown to each."""
    vendor, seat = _words(system.vendor), _words(name)
    return system.vendor == UNKNOWN or vendor <= seat or seat <= vendor


def _words(name: str) -> frozenset[str]:
    return frozenset(name.casefold().split())
