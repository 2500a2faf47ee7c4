# SPDX-License-Identifier: Apache-2.0
"""The numbers of embargo negotiation, and when an embargo may be talked about at all.

MUST NOT propose or accept once the public knows (P), an exploit is public (X) or attacks are seen (A); SHOULD NOT once
the fix is deployed; only briefly once it is ready (Vultron, embargo principles). A participant who has closed the
report is out; one who holds it for invalid or has put it off should not start.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from safeconduct.domain.case import CaseFact, CaseState, ReportState
from safeconduct.domain.clock import DeadlineKind
from safeconduct.domain.embargo import EmbargoTerms
from safeconduct.domain.instants import parse_duration, show_duration, show_utc
from safeconduct.domain.severity import Tier
from safeconduct.policy import tables
from safeconduct.policy.deadline_policy import DeadlinePolicy, balanced
from safeconduct.policy.decision import Decision, Outcome, combine


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbargoRules:
    """The numbers: answer windows, the brief embargo, and in which report states one proposes, accepts and revises."""

    edition: str
    answer_default: timedelta
    answer_least: timedelta
    brief_most: timedelta
    propose: frozenset[ReportState]
    accept: frozenset[ReportState]
    revise: frozenset[ReportState]


@cache
def embargo_rules() -> EmbargoRules:
    """Return the table, read and checked once.

    Raises:
        ConfigurationError: the shipped table is damaged.
    """
    return tables.load("embargo.toml", build_rules)


def build_rules(table: tables.Table) -> EmbargoRules:
    """Check the table and give its entries their types."""
    answer, states = table.content["answer"], table.content["report_states"]
    rules = EmbargoRules(
        edition=table.edition,
        answer_default=parse_duration(answer["default"]),
        answer_least=parse_duration(answer["least"]),
        brief_most=parse_duration(table.content["brief"]["most"]),
        propose=frozenset(map(ReportState, states["propose"])),
        accept=frozenset(map(ReportState, states["accept"])),
        revise=frozenset(map(ReportState, states["revise"])),
    )
    if rules.answer_least > rules.answer_default:
        raise ValueError("the default answer window is shorter than the least")
    return rules


def default_length(tier: Tier | None, *, policy: DeadlinePolicy | None = None) -> timedelta:
    """Return the default length of an embargo: until the tier's publication date."""
    profile = policy or balanced()
    return profile.tiers[tier or profile.unassessed].periods[DeadlineKind.PUBLISH].length


def longest(tier: Tier | None, *, policy: DeadlinePolicy | None = None) -> timedelta:
    """Return the longest embargo of the tier, counted from the notification of the vendor."""
    profile = policy or balanced()
    return profile.tiers[tier or profile.unassessed].cap


def may_propose(case: CaseState, report: ReportState, *, terms: EmbargoTerms, now: datetime) -> Decision[Outcome]:
    """Say whether a participant may propose an embargo with these terms."""
    wanted = embargo_rules().propose | {ReportState.START}
    return combine((of_case(case), _of_fix(case, terms, now), _of_report(report, wanted), _of_end(terms, now)))


def may_accept(case: CaseState, report: ReportState, *, terms: EmbargoTerms, now: datetime) -> Decision[Outcome]:
    """Say whether a participant may accept these terms."""
    return combine((of_case(case), _of_report(report, embargo_rules().accept), _of_end(terms, now)))


def may_revise(case: CaseState, report: ReportState, *, terms: EmbargoTerms, now: datetime) -> Decision[Outcome]:
    """Say whether a participant may propose these terms in place of those in force."""
    wanted = embargo_rules().revise
    return combine((of_case(case), _of_fix(case, terms, now), _of_report(report, wanted), _of_end(terms, now)))


def of_case(case: CaseState) -> Decision[Outcome]:
    """Say whether the facts of the case leave room for an embargo at all."""
    grounds = {
        CaseFact.PUBLIC_AWARE: "the public knows of the flaw",
        CaseFact.EXPLOIT_PUBLIC: "an exploit is public",
        CaseFact.ATTACKS_OBSERVED: "attacks have been observed",
    }
    reasons = tuple(words for fact, words in grounds.items() if fact in case.facts)
    return Decision(
        outcome=Outcome.BLOCKED if reasons else Outcome.ALLOWED,
        reasons=reasons,
        rules=("embargo.public",),
        inputs={"case": case.code},
    )


def _of_fix(case: CaseState, terms: EmbargoTerms, now: datetime) -> Decision[Outcome]:
    """Discourage what a deployed fix makes needless, or a ready one needlessly long."""
    rule = ("embargo.fix",)
    if CaseFact.FIX_DEPLOYED in case.facts:
        return Decision(outcome=Outcome.DISCOURAGED, reasons=("the fix is deployed",), rules=rule)
    most = embargo_rules().brief_most
    if CaseFact.FIX_READY in case.facts and terms.ends_at > now + most:
        reason = f"a fix is ready: a brief embargo of at most {show_duration(most)} should do"
        return Decision(outcome=Outcome.DISCOURAGED, reasons=(reason,), rules=rule)
    return Decision(outcome=Outcome.ALLOWED, rules=rule)


def _of_report(report: ReportState, wanted: frozenset[ReportState]) -> Decision[Outcome]:
    """Block who has closed the report, and discourage who is not at the point for it."""
    rule = ("embargo.report",)
    inputs = {"report": report}
    if report is ReportState.CLOSED:
        return Decision(outcome=Outcome.BLOCKED, reasons=("the report is closed here",), rules=rule, inputs=inputs)
    if report not in wanted:
        reason = "the report should be received, valid or accepted here first"
        return Decision(outcome=Outcome.DISCOURAGED, reasons=(reason,), rules=rule, inputs=inputs)
    return Decision(outcome=Outcome.ALLOWED, rules=rule, inputs=inputs)


def _of_end(terms: EmbargoTerms, now: datetime) -> Decision[Outcome]:
    """Block an end that is not ahead."""
    if terms.ends_at > now:
        return Decision(outcome=Outcome.ALLOWED, rules=("embargo.end",))
    reason = f"the end {show_utc(terms.ends_at)} is not ahead"
    return Decision(outcome=Outcome.BLOCKED, reasons=(reason,), rules=("embargo.end",))
