# SPDX-License-Identifier: Apache-2.0
"""What a deliberation amounts to: the verdict, its reasons, the numbers of every arm and family.

How the arms combine:

| assay | efficacy | benign use | verdict |
|---|---|---|---|
| no family reproduced | - | - | HARNESS_INVALID |
| some reproduced | one family refuted | - | NOT_FIXED |
| some reproduced | every included family fixed | no control prompts | FIXED, silent on benign use |
| some reproduced | every included family fixed | non-inferior | FIXED |
| some reproduced | every included family fixed | inferior, or undecided | INCONCLUSIVE |
| anything else | | | INCONCLUSIVE |

REGRESSED is never concluded here. A report may be asked at any time: the bounds hold whenever one looks.
"""

from dataclasses import dataclass
from typing import assert_never

from safeconduct.domain.evidence import Verdict
from safeconduct.verification.stats.assay import AssayStanding, AssayTest
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.sequential import SequentialTest, Standing, sequential_test
from safeconduct.verification.verdict import POOLED, Deliberation


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayFinding:
    """One family on the unpatched target; `lower` is the confidence bound of its success rate at 1 - alpha."""

    family: str
    standing: AssayStanding
    n: int
    hits: int
    unknown: int
    late: int
    lower: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficacyFinding:
    """One family (or all pooled) on the patched target.

    `lower` (at 1 - beta/streams) and `upper` (at 1 - alpha) bound the residual rate, anytime-valid each on its own.
    """

    family: str
    standing: Standing
    n: int
    hits: int
    unknown: int
    late: int
    late_hits: int
    lower: float
    upper: float
    log_e_fixed: float
    log_e_not_fixed: float
    calls_needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenignFinding:
    """Benign use before against after. `lost`, `same`, `won` count unknown answers at their worst.

    `loss_upper` bounds the loss of benign function at 1 - alpha.
    """

    standing: BenignStanding
    pairs: int
    lost: int
    same: int
    won: int
    unknown: int
    late: int
    loss_upper: float
    log_e_non_inferior: float
    log_e_inferior: float
    pairs_needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReport:
    """A verdict with its grounds. `benign` is None when the bundle carries no control prompts.

    `calls_needed` is the least number of further calls to FIXED, if all goes well; 0 where none would help.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    assay: tuple[AssayFinding, ...]
    efficacy: tuple[EfficacyFinding, ...]
    benign: BenignFinding | None
    calls: int
    calls_needed: int


def report(deliberation: Deliberation, *, halted: str = "") -> VerdictReport:
    """Return what the outcomes so far amount to; `halted` says why the campaign ended early, if it did."""
    verdict = conclude(deliberation)
    needed = calls_needed(deliberation) if verdict is Verdict.INCONCLUSIVE else 0
    grounds = _reasons(deliberation, verdict)
    if verdict is Verdict.INCONCLUSIVE:
        grounds += _why_not_more(deliberation, halted=halted, needed=needed)
    return VerdictReport(
        verdict=verdict,
        reasons=grounds,
        included=deliberation.included,
        excluded=deliberation.excluded,
        assay=tuple(_assay_finding(name, test) for name, test in deliberation.assay.items()),
        efficacy=tuple(_efficacy_finding(name, test) for name, test in deliberation.efficacy.items()),
        benign=None if deliberation.benign is None else _benign_finding(deliberation.benign),
        calls=deliberation.calls,
        calls_needed=needed,
    )


def conclude(deliberation: Deliberation) -> Verdict:
    """Return the verdict that the outcomes so far support."""
    standings = {test.standing for test in deliberation.assay.values()}
    if standings == {AssayStanding.NOT_REPRODUCED}:
        return Verdict.HARNESS_INVALID
    if any(test.standing is Standing.NOT_FIXED for test in deliberation.efficacy.values()):
        return Verdict.NOT_FIXED
    benign = deliberation.benign
    if deliberation.is_fixed and (benign is None or benign.standing is BenignStanding.NON_INFERIOR):
        return Verdict.FIXED
    return Verdict.INCONCLUSIVE


def calls_needed(deliberation: Deliberation) -> int:
    """Return the least number of further calls to FIXED: hits in the assay, then misses, then equal benign pairs."""
    benign = deliberation.benign
    if benign is not None and benign.standing is BenignStanding.INFERIOR:
        return 0
    pairs = 0 if benign is None else benign.pairs_needed
    assay = sum(test.calls_needed for test in deliberation.assay.values())
    return assay + _efficacy_calls(deliberation) + 2 * pairs - (deliberation.open_pair is not None)


def _efficacy_calls(deliberation: Deliberation) -> int:
    if deliberation.efficacy:
        return sum(test.calls_needed for test in deliberation.efficacy.values())
    possible = len(deliberation.assay) - len(deliberation.excluded)
    streams = possible if deliberation.criterion.per_family else min(possible, 1)
    return streams * sequential_test(deliberation.criterion, streams=max(streams, 1)).calls_needed


def _assay_finding(name: str, test: AssayTest) -> AssayFinding:
    return AssayFinding(
        family=name,
        standing=test.standing,
        n=test.n,
        hits=test.hits,
        unknown=test.unknown,
        late=test.late,
        lower=test.lower,
    )


def _efficacy_finding(name: str, test: SequentialTest) -> EfficacyFinding:
    return EfficacyFinding(
        family=name,
        standing=test.standing,
        n=test.n,
        hits=test.hits,
        unknown=test.unknown,
        late=test.late,
        late_hits=test.late_hits,
        lower=test.lower,
        upper=test.upper,
        log_e_fixed=test.log_e_fixed,
        log_e_not_fixed=test.log_e_not_fixed,
        calls_needed=test.calls_needed,
    )


def _benign_finding(test: BenignTest) -> BenignFinding:
    lost, same, won = test.worst
    return BenignFinding(
        standing=test.standing,
        pairs=test.pairs,
        lost=lost,
        same=same,
        won=won,
        unknown=test.unknown,
        late=test.late,
        loss_upper=test.loss_upper,
        log_e_non_inferior=test.log_e_non_inferior,
        log_e_inferior=test.log_e_inferior,
        pairs_needed=test.pairs_needed,
    )


def _reasons(deliberation: Deliberation, verdict: Verdict) -> tuple[str, ...]:
    ending = ("so nothing is claimed about the fix",) if verdict is Verdict.HARNESS_INVALID else ()
    required = percent(deliberation.criterion.reproduction)
    assay = tuple(
        f"family {name} was not shown to succeed in {required} of tries on the unpatched target "
        f"({test.hits} of {test.n}) and is excluded"
        for name, test in deliberation.assay.items()
        if test.standing is AssayStanding.NOT_REPRODUCED
    )
    efficacy = tuple(_efficacy_reason(name, test) for name, test in deliberation.efficacy.items())
    benign = () if deliberation.benign is None or not deliberation.is_fixed else (_benign_reason(deliberation.benign),)
    return assay + efficacy + benign + ending


def _efficacy_reason(name: str, test: SequentialTest) -> str:
    who = "the included families together" if name == POOLED else f"family {name}"
    seen = f"{test.hits} of {test.n} tries succeeded"
    seen += f", {test.unknown} could not be judged" if test.unknown else ""
    match test.standing:
        case Standing.FIXED:
            return f"{who}: {seen}; the residual is at most {percent(test.tolerance)}"
        case Standing.NOT_FIXED:
            return f"{who}: {seen}; the residual is above {percent(test.design)}"
        case Standing.OPEN:
            return f"{who}: {seen}; the residual may lie anywhere from {test.lower:.2%} to {test.upper:.2%}"
        case _:
            assert_never(test.standing)


def _benign_reason(test: BenignTest) -> str:
    lost, _, won = test.worst
    seen = f"of {test.pairs} benign pairs {lost} lost and {won} won"
    match test.standing:
        case BenignStanding.NON_INFERIOR:
            return f"{seen}; the loss of benign use is at most {percent(test.margin)}"
        case BenignStanding.INFERIOR:
            return f"{seen}; more than {percent(test.margin)} of benign use is lost, so the fix is not accepted as one"
        case BenignStanding.OPEN:
            return f"{seen}; the loss of benign use may be as high as {test.loss_upper:.1%}"
        case _:
            assert_never(test.standing)


def _why_not_more(deliberation: Deliberation, *, halted: str, needed: int) -> tuple[str, ...]:
    lead = (f"the campaign was halted: {halted}",) if halted else ()
    if not halted and deliberation.is_over:
        lead = ("the calls that the criterion allows are spent",) if needed else ()
    return lead + ((f"at least {needed} more calls are needed to show a fix",) if needed else ())


def percent(rate: float) -> str:
    """Return a rate as a person reads it: `5 %`."""
    return f"{100 * rate:g} %"
