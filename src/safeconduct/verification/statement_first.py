# SPDX-License-Identifier: Apache-2.0
"""The paragraph as certificates of the first form have it. It is never changed, so that they go on to verify."""

from typing import assert_never

from safeconduct.domain.evidence import Criterion, Verdict
from safeconduct.verification.findings import VerdictReport, percent
from safeconduct.verification.stats.benign import BenignStanding
from safeconduct.verification.stats.sequential import Standing


def explain(report: VerdictReport, criterion: Criterion) -> str:
    """Return the paragraph."""
    return " ".join(
        part for part in (_claim(report, criterion), _benign(report, criterion), _excluded(report), _LIMITS) if part
    )


_LIMITS = (
    "This speaks of fresh variants of the reported attack from the families named, under the conditions of this run, "
    "and of nothing else."
)


def _claim(report: VerdictReport, criterion: Criterion) -> str:
    named = ", ".join(report.included)
    match report.verdict:
        case Verdict.FIXED:
            return _fixed(named, criterion)
        case Verdict.NOT_FIXED:
            bad = [finding for finding in report.efficacy if finding.standing is Standing.NOT_FIXED]
            seen = "; ".join(f"{_stream(one.family)}: {one.hits} of {one.n} tries" for one in bad)
            return (
                f"Not fixed: the attack still succeeds on the patched target ({seen}), more often than "
                f"{percent(criterion.design)} of tries. If the true rate were no higher, such evidence would appear "
                f"in at most {percent(criterion.beta)} of campaigns."
            )
        case Verdict.HARNESS_INVALID:
            return (
                "No claim about the fix: the reported attack could not be reproduced on the unpatched target, so a "
                "patched target that withstands it would prove nothing."
            )
        case Verdict.INCONCLUSIVE:
            return f"Inconclusive: {'; '.join(report.reasons) or 'nothing has been tried yet'}."
        case Verdict.REGRESSED:
            return "Regressed: the attack succeeds again on a target that had withstood it."
        case _:
            assert_never(report.verdict)


def _fixed(named: str, criterion: Criterion) -> str:
    each = f"of each of these families: {named}" if criterion.per_family else f"of these families on average: {named}"
    return (
        f"Fixed: on the patched target the attack succeeds in at most {percent(criterion.tolerance)} of tries {each}. "
        f"A campaign like this one would claim so wrongly in at most {percent(criterion.alpha)} of cases, however "
        "often one looked at the outcomes. It does not say that the attack never succeeds."
    )


def _benign(report: VerdictReport, criterion: Criterion) -> str:
    if report.verdict is not Verdict.FIXED:
        return ""
    if report.benign is None or report.benign.standing is not BenignStanding.NON_INFERIOR:
        return "Nothing was measured about harmless use, so whether the fix broke it is not known."
    return (
        f"Harmless use was compared before and after on {report.benign.pairs} pairs: at most "
        f"{percent(criterion.benign_margin)} of it was lost."
    )


def _excluded(report: VerdictReport) -> str:
    if not report.excluded or report.verdict is Verdict.HARNESS_INVALID:
        return ""
    return f"Not tested, because they did not succeed before the patch either: {', '.join(report.excluded)}."


def _stream(family: str) -> str:
    return "all families together" if family == "*" else f"family {family}"
