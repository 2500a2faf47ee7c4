# SPDX-License-Identifier: Apache-2.0
"""The draft of an advisory: what the case knows and may be told, as the native record.

Only publishable facts are taken: never the steps of the report, never an attachment, never a name that was not
released, no notes on systems, nor the file that trials came from. A person then writes summary and advice for readers;
what a person wrote is kept when the draft is renewed.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from safeconduct.domain.advisory import (
    Advisory,
    Credit,
    CreditKind,
    FamilyResult,
    Publisher,
    Remediation,
    Revision,
    TimelineEntry,
    VerificationSummary,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.flaw import Track
from safeconduct.domain.report import Report, Tlp
from safeconduct.domain.severity import Severity
from safeconduct.domain.systems import UNKNOWN, AffectedStatus, AffectedSystem
from safeconduct.verification.certificate import CertificateCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A certificate that was recomputed, with its digest and where it can be fetched.

    `tries` counts the campaigns against the same system up to this one, and `chance_of_error` bounds the chance that
    any of them calls a broken fix FIXED.
    """

    check: CertificateCheck
    sha256: str
    url: str
    tries: int
    chance_of_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the case knows. Every instant is UTC.

    A campaign tests the fix of one vendor: `tested` names that vendor where the case has several, so that a verdict on
    one fix is not told of the systems of another.
    """

    public_id: str
    told: Report
    severity: Severity
    tracks: tuple[Track, ...]
    publisher: Publisher
    received_at: datetime
    informed_at: datetime | None
    fixed_at: datetime | None
    checked: Checked | None
    tested: str | None = None


def new_draft(known: Known, *, now: datetime) -> Advisory:
    """Return a first draft."""
    told = known.told
    title = told.title.strip() or known.public_id
    return renewed(
        Advisory(
            id=known.public_id,
            # A form of few questions leaves some out; a person writes them before it goes out.
            title=title,
            summary=told.summary.strip() or title,
            description=told.description.strip() or title,
            flaw_class=told.flaw_class,
            affected=tuple(_told_of(system) for system in told.affects),
            publisher=known.publisher,
            published_at=now,
            modified_at=now,
            revisions=(Revision(version=1, at=now, summary="First version"),),
            tlp=Tlp.CLEAR,
            taxonomy=told.taxonomy,
            harm_domains=told.harm.domains,
            trials=tuple(replace(trials, source="", source_sha256="") for trials in told.evidence.trials),
            credits=credits_of(told),
        ),
        known,
        now=now,
    )


def renewed(draft: Advisory, known: Known, *, now: datetime) -> Advisory:
    """Return the draft with the facts of the case as they are now; the words of people stay."""
    summary = verification_of(known.checked) if known.checked else None
    return replace(
        draft,
        severity=known.severity,
        tracks=known.tracks,
        affected=tuple(with_status(system, summary, tested=known.tested) for system in draft.affected),
        verification=summary,
        timeline=timeline_of(known),
        modified_at=now,
    )


def with_remediation(draft: Advisory, remediation: Remediation) -> Advisory:
    """Return the draft with this remedy in place of others of its kind."""
    others = tuple(item for item in draft.remediations if item.kind is not remediation.kind)
    return replace(draft, remediations=(*others, remediation))


def next_version(draft: Advisory, *, version: int, what: str, now: datetime) -> Advisory:
    """Return the draft as the version that goes out."""
    revision = Revision(version=version, at=now, summary=what)
    earlier = tuple(item for item in draft.revisions if item.version < version)
    published = draft.published_at if version > 1 else now
    return replace(draft, revisions=(*earlier, revision), published_at=published, modified_at=now)


def credits_of(told: Report) -> tuple[Credit, ...]:
    """Return the thanks that the reporter released; nobody is named who did not release a name."""
    name = told.reporter.credit_name.strip()
    if not told.reporter.credit_release or not name:
        return ()
    return (Credit(name=name, kind=CreditKind.FINDER, organization=told.reporter.organization),)


def verification_of(checked: Checked) -> VerificationSummary:
    """Return what a recomputed certificate says, in short; its chance of error is that of all tries together."""
    facts, report = checked.check.facts, checked.check.report
    return VerificationSummary(
        verdict=report.verdict,
        decided_at=facts.ended_at,
        tolerance=facts.criterion.tolerance,
        alpha=checked.chance_of_error,
        families=tuple(
            FamilyResult(
                family=item.family,
                hits=item.hits,
                calls=item.n,
                upper_bound=item.upper,
                decision=item.standing.value,
            )
            for item in report.efficacy
        ),
        excluded=report.excluded,
        benign=report.benign.standing.value if report.benign else "",
        certificate_sha256=checked.sha256,
        certificate_url=checked.url,
    )


def timeline_of(known: Known) -> tuple[TimelineEntry, ...]:
    """Return the dated facts that may be told, oldest first."""
    decided = known.checked.check.facts.ended_at if known.checked else None
    facts = (
        (known.received_at, "A report arrived."),
        (known.informed_at, "The vendor was informed."),
        (known.fixed_at, "The vendor said that a fix is there."),
        (decided, _test_told(known.checked)),
    )
    return tuple(
        TimelineEntry(at=at, what=what) for at, what in sorted((at, what) for at, what in facts if at is not None)
    )


def _told_of(system: AffectedSystem) -> AffectedSystem:
    vendor, product = (name if name.strip() else UNKNOWN for name in (system.vendor, system.product))
    return replace(system, vendor=vendor, product=product, status_note="")


def _test_told(checked: Checked | None) -> str:
    told = "The fix was tested with variants that the vendor had not seen."
    if checked is None or checked.tries <= 1:
        return told
    return f"{told} It was test {checked.tries} of the same system; the stated chance of error covers all of them."


def with_status(system: AffectedSystem, summary: VerificationSummary | None, *, tested: str | None) -> AffectedSystem:
    """Return the system with what is known of it; a verdict speaks of the tested vendor's systems only."""
    is_tested = summary is not None and (tested is None or _is_of(system, tested))
    if is_tested and summary is not None and summary.verdict is Verdict.FIXED:
        return replace(system, status=AffectedStatus.FIXED)
    is_open = system.status is AffectedStatus.SUSPECTED or (is_tested and system.status is AffectedStatus.FIXED)
    return replace(system, status=AffectedStatus.AFFECTED) if is_open else system


def _is_of(system: AffectedSystem, name: str) -> bool:
    """Tell whether the system is this vendor's; of one whose vendor nobody knows nothing was tested."""
    vendor, wanted = (frozenset(text.casefold().split()) for text in (system.vendor, name))
    return system.vendor != UNKNOWN and bool(vendor and wanted) and (vendor <= wanted or wanted <= vendor)
