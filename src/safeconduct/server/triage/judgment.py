# SPDX-License-Identifier: Apache-2.0
"""What all rules say of one report, together: a pure function of what was told, what a person set, and what is known.

The rules live in `policy`; here their answers are collected, so that the page shows each with its reasons and the queue
has its order. What a person set counts before what the report told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.flaw import Track
from safeconduct.domain.report import Answer, HarmMagnitude, Report
from safeconduct.domain.severity import Exploitation, Severity, Tier
from safeconduct.policy import classification, completeness, duplicates, priority, scope, severity
from safeconduct.policy.completeness import Proof, Stage
from safeconduct.policy.decision import Decision
from safeconduct.policy.duplicates import Match
from safeconduct.policy.ml_profile import UNKNOWN, MlProfile, parse_profile
from safeconduct.policy.reliability import reliability

HARM = {
    HarmMagnitude.NEGLIGIBLE: "N",
    HarmMagnitude.MARGINAL: "M",
    HarmMagnitude.SERIOUS: "S",
    HarmMagnitude.CATASTROPHIC: "C",
    HarmMagnitude.NOT_TOLD: UNKNOWN,
}
WIDE_USERS = 100_000
WIDE_DEPLOYMENTS = 10
RELIABILITY = "UPLR"
ORDER_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """What a person set instead of what follows from the report. Empty means: not set."""

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
) -> Judgment:
    """Ask every rule.

    Raises:
        MalformedError: the set vector or profile cannot be read.
    """
    kind = classification.classify(classification.facts_from(told))
    tracks = chosen.tracks or kind.outcome
    profile = parse_profile(chosen.profile) if chosen.profile else profile_from(told)
    exploitation = chosen.exploitation or told.exploitation
    severe = severity.assess(cvss=chosen.cvss, profile=profile, exploitation=exploitation)
    likeness = duplicates.likeness(matches)
    facts = priority.QueueFacts(
        reproduction=reproduction,
        received_at=received_at,
        tier=severe.severity.tier,
        exploitation=exploitation,
        looks_like_duplicate=likeness.outcome in {duplicates.Likeness.EXACT, duplicates.Likeness.LIKELY},
    )
    answers: dict[str, Decision[object]] = {
        "scope": _widened(scope.in_scope(told)),
        "classification": _widened(kind),
        "severity": _widened(severe.decision),
        "duplicates": _widened(likeness),
        "completeness": _widened(completeness.missing(told, stage=Stage.TRIAGE, proof=proof)),
        "priority": _widened(priority.lane(facts)),
    }
    return Judgment(answers=answers, severity=severe.severity, tracks=tracks, matches=matches, order=order_of(facts))


def profile_from(told: Report) -> MlProfile:
    """Return what the report itself says of the ML profile; the rest is unknown."""
    return replace(MlProfile(), sr=_reliability(told.evidence.trials), ex=_exposure(told), hm=HARM[told.harm.magnitude])


def order_of(facts: priority.QueueFacts) -> str:
    """Return the sort key as text that sorts the same way in every database."""
    *ranks, received_at = priority.sort_key(facts)
    return "/".join(f"{rank + 10:0{ORDER_DIGITS}d}" for rank in ranks) + f"/{received_at:%Y%m%d%H%M%S}"


def provisional(found: Severity) -> bool:
    """Tell whether the tier rests on something that is not known yet."""
    return found.tier_low is not found.tier


def _reliability(trials: tuple[TrialSummary, ...]) -> str:
    values = [reliability(summary).outcome for summary in trials if summary.n is not None]
    known = [value for value in values if value in RELIABILITY]
    return max(known, key=RELIABILITY.index) if known else UNKNOWN


def _exposure(told: Report) -> str:
    reach = told.exposure
    if reach.gpai_systemic is Answer.YES or reach.critical_sectors:
        return "3"
    if (reach.users or 0) >= WIDE_USERS or (reach.downstream_deployments or 0) >= WIDE_DEPLOYMENTS:
        return "2"
    return UNKNOWN if reach.users is None and reach.downstream_deployments is None else "1"


def _widened(decision: Decision[object] | Decision[Tier]) -> Decision[object]:
    return Decision(
        outcome=decision.outcome, reasons=decision.reasons, rules=decision.rules, inputs=dict(decision.inputs)
    )
