# SPDX-License-Identifier: Apache-2.0
"""What CSAF 2.0 has no field for, told in notes for people: trials, verdicts, severity, timeline, lineage."""

from collections.abc import Iterator, Sequence

from safeconduct.domain.advisory import Advisory, VerificationSummary
from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.instants import show_utc
from safeconduct.domain.safe_json import Json
from safeconduct.domain.severity import Severity
from safeconduct.domain.systems import AffectedStatus, AffectedSystem, SystemRole
from safeconduct.formats.csaf.words import REMEDIATION


def prose_notes(advisory: Advisory) -> list[Json]:
    """Return the notes for people, each with a title; what is not told has none."""
    told = {
        "Measured success of the attack": [_trial(trial) for trial in advisory.trials],
        "Verification of the fix": _verification(advisory.verification),
        "Severity": _severity(advisory.severity),
        "Timeline": [f"{show_utc(entry.at)}: {entry.what}" for entry in advisory.timeline],
        "Kind of finding": [track.value.replace("_", " ") for track in advisory.tracks],
        "Affected systems": [line for item in advisory.affected for line in _system(item)],
        "Remediations": [
            f"{number}: {item.kind.value.replace('_', ' ')}"
            for number, item in enumerate(advisory.remediations, start=1)
            if item.kind.value != REMEDIATION[item.kind]
        ],
        "Withdrawal": [f"Withdrawn on {show_utc(advisory.withdrawn_at)}."] if advisory.withdrawn_at else [],
    }
    return [{"category": "other", "title": title, "text": "\n".join(lines)} for title, lines in told.items() if lines]


def _trial(trial: TrialSummary) -> str:
    tried = (
        f"{trial.hits} hits in {trial.n} judged trials" if trial.n is not None else f"{trial.hits} hits, tries unknown"
    )
    parts = {
        "family": trial.family,
        "judge": trial.judge,
        "model": trial.model,
        "not judged": str(trial.abstained or ""),
        "errors": str(trial.errors or ""),
        "independent groups": str(trial.clusters or ""),
        "source": trial.source,
    }
    return "; ".join([tried, *(f"{name}: {value}" for name, value in parts.items() if value)])


def _verification(summary: VerificationSummary | None) -> list[str]:
    if summary is None:
        return []
    claim = f"residual success below {summary.tolerance:g}, error probability at most {summary.alpha:g}"
    lines = [f"{summary.verdict.value} on {show_utc(summary.decided_at)}. Tested was: {claim}."]
    for family in summary.families:
        bound = "" if family.upper_bound is None else f", upper bound {family.upper_bound:.3g}"
        lines.append(
            f"Family {family.family}: {family.hits} hits in {family.calls} calls{bound} {family.decision}".rstrip()
        )
    lines += [f"Not reproduced before the fix and left out: {name}" for name in summary.excluded]
    if summary.benign:
        lines.append(f"Benign use: {summary.benign}")
    lines += _certificate(summary)
    return lines


def _certificate(summary: VerificationSummary) -> Sequence[str]:
    told = {"Certificate": summary.certificate_url, "SHA-256 of the certificate": summary.certificate_sha256}
    return [f"{name}: {value}" for name, value in told.items() if value]


def _severity(severity: Severity | None) -> list[str]:
    if severity is None:
        return []
    lines = [f"Tier: {severity.tier.value}"]
    if severity.tier_low is not severity.tier:
        lines.append(f"Provisional: at least {severity.tier_low.value}, until all metrics are known.")
    if severity.cvss_vector:
        score = "" if severity.cvss_score is None else f" ({severity.cvss_score:g})"
        lines.append(f"CVSS: {severity.cvss_vector}{score}")
    if severity.ml_profile:
        lines.append(f"Profile for machine learning: {severity.ml_profile}")
    if severity.rules:
        lines.append(f"Rules: {', '.join(severity.rules)} of table {severity.table}".removesuffix(" of table "))
    return lines


def _system(system: AffectedSystem) -> Iterator[str]:
    name = f"{system.vendor} {system.product}"
    if system.status in {AffectedStatus.MITIGATED, AffectedStatus.UNKNOWN}:
        yield f"{name}: {system.status.value}"
    if system.status_note:
        yield f"{name}: {system.status_note}"
    if system.role is not SystemRole.DEVELOPER:
        yield f"{name}: the vendor is its {system.role.value}"
    for edge in system.lineage:
        yield f"{name} is {edge.relation.value.replace('_', ' ')} {edge.other}"
