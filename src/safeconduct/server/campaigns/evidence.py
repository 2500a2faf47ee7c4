# SPDX-License-Identifier: Apache-2.0
"""How the evidence of a campaign grew: the path of every stream, from its certificate, or its journal before that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from safeconduct.domain.evidence import Criterion, Trial
from safeconduct.server.campaigns import queries
from safeconduct.server.campaigns.findings import Finding, finding_of
from safeconduct.server.campaigns.journal import SealedJournal
from safeconduct.server.campaigns.models import Campaign, CampaignState
from safeconduct.server.campaigns.services import bundle_of
from safeconduct.verification.path import EVERY, PathPoint, evidence_paths
from safeconduct.verification.verdict import POOLED, Deliberation

LARGEST = 700.0
DRAWN = 400
"""About as many points as a picture of one stream shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The paths of all streams with the terms they are read by."""

    criterion: Criterion
    paths: Mapping[str, tuple[PathPoint, ...]]


def evidence_of(campaign: Campaign, finding: Finding | None = None, *, is_drawn: bool = False) -> Evidence:
    """Return how the evidence grew. The caller has checked that the asker may see the campaign.

    Raises:
        VerificationError: what is stored does not hold.
        ConflictError: the report has no bundle any more.
    """
    if campaign.state == CampaignState.DECIDED:
        found = finding or finding_of(campaign)
        paths = _paths(found.criterion, found.families, found.trials, benign=found.has_benign, is_drawn=is_drawn)
        return Evidence(criterion=found.criterion, paths=paths)
    approved = queries.approved_code_of(campaign)
    bundle, criterion = bundle_of(campaign.claim.case, approved_code=approved), queries.criterion_of(campaign)
    families = tuple(family.name for family in bundle.attack.families)
    trials = tuple(entry.outcome for entry in SealedJournal(campaign).replay())
    paths = _paths(criterion, families, trials, benign=bool(bundle.benign), is_drawn=is_drawn)
    return Evidence(criterion=criterion, paths=paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRow:
    """One point of a path as the table shows it: the evidence as numbers and not as logarithms."""

    family: str
    n: int
    hits: int
    fixed: str
    not_fixed: str
    lower: float
    upper: float


def path_rows(found: Evidence) -> list[PathRow]:
    """Return the points of all paths, each stream from its first call to its last."""
    return [_row(name, point) for name, path in found.paths.items() for point in path]


def stream_name(name: str) -> str:
    """Return what a stream is called on a page."""
    return "all families together" if name == POOLED else name


def _paths(
    criterion: Criterion, families: tuple[str, ...], trials: tuple[Trial, ...], *, benign: bool, is_drawn: bool
) -> Mapping[str, tuple[PathPoint, ...]]:
    every = 1 + len(trials) // DRAWN if is_drawn else EVERY
    return evidence_paths(Deliberation.begin(criterion, families=families, benign=benign), trials, every=every)


def _row(name: str, point: PathPoint) -> PathRow:
    return PathRow(
        family=stream_name(name),
        n=point.n,
        hits=point.hits,
        fixed=_number(point.log_e_fixed),
        not_fixed=_number(point.log_e_not_fixed),
        lower=point.lower,
        upper=point.upper,
    )


def _number(log: float) -> str:
    """Return a number of which the natural logarithm is given; one beyond all floats as a power of ten."""
    return f"{math.exp(log):.3g}" if abs(log) < LARGEST else f"1e{log / math.log(10):+.0f}"
