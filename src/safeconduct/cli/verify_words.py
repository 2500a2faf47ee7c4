# SPDX-License-Identifier: Apache-2.0
"""Verdicts, costs and outlooks in words and as plain data, for the commands of `safeconduct verify`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from safeconduct.domain.evidence import Verdict
from safeconduct.domain.price import amount_text
from safeconduct.verification.cost import Cost, CostLedger, Estimate, cost_facts
from safeconduct.verification.findings import VerdictReport, percent
from safeconduct.verification.outlook import Change, told

EXIT_CODES: Final = {
    Verdict.FIXED: 0,
    Verdict.NOT_FIXED: 1,
    Verdict.REGRESSED: 1,
    Verdict.INCONCLUSIVE: 2,
    Verdict.HARNESS_INVALID: 3,
}


def verdict_facts(report: VerdictReport, statement: str) -> dict[str, object]:
    """Return a verdict as plain data."""
    return {**asdict(report), "statement": statement, "exit_code": EXIT_CODES[report.verdict]}


def verdict_lines(report: VerdictReport, statement: str) -> list[str]:
    """Return a verdict for a person."""
    lines = [report.verdict.value.replace("_", " "), statement, ""]
    lines += [
        f"  before  {ascii(one.family)[1:-1]:<24} {one.hits:>4} of {one.n:<5} {one.standing.value}"
        for one in report.assay
    ]
    lines += [
        f"  after   {ascii(one.family)[1:-1]:<24} {one.hits:>4} of {one.n:<5} {one.standing.value}"
        f"  (residual {one.lower:.2%} to {one.upper:.2%})"
        for one in report.efficacy
    ]
    if report.benign is not None:
        benign = report.benign
        lines.append(f"  benign  {benign.lost} lost, {benign.won} won in {benign.pairs} pairs  {benign.standing.value}")
    return [*lines, f"  {report.calls} calls"]


def cost_words(cost: Cost) -> str:
    """Return a cost for a person."""
    parts = [
        f"{cost.calls} call{'s' if cost.calls != 1 else ''}",
        f"{cost.tokens_in} tokens sent",
        f"{cost.tokens_out} received",
    ]
    if cost.seconds:
        parts.append(f"{cost.seconds:.1f} s")
    return ", ".join([*parts, *(f"{amount_text(amount)} {name}" for name, amount in sorted(cost.amounts.items()))])


def ledger_lines(ledger: CostLedger) -> list[str]:
    """Return what a campaign came to, for a person."""
    lines = [f"  {line.arm.value:<14} {ascii(line.family)[1:-1]:<24} {cost_words(line.cost)}" for line in ledger.lines]
    return ["", "What it came to:", *lines, f"  {'in all':<39} {cost_words(ledger.total)}"]


def estimate_lines(estimates: Sequence[Estimate]) -> list[str]:
    """Return what a campaign may come to, for a person."""
    return [
        "What it may come to, if the attack succeeds on the patched target",
        *(f"  in {percent(one.rate):>4} of tries: about {cost_words(one.cost)}" for one in estimates),
        "  (received tokens are the most that the bundle allows)",
    ]


def estimate_facts(estimates: Sequence[Estimate]) -> list[dict[str, object]]:
    """Return what a campaign may come to, as plain data."""
    return [{"rate": one.rate, **cost_facts(one.cost)} for one in estimates]


def outlook_lines(changes: Sequence[Change]) -> list[str]:
    """Return what would change a verdict, for a person."""
    return ["", "What would change this:", *(f"  {ascii(told(change))[1:-1]}" for change in changes)] if changes else []
