# SPDX-License-Identifier: Apache-2.0
"""May this advisory go public, and if not, what still blocks?

Every ground is listed, not only the first: an embargo in force, answers that the public needs, nothing a machine can
match, no verdict on the fix and no reason to do without one, duplicates not settled, the reporter's wish for credit not
asked or not kept, vendors not told, a sharing label other than TLP:CLEAR, restricted matter, errors of the lint.
Warnings of the lint that nobody acknowledged make it discouraged, and so does a name in it that the reporter gave and
did not release.

The instant of publication is chosen elsewhere (`policy.deadlines`, `policy.embargoes`); this says whether it may be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from safeconduct.domain.advisory import Advisory, RemediationKind
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.flaw import Track
from safeconduct.domain.instants import show_utc
from safeconduct.domain.report import Tlp
from safeconduct.policy.completeness import is_machine_readable
from safeconduct.policy.decision import Decision, Outcome, combine
from safeconduct.policy.leaks import names_in
from safeconduct.policy.lint import free_texts, lint, passes

NAME_RULE = "name"
WITHOUT_FIX = frozenset(
    {
        RemediationKind.MITIGATION,
        RemediationKind.WORKAROUND,
        RemediationKind.NO_FIX_PLANNED,
        RemediationKind.NONE_AVAILABLE,
        RemediationKind.GUARDRAIL,
        RemediationKind.DEPRECATION,
        RemediationKind.WEIGHT_RECALL,
    }
)
"""Remedies that say openly that the flaw itself is not verified as fixed."""


class CreditChoice(StrEnum):
    """What the reporter said about being named."""

    NOT_ASKED = "not_asked"
    RELEASED = "released"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationFacts:
    """What decides whether the advisory may go public.

    `report_gaps` is the answer of `completeness.missing` for the stage PUBLISH. `embargo_until` is None when no embargo
    is in force. `without_verdict` and `without_vendor` are reasons stated by a person, to be published with the case.
    `names_kept` are names that the reporter gave and did not release; `acknowledged` are rules of warnings.
    """

    advisory: Advisory
    report_gaps: Decision[Outcome]
    credit: CreditChoice
    embargo_until: datetime | None = None
    without_verdict: str = ""
    duplicates_open: tuple[str, ...] = ()
    vendors_not_informed: tuple[str, ...] = ()
    without_vendor: str = ""
    restricted_texts: tuple[str, ...] = ()
    names_kept: tuple[str, ...] = ()
    acknowledged: frozenset[str] = frozenset()


def may_publish(facts: PublicationFacts, *, now: datetime) -> Decision[Outcome]:
    """Return whether the advisory may go public now, with everything that blocks it."""
    findings = lint(facts.advisory, restricted=facts.restricted_texts)
    return combine(
        (
            *_embargo(facts, now),
            *_record(facts),
            *_verdict(facts),
            *_people(facts),
            facts.report_gaps,
            passes(findings, acknowledged=facts.acknowledged),
        )
    )


def _embargo(facts: PublicationFacts, now: datetime) -> Iterator[Decision[Outcome]]:
    """Yield a ground while an embargo is in force."""
    if facts.embargo_until is not None and now < facts.embargo_until:
        yield _blocked("embargo", f"an embargo is in force until {show_utc(facts.embargo_until)}")


def _record(facts: PublicationFacts) -> Iterator[Decision[Outcome]]:
    """Yield the grounds that lie in the advisory itself."""
    advisory = facts.advisory
    if not any(is_machine_readable(system) for system in advisory.affected):
        yield _blocked("affected", "no affected system can be matched by a machine: give a package URL or a digest")
    if Track.RESTRICTED in advisory.tracks:
        yield _blocked("restricted", "restricted matter is handled by the authorities and not published here")
    if advisory.tlp is not Tlp.CLEAR:
        yield _blocked("tlp", f"it is labeled {advisory.tlp}: only TLP:CLEAR may be public")
    if facts.duplicates_open:
        listed = ", ".join(facts.duplicates_open)
        yield _blocked("duplicates", f"someone has to say whether it is the same as {listed}")


def _verdict(facts: PublicationFacts) -> Iterator[Decision[Outcome]]:
    """Yield a ground where no verdict stands behind the fix, and nothing says why that is so."""
    verification = facts.advisory.verification
    if verification is not None and verification.verdict is Verdict.FIXED:
        return
    openly = facts.without_verdict.strip() or any(entry.kind in WITHOUT_FIX for entry in facts.advisory.remediations)
    if openly:
        return
    found = "there is no verdict on the fix" if verification is None else _told(verification.verdict)
    yield _blocked("verdict", f"{found}: verify it, name a mitigation, or state why it is published without")


def _told(verdict: Verdict) -> str:
    """Return a verdict other than FIXED in words."""
    match verdict:
        case Verdict.NOT_FIXED:
            return "the fix was refuted"
        case Verdict.INCONCLUSIVE:
            return "the campaign was inconclusive"
        case Verdict.HARNESS_INVALID:
            return "the harness did not reproduce the flaw, so nothing is shown"
        case Verdict.REGRESSED:
            return "the flaw is back"
        case Verdict.FIXED:
            return "the fix was verified"
        case _:
            assert_never(verdict)


def _people(facts: PublicationFacts) -> Iterator[Decision[Outcome]]:
    """Yield the grounds that lie with the reporter and the vendors."""
    if facts.credit is CreditChoice.NOT_ASKED:
        yield _blocked("credit", "the reporter was not asked whether to be named")
    if facts.credit is CreditChoice.ANONYMOUS and facts.advisory.credits:
        yield _blocked("credit", "someone is named who did not release the name")
    if NAME_RULE not in facts.acknowledged and any(
        names_in(text, facts.names_kept) for text in free_texts(facts.advisory).values()
    ):
        yield Decision(
            outcome=Outcome.DISCOURAGED,
            reasons=(f"a name stands in it that the reporter did not release: take it out, or accept {NAME_RULE}",),
            rules=(f"publication.{NAME_RULE}",),
        )
    if facts.vendors_not_informed and not facts.without_vendor.strip():
        listed = ", ".join(facts.vendors_not_informed)
        yield _blocked("vendor", f"not informed yet: {listed}. Inform them, or state why that is not possible")


def _blocked(rule: str, reason: str) -> Decision[Outcome]:
    """Return one ground against publication."""
    return Decision(outcome=Outcome.BLOCKED, reasons=(reason,), rules=(f"publication.{rule}",))
