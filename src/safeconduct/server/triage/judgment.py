# SPDX-License-Identifier: Apache-2.0
"""What all rules say of one report, together: a pure function of what was told, what a person set, and what is known.

The rules live in `policy`; here their answers are collected, so that the page shows each with its reasons and the queue
has its order. What a person set counts before what the report told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from safeconduct.domain.flaw import Track
from safeconduct.domain.report import Report
from safeconduct.domain.severity import Exploitation, Severity
from safeconduct.policy import classification, completeness, duplicates, priority, proposals, scope, severity
from safeconduct.policy.completeness import Proof, Stage
from safeconduct.policy.decision import Decision
from safeconduct.policy.documented import Statement, documented
from safeconduct.policy.duplicates import Match
from safeconduct.policy.ml_profile import PREFIX, MlProfile, parse_profile
from safeconduct.policy.priority import Reproduction

ORDER_DIGITS, MIDDLE = 2, 10
RULES = (
    "scope",
    "classification",
    "severity",
    "profile",
    "coordination",
    "duplicates",
    "documented",
    "completeness",
    "priority",
)
"""The names of the answers, in the order in which a page shows them."""


CLOSE = frozenset({duplicates.Likeness.EXACT, duplicates.Likeness.LIKELY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """What a person set instead of what follows from the report. Empty means: not set.

    `profile` may name some metrics only; those that it names count, X too, and the others follow from the report.
    """

    cvss: str = ""
    profile: str = ""
    exploitation: Exploitation | None = None
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """All answers by name, and what the rest of the service needs of them."""

    answers: Mapping[str, Decision[object]]
    severity: Severity
    tracks: tuple[Track, ...]
    matches: tuple[Match, ...]
    order: str


def judge(
    told: Report,
    *,
    proof: Proof,
    reproduction: priority.Reproduction,
    matches: tuple[Match, ...],
    received_at: datetime,
    chosen: Set,
    statements: tuple[Statement, ...] = (),
) -> Judgment:
    """Ask every rule; a vector or profile that cannot be read is a `MalformedError`."""
    kind = classification.classify(classification.facts_from(told))
    proposed = proposals.propose_profile(told, reproduced=reproduction is Reproduction.REPRODUCED)
    profile = merged(proposed.outcome, chosen.profile)
    exploitation = chosen.exploitation or told.exploitation
    severe = severity.assess(cvss=chosen.cvss, profile=profile, exploitation=exploitation)
    coordination = proposals.propose_coordination(told, profile, reproduction=reproduction)
    likeness, stated = duplicates.likeness(matches), documented(told, statements)
    facts = priority.QueueFacts(
        reproduction=reproduction,
        received_at=received_at,
        tier=severe.severity.tier,
        exploitation=exploitation,
        coordination=coordination.outcome,
        looks_like_duplicate=likeness.outcome in CLOSE,
        is_documented=stated.outcome,
    )
    answers: dict[str, Decision[object]] = {
        "scope": scope.in_scope(told),
        "classification": kind,
        "severity": severe.decision,
        "profile": proposed,
        "coordination": coordination,
        "duplicates": likeness,
        "documented": stated,
        "completeness": completeness.missing(told, stage=Stage.TRIAGE, proof=proof),
        "priority": priority.lane(facts),
    }
    tracks = chosen.tracks or kind.outcome
    return Judgment(answers=answers, severity=severe.severity, tracks=tracks, matches=matches, order=order_of(facts))


def merged(proposed: MlProfile, chosen: str) -> MlProfile:
    """Return the proposed profile with the metrics that a person named.

    Raises:
        MalformedError: what the person named cannot be read.
    """
    if not chosen:
        return proposed
    said = parse_profile(chosen).answers()
    named = {part.partition(":")[0] for part in chosen.split("/")[1:]}
    return replace(proposed, **{key.lower(): value for key, value in said.items() if key in named})


def difference(profile: MlProfile, *, proposed: MlProfile) -> str:
    """Return the metrics in which a profile differs from the proposed one, as `merged` takes them; empty if in none."""
    usual = proposed.answers()
    parts = [f"{key}:{value}" for key, value in profile.answers().items() if value != usual[key]]
    return "/".join([PREFIX, *parts]) if parts else ""


def lane_prefix(lane: priority.Lane) -> str:
    """Return how the sort keys of a lane begin."""
    return f"{lane.rank + MIDDLE:0{ORDER_DIGITS}d}/"


def order_of(facts: priority.QueueFacts) -> str:
    """Return the sort key as text that sorts the same way in every database."""
    *ranks, received_at = priority.sort_key(facts)
    return "/".join(f"{rank + MIDDLE:0{ORDER_DIGITS}d}" for rank in ranks) + f"/{received_at:%Y%m%d%H%M%S}"
