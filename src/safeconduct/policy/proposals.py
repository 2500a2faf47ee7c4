# SPDX-License-Identifier: Apache-2.0
"""First values for an assessment, taken from what the report tells: a person confirms or changes each.

What a report cannot show stays X: persistence and agentic reach are the analyst's to say, and so is remediability. Only
systems with trials of their own count for transferability. Thresholds of exposure are those of the ML profile.

A deterministic flaw has no trials to count; one run that reproduced it is taken for reliability R, and the reason says
so.
"""

from safeconduct.domain.report import (
    Answer,
    AttackKnowledge,
    HarmMagnitude,
    OutputFidelity,
    PublicStatus,
    Report,
)
from safeconduct.domain.systems import UNKNOWN as NO_NAME
from safeconduct.policy import ssvc
from safeconduct.policy.decision import Decision
from safeconduct.policy.ml_profile import UNKNOWN, MlProfile
from safeconduct.policy.priority import Reproduction
from safeconduct.policy.reliability import reliability

WIDE_USERS, WIDE_DEPLOYMENTS, ROOT_DOWNSTREAMS = 100_000, 10, 100
SEVERAL, MANY_VENDORS = 2, 3

_KNOWLEDGE = {AttackKnowledge.BLACK_BOX: "B", AttackKnowledge.GRAY_BOX: "G", AttackKnowledge.WHITE_BOX: "W"}
_HARM = {
    HarmMagnitude.NEGLIGIBLE: "N",
    HarmMagnitude.MARGINAL: "M",
    HarmMagnitude.SERIOUS: "S",
    HarmMagnitude.CATASTROPHIC: "C",
}
_FIDELITY = {OutputFidelity.NONE: "L", OutputFidelity.LOW: "L", OutputFidelity.HIGH: "H"}
_PUBLIC = {PublicStatus.PUBLIC: "Y", PublicStatus.PARTIALLY: "Y", PublicStatus.PRIVATE: "N"}


def propose_profile(report: Report, *, reproduced: bool = False) -> Decision[MlProfile]:
    """Return the ML profile as far as the report tells it; `reproduced` says that a run of ours reproduced it."""
    sr, sr_reason = _reliability(report, reproduced=reproduced)
    profile = MlProfile(
        ak=_KNOWLEDGE.get(report.attack.knowledge, UNKNOWN),
        sr=sr,
        tx=_transferability(report),
        rt=_retargetability(report.evidence.subjects_hit),
        ex=_exposure(report),
        hm=_HARM.get(report.harm.magnitude, UNKNOWN),
        of=_FIDELITY.get(report.evidence.output_fidelity, UNKNOWN),
    )
    told = [f"SR: {sr_reason}"]
    open_ones = profile.unknown
    told.append(f"not told by the report: {', '.join(open_ones)}")
    return Decision(outcome=profile, reasons=tuple(told), rules=("proposal.profile",), inputs={"profile": str(profile)})


def propose_coordination(
    report: Report, profile: MlProfile, *, reproduction: Reproduction = Reproduction.NONE
) -> Decision[str]:
    """Return SSVC's advice to a coordinator: D decline, T track, C coordinate; what is not known counts at its gravest.

    A report is called credible only when it reproduced, and never incredible by a rule.
    """
    vendors = {system.vendor for system in report.affects} - {NO_NAME}
    utility = ssvc.utility(automatable_key=UNKNOWN, density=ssvc.value_density(profile))
    answers = {
        "RP": _PUBLIC.get(report.public_status, UNKNOWN),
        "SCON": "Y" if report.prior_contacts else UNKNOWN,
        "RC": "C" if reproduction is Reproduction.REPRODUCED else UNKNOWN,
        "SC": "M" if len(vendors) >= SEVERAL else "O" if vendors else UNKNOWN,
        "U": utility,
        "PSI": ssvc.public_safety(profile),
    }
    return ssvc.evaluate(ssvc.COORDINATOR_TRIAGE, ssvc.known(answers))


def _reliability(report: Report, *, reproduced: bool) -> tuple[str, str]:
    """Return the highest reliability that a series of trials shows, and its reason."""
    if report.evidence.stochastic is Answer.NO and reproduced:
        return "R", "deterministic, and a run of ours reproduced it"
    shown = [decision for decision in map(reliability, report.evidence.trials) if decision.outcome != UNKNOWN]
    if not shown:
        return UNKNOWN, "no series of at least 30 counted trials"
    best = max(shown, key=lambda decision: "UPLR".index(decision.outcome))
    return best.outcome, best.reasons[0]


def _transferability(report: Report) -> str:
    """Return on how many systems trials of their own show the flaw."""
    working = {trials.model for trials in report.evidence.trials if reliability(trials).outcome in {"P", "L", "R"}}
    named = working - {""}
    if not named:
        return UNKNOWN
    vendors = {
        system.vendor
        for system in report.affects
        if system.vendor != NO_NAME and {system.product, system.identity.model_string} & named
    }
    if len(vendors) >= MANY_VENDORS:
        return "E"
    return "M" if len(vendors) >= SEVERAL else "V" if len(named) >= SEVERAL else "N"


def _retargetability(subjects_hit: int | None) -> str:
    """Return for how many unrelated subjects it worked; universal is the analyst's to say."""
    return UNKNOWN if subjects_hit is None else "B" if subjects_hit >= SEVERAL else "N"


def _exposure(report: Report) -> str:
    """Return how many can be reached."""
    exposure = report.exposure
    downstream = exposure.downstream_deployments or 0
    if exposure.critical_sectors or exposure.gpai_systemic is Answer.YES or downstream >= ROOT_DOWNSTREAMS:
        return "3"
    if (exposure.users or 0) >= WIDE_USERS or downstream >= WIDE_DEPLOYMENTS:
        return "2"
    if exposure.users is None and exposure.downstream_deployments is None:
        return UNKNOWN
    return "1" if exposure.users or downstream else "0"
