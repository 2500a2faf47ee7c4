# SPDX-License-Identifier: Apache-2.0
"""The course of an embargo: who may see what, who joins, how cases join and part, when it ends.

An embargo that ends removes a constraint; it obliges nobody to publish (Vultron, embargo principles). Leaving it, or
closing or deferring a report, ends it for nobody else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from safeconduct.domain.case import CaseFact, Consent, EmbargoState, VendorFix
from safeconduct.domain.embargo import (
    Admission,
    AnswerWindow,
    AttackOverride,
    ConsentRecord,
    EmbargoTerms,
    EndDuty,
    Resolution,
)
from safeconduct.domain.instants import show_duration, show_utc, utc
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.embargo_rules import embargo_rules
from safeconduct.policy.lifecycle import UNDER_EMBARGO

_GRAVITY: Final = (EndDuty.CONTINUES, EndDuty.MAY_END, EndDuty.SHOULD_END, EndDuty.MUST_END)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFacts:
    """What bears on the end of an embargo. `None` is not known; `quorum` is the share of vendors that suffices."""

    ends_at: datetime
    public: frozenset[CaseFact] = frozenset()
    vendors: tuple[VendorFix, ...] = ()
    adversaries_hold_exploit: bool | None = None
    adversaries_know_details: bool | None = None
    override: AttackOverride | None = None
    quorum: float = 1.0


def end_duty(facts: EndFacts, *, now: datetime) -> Decision[EndDuty]:
    """Say whether an active embargo must, should or may end now; all grounds of the gravest answer are named."""
    grounds = [ground for ground in _end_grounds(facts, utc(now)) if ground]
    duty = max((one for one, _, _ in grounds), key=_GRAVITY.index, default=EndDuty.CONTINUES)
    speaking = [ground for ground in grounds if ground[0] is duty]
    return Decision(
        outcome=duty,
        reasons=tuple(reason for _, _, reason in speaking) or (f"the embargo runs until {show_utc(facts.ends_at)}",),
        rules=tuple(rule for _, rule, _ in speaking) or ("embargo.runs",),
        inputs={
            "ends_at": facts.ends_at,
            "public": facts.public,
            "adversaries_hold_exploit": facts.adversaries_hold_exploit,
            "adversaries_know_details": facts.adversaries_know_details,
            "override": facts.override.reason if facts.override else "",
        },
    )


def _end_grounds(facts: EndFacts, now: datetime) -> Iterable[tuple[EndDuty, str, str] | None]:
    """Yield every ground for an end, with its duty and rule."""
    must, should, may = EndDuty.MUST_END, EndDuty.SHOULD_END, EndDuty.MAY_END
    ready = [fix for fix in facts.vendors if fix in {VendorFix.READY, VendorFix.DEPLOYED}]
    deployed = [fix for fix in facts.vendors if fix is VendorFix.DEPLOYED]
    attacked = CaseFact.ATTACKS_OBSERVED in facts.public
    checks = (
        (CaseFact.PUBLIC_AWARE in facts.public, must, "embargo.public", "the public knows of the flaw"),
        (CaseFact.EXPLOIT_PUBLIC in facts.public, must, "embargo.exploit", "an exploit is public"),
        (now >= facts.ends_at, must, "embargo.expired", f"its end {show_utc(facts.ends_at)} is reached"),
        (
            attacked and not facts.override,
            must,
            "embargo.attacks",
            "attacks are observed and nobody has overridden the end",
        ),
        (facts.adversaries_hold_exploit, should, "embargo.adversaries", "adversaries hold an exploit"),
        (
            facts.vendors and len(deployed) == len(facts.vendors),
            should,
            "embargo.deployed",
            "the fix is deployed everywhere",
        ),
        (facts.adversaries_know_details, may, "embargo.adversaries", "adversaries know details"),
        (
            ready and len(ready) >= facts.quorum * len(facts.vendors),
            may,
            "embargo.quorum",
            "enough vendors have a fix ready",
        ),
    )
    return ((duty, rule, reason) if holds else None for holds, duty, rule, reason in checks)


def answer_window(
    invited_at: datetime, *, asked: timedelta | None, embargo_ends_at: datetime
) -> Decision[AnswerWindow]:
    """Return how long an invited participant may take: at least 72 hours, and never beyond the embargo's end.

    A window that is too short is lengthened, not refused. Where the two bounds conflict the embargo's end wins.
    """
    rules = embargo_rules()
    opens, ends = utc(invited_at), utc(embargo_ends_at)
    length = asked if asked is not None else rules.answer_default
    reasons, spoke = [f"{show_duration(length)} to answer"], ["embargo.answer"]
    if length < rules.answer_least:
        length = rules.answer_least
        reasons.append(f"lengthened to {show_duration(length)}")
        spoke.append("embargo.answer-least")
    closes = opens + length
    if closes > ends:
        closes = max(ends, opens)
        reasons.append("cut at the end of the embargo")
        spoke.append("embargo.answer-end")
    return Decision(
        outcome=AnswerWindow(opens_at=opens, closes_at=closes),
        reasons=tuple(reasons),
        rules=tuple(spoke),
        inputs={"asked": asked, "embargo_ends_at": ends},
    )


def may_still_accept(
    window: AnswerWindow, *, answered_at: datetime, terms: str, current: EmbargoTerms
) -> Decision[Outcome]:
    """Say whether an acceptance counts: not one of other terms, nor after the end; being late alone refuses nothing.

    Silence at the end of the window is recorded as declining; who accepts after that is invited and accepts in one act.
    """
    inputs = {"answered_at": answered_at, "terms": terms, "current": current.id}
    if terms != current.id:
        reason = "the terms have changed: invite again with the present ones"
        return Decision(outcome=Outcome.BLOCKED, reasons=(reason,), rules=("embargo.stale-consent",), inputs=inputs)
    if answered_at >= current.ends_at:
        reason = "the embargo has ended"
        return Decision(outcome=Outcome.BLOCKED, reasons=(reason,), rules=("embargo.expired",), inputs=inputs)
    late = ("late, and still welcome",) if answered_at > window.closes_at else ()
    return Decision(outcome=Outcome.ALLOWED, reasons=late, rules=("embargo.answer",), inputs=inputs)


def may_see_case(
    consents: Iterable[ConsentRecord], *, state: EmbargoState, active: EmbargoTerms | None
) -> Decision[Outcome]:
    """Say whether one participant, whose consents these are, may be shown the content of the case.

    Consent to the terms in force counts, also while a revision is on the table: a proposal takes nothing away.
    """
    if state is EmbargoState.PROPOSED:
        reason = "terms are on the table: wait for the answer before sharing"
        return Decision(outcome=Outcome.DISCOURAGED, reasons=(reason,), rules=("embargo.consent",))
    if state not in UNDER_EMBARGO or active is None:
        return Decision(outcome=Outcome.ALLOWED, reasons=("no embargo is active",), rules=("embargo.consent",))
    agreed = any(one.terms == active.id and one.consent is Consent.SIGNATORY for one in consents)
    return Decision(
        outcome=Outcome.ALLOWED if agreed else Outcome.BLOCKED,
        reasons=() if agreed else ("no consent to the embargo in force",),
        rules=("embargo.consent",),
        inputs={"terms": active.id},
    )


def admission(
    terms: EmbargoTerms, *, policy_length: timedelta | None, passes_on: bool, now: datetime
) -> Decision[Admission]:
    """Say how a further participant may be brought in; `inputs["notify_from"]` is when its own policy fits.

    `policy_length` is the longest silence its published policy allows, None if it has none. `passes_on` says that it
    is known, or bound by law, to pass reports on.
    """
    inputs: dict[str, object] = {"ends_at": terms.ends_at, "policy_length": policy_length, "notify_from": now}
    rule = "embargo.admission"
    if passes_on:
        inputs["notify_from"] = terms.ends_at
        reason = "it passes reports on: treat it as one who publishes at once"
        return Decision(outcome=Admission.LAST, reasons=(reason,), rules=(rule,), inputs=inputs)
    if policy_length is None or now + policy_length == terms.ends_at:
        reason = "propose the embargo first; share the report after the acceptance"
        return Decision(outcome=Admission.INVITE, reasons=(reason,), rules=(rule,), inputs=inputs)
    if now + policy_length > terms.ends_at:
        reason = "its policy allows longer silence: notify early, it may ask for a revision"
        return Decision(outcome=Admission.INVITE_EARLY, reasons=(reason,), rules=(rule,), inputs=inputs)
    inputs["notify_from"] = terms.ends_at - policy_length
    reason = (
        f"its policy publishes after {show_duration(policy_length)}, before the embargo ends: shorten the embargo, "
        f"get its consent, wait until {show_utc(terms.ends_at - policy_length)}, or leave it out"
    )
    return Decision(outcome=Admission.ADAPT, reasons=(reason,), rules=(rule,), inputs=inputs)


def merge(active: Sequence[EmbargoTerms], *, agreed: EmbargoTerms | None = None) -> Decision[Resolution]:
    """Return the embargo of a case made of several: newly agreed terms, else the earliest end that was accepted."""
    terms = agreed or min(active, key=lambda one: (one.ends_at, one.id), default=None)
    if terms is None:
        reason = "none of the cases has an embargo"
        return Decision(outcome=Resolution(state=EmbargoState.NONE), reasons=(reason,), rules=("embargo.merge",))
    reason = "newly agreed terms" if agreed else "nothing new was agreed: the earliest accepted end holds"
    return Decision(
        outcome=Resolution(state=EmbargoState.ACTIVE, active=terms),
        reasons=(f"{reason}: {show_utc(terms.ends_at)}",),
        rules=("embargo.merge",),
        inputs={"ends": [one.ends_at for one in active]},
    )


def may_split(parent: EmbargoTerms, *, child_ends_at: datetime) -> Decision[Outcome]:
    """Say whether a case split off may have this end; the siblings are told of any change."""
    inputs = {"parent_ends_at": parent.ends_at, "child_ends_at": child_ends_at}
    if child_ends_at < parent.ends_at:
        reason = "it ends before that of the case it came from: check first what its publication tells of the siblings"
        return Decision(outcome=Outcome.DISCOURAGED, reasons=(reason,), rules=("embargo.split",), inputs=inputs)
    told = ("tell the siblings of the later end",) if child_ends_at > parent.ends_at else ("the embargo goes with it",)
    return Decision(outcome=Outcome.ALLOWED, reasons=told, rules=("embargo.split",), inputs=inputs)
