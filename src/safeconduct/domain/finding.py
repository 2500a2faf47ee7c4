# SPDX-License-Identifier: Apache-2.0
"""A finding: one flaw in one system, with the evidence for it."""

from dataclasses import dataclass

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.ids import FindingId, FlawId, ReportId
from safeconduct.domain.systems import AffectedSystem


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One flaw in one system. `regresses` names the finding whose fix no longer holds, if this one says so."""

    id: FindingId
    flaw: FlawId
    system: AffectedSystem
    reports: tuple[ReportId, ...] = ()
    trials: tuple[TrialSummary, ...] = ()
    regresses: FindingId | None = None
