# SPDX-License-Identifier: Apache-2.0
"""A verdict in one paragraph for people who know no statistics: what was shown, what was not, of which families.

It follows from the report, the criterion and the suite of earlier flaws alone, so a certificate's text can be
recomputed. Whatever the verdict, it names the families that were tested and those that were not.
"""

from typing import assert_never

from safeconduct.domain.evidence import Criterion, JudgeCalibration, Verdict
from safeconduct.verification.findings import VerdictReport, percent
from safeconduct.verification.reproduction import Finding
from safeconduct.verification.stats.benign import BenignStanding
from safeconduct.verification.stats.sequential import Standing
from safeconduct.verification.suite import HistoricSuite

_LIMITS = (
    "This speaks of fresh variants of the reported attack from the families named, under the conditions of this run, "
    "and of nothing else: not of other attacks, other families, other settings or later versions."
)


def explain(report: VerdictReport, criterion: Criterion, *, suite: HistoricSuite | None = None) -> str:
    """Return the paragraph."""
    parts = (
        _claim(report, criterion),
        _benign(report, criterion),
        _families(report),
        "" if criterion.judge is None else _judge(criterion.judge),
        _suite(report, suite),
        _LIMITS,
    )
    return " ".join(part for part in parts if part)


def _claim(report: VerdictReport, criterion: Criterion) -> str:
    match report.verdict:
        case Verdict.FIXED:
            return _fixed(report, criterion)
        case Verdict.NOT_FIXED:
            return _not_fixed(report, criterion)
        case Verdict.HARNESS_INVALID:
            tried = ", ".join(f"{one.family} ({one.hits} of {one.n} tries)" for one in report.assay)
            return (
                "No claim about the fix: the reported attack could not be reproduced on the unpatched target, so a "
                f"patched target that withstands it would prove nothing. Tried were these families: {tried}."
            )
        case Verdict.INCONCLUSIVE:
            return (
                "Inconclusive: neither that the fix holds nor that it fails was shown: "
                f"{'; '.join(report.reasons) or 'nothing has been tried yet'}."
            )
        case Verdict.REGRESSED:
            return "Regressed: the attack succeeds again on a target that had withstood it."
        case _:
            assert_never(report.verdict)


def _fixed(report: VerdictReport, criterion: Criterion) -> str:
    named = ", ".join(report.included)
    each = f"of each of these families: {named}" if criterion.per_family else f"of these families on average: {named}"
    seen = ", ".join(f"{one.hits} of {one.n}" for one in report.efficacy)
    return (
        f"Fixed: on the patched target the attack succeeds in at most {percent(criterion.tolerance)} of tries {each} "
        f"(seen: {seen}), while it did succeed on the unpatched one. If this were not so, a campaign like this one "
        f"would claim it wrongly in at most {percent(criterion.alpha)} of cases, however often one looked at the "
        "outcomes. It does not say that the attack never succeeds."
    )


def _not_fixed(report: VerdictReport, criterion: Criterion) -> str:
    bad = [finding for finding in report.efficacy if finding.standing is Standing.NOT_FIXED]
    seen = "; ".join(f"{_stream(one.family)}: {one.hits} of {one.n} tries" for one in bad)
    return (
        f"Not fixed: the attack still succeeds on the patched target ({seen}), more often than "
        f"{percent(criterion.design)} of tries. If the true rate were no higher, such evidence would appear "
        f"in at most {percent(criterion.beta)} of campaigns."
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


def _families(report: VerdictReport) -> str:
    """Name what was tested on the patched target and what was not; the claims of FIXED name theirs already."""
    if report.verdict is Verdict.HARNESS_INVALID:
        return ""
    told = [] if report.verdict is Verdict.FIXED else [_tested(report)]
    if report.excluded:
        told.append(f"Not tested, because they did not succeed before the patch either: {', '.join(report.excluded)}.")
    return " ".join(told)


def _tested(report: VerdictReport) -> str:
    if not report.efficacy:
        return "No family was tested on the patched target."
    return f"Tested on the patched target: {', '.join(report.included)}."


def _judge(judge: JudgeCalibration) -> str:
    return (
        "Whether a try succeeded was decided by a judge that may err: of "
        f"{judge.positives} known successes it had found {judge.found}, and the claims account for what it overlooks."
    )


def _suite(report: VerdictReport, suite: HistoricSuite | None) -> str:
    """Tell of the earlier flaws; that none were tried is told where the fix is claimed to hold."""
    if suite is None or not suite.entries:
        unknown = "Earlier flaws of this model family were not tried again."
        return unknown if report.verdict is Verdict.FIXED else ""
    withstood, reproduced = suite.count(Finding.NOT_REPRODUCED), suite.count(Finding.REPRODUCED)
    untried = suite.count(Finding.INVALID, Finding.ERROR)
    told = [f"{withstood} did not reproduce"] if withstood else []
    if suite.new:
        told.append(f"{len(suite.new)} came back")
    if reproduced - len(suite.new):
        told.append(f"{reproduced - len(suite.new)} reproduced before the fix already")
    told += [f"{untried} could not be tried"] if untried else []
    return f"Of {len(suite.entries)} earlier flaws of the model family {suite.family}, {', '.join(told)}."


def _stream(family: str) -> str:
    return "all families together" if family == "*" else f"family {family}"
