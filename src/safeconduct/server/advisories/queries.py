# SPDX-License-Identifier: Apache-2.0
"""Reads of advisories: the draft of a case, what still blocks it, and the published documents."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from safeconduct.domain.advisory import Advisory as Record
from safeconduct.domain.advisory import AdvisoryStatus, Publisher
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.flaw import Track
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.domain.severity import Exploitation, Severity, Tier
from safeconduct.errors import NotFoundError, VerificationError
from safeconduct.formats import native
from safeconduct.policy.completeness import Proof, Stage, missing
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.ml_profile import parse_profile
from safeconduct.policy.publication import CreditChoice, PublicationFacts, may_publish
from safeconduct.policy.severity import assess
from safeconduct.server.advisories.drafting import Checked, Known, next_version
from safeconduct.server.advisories.models import Advisory, AdvisoryState, Publication
from safeconduct.server.advisories.places import draft_place
from safeconduct.server.audit import vault
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.campaigns import queries as campaigns
from safeconduct.server.campaigns.models import Campaign
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.intake import queries as intake
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import queries as registry
from safeconduct.server.triage.models import AssessmentState
from safeconduct.verification.certificate import verify_certificate

SHOWN = (AdvisoryState.PUBLISHED, AdvisoryState.WITHDRAWN)
DOCUMENTS = {"json": "native", "csaf": "csaf", "osv": "osv"}


def advisory_for(viewer: Viewer, case: Case) -> Advisory:
    """Return the advisory of a case.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    if not viewer.has(Role.COORDINATOR) and not cases.may_read(viewer, case):
        raise NotFoundError("no such advisory")
    advisory = Advisory.objects.filter(case=case).select_related("entry", "case").first()
    if advisory is None:
        raise NotFoundError("no such advisory")
    return advisory


def draft_of(advisory: Advisory) -> Record:
    """Return the draft. The caller has checked that the asker may see it."""
    sealed = vault.open_sealed(bytes(advisory.draft), subject=advisory.case_id, place=draft_place(advisory.pk))
    return native.read_advisory(sealed)


def known_of(case: Case) -> Known:
    """Return what the case knows, for the draft."""
    row = case.assessment.report
    # A verdict that a watch has set back is told in no draft.
    campaign = campaigns.latest_standing(case)
    facts = cases.facts_for(case)
    return Known(
        public_id=case.entry.public_id,
        told=intake.opened(row).told,
        severity=_severity(case),
        tracks=tuple(Track(item) for item in case.assessment.tracks),
        publisher=publisher(),
        received_at=row.received_at,
        informed_at=facts.vendor_notified_at,
        fixed_at=facts.fixed_at,
        checked=checked(campaign) if campaign else None,
        tested=_tested(campaign) if campaign else None,
    )


def checked(campaign: Campaign) -> Checked:
    """Recompute a campaign's certificate from its trials and return it with its digest and address.

    Raises:
        VerificationError: the stored certificate does not follow from the stored trials.
    """
    envelope = campaign.certificate.encode()
    check = verify_certificate(envelope, campaign.trials.encode(), [key_ring().attestation.verifier])
    address = reverse("advisories:certificate", args=[campaign.claim.case.entry.public_id])
    tries = campaigns.tries_at(campaign)
    return Checked(
        check=check,
        sha256=hashlib.sha256(envelope).hexdigest(),
        url=f"{settings.SAFECONDUCT.base_url.rstrip('/')}{address}",
        tries=len(tries),
        chance_of_error=campaigns.chance_of_error(tries),
    )


def publisher() -> Publisher:
    """Return who publishes here."""
    config = settings.SAFECONDUCT
    base = config.base_url.rstrip("/")
    return Publisher(name=config.name, namespace=base, contact=config.contact or f"{base}{reverse('intake:start')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says when an advisory goes out: what is new, and why it goes although something is missing.

    All of it is published, in the history of versions.
    """

    what: str = "First version"
    without_verdict: str = ""
    without_vendor: str = ""
    without_answers: str = ""
    acknowledged: frozenset[str] = frozenset()


def to_publish(advisory: Advisory, *, said: Said, now: datetime) -> Record:
    """Return the draft as it would go out now; a withdrawn advisory is restored by its next version."""
    draft = draft_of(advisory)
    what = " ".join(_told(draft, said))
    record = next_version(draft, version=advisory.version + 1, what=what, now=now)
    return replace(record, status=AdvisoryStatus.FINAL, withdrawn_at=None)


def blockers(advisory: Advisory, *, said: Said, now: datetime) -> Decision[Outcome]:
    """Return whether the advisory may go out now as its next version, with everything that blocks it."""
    case = advisory.case
    told = intake.opened(case.assessment.report).told
    term = cases.active_term(case)
    restricted = told.restricted_material is not RestrictedMaterial.NONE
    vendors = case.participants.filter(role__in=cases.VENDORS, left_at__isnull=True)
    facts = PublicationFacts(
        advisory=to_publish(advisory, said=said, now=now),
        report_gaps=_gaps(case, told, said),
        credit=CreditChoice.RELEASED if told.reporter.credit_release else CreditChoice.ANONYMOUS,
        embargo_until=term.ends_at if term else None,
        without_verdict=said.without_verdict,
        duplicates_open=_undecided(case),
        vendors_not_informed=tuple(seat.name for seat in vendors if seat.aware_at is None),
        without_vendor=said.without_vendor or ("" if vendors else "no vendor could be named"),
        restricted_texts=(told.steps,) if restricted and told.steps else (),
        names_kept=_names_kept(told),
        acknowledged=said.acknowledged,
    )
    return may_publish(facts, now=now)


def _told(draft: Record, said: Said) -> Iterator[str]:
    """Yield what readers are told of a version: what is new, and each stated reason that was needed."""
    yield _sentence(said.what)
    is_verified = draft.verification is not None and draft.verification.verdict is Verdict.FIXED
    stated = (
        ("Published without a verdict that the fix holds", "" if is_verified else said.without_verdict),
        ("Published although a vendor was not informed", said.without_vendor),
        ("Published although the report leaves questions open", said.without_answers),
    )
    yield from (_sentence(f"{what}: {why.strip()}") for what, why in stated if why.strip())


def _sentence(text: str) -> str:
    told = text.strip()
    return told if told.endswith((".", "!", "?", "…")) else f"{told}."


def _names_kept(told: ToldReport) -> tuple[str, ...]:
    reporter = told.reporter
    released = reporter.credit_name.strip() if reporter.credit_release else ""
    given = {reporter.name.strip(), reporter.credit_name.strip(), reporter.contact.strip()}
    return tuple(sorted(given - {"", released}))


def _gaps(case: Case, told: ToldReport, said: Said) -> Decision[Outcome]:
    """Return what the report leaves open; a reporter who cannot be asked any more must not hold back a warning."""
    row = case.assessment.report
    proof = Proof(bundle=row.has_bundle, attachment=row.attachments.exists())
    found = missing(told, stage=Stage.PUBLISH, proof=proof)
    if found.outcome is Outcome.ALLOWED or not said.without_answers.strip():
        return found
    return Decision(
        outcome=Outcome.ALLOWED, reasons=(said.without_answers.strip(),), rules=("publication.without_answers",)
    )


def published() -> QuerySet[Advisory]:
    """Return the advisories that are out, the newest first."""
    return Advisory.objects.filter(state__in=SHOWN).select_related("entry")


def document(public_id: str, kind: str, *, version: int | None = None) -> Publication:
    """Return the exact bytes of a published document, by default of the newest version.

    Raises:
        NotFoundError: nothing of this kind was published under this identifier.
        VerificationError: the stored bytes are not those that were published.
    """
    found = Publication.objects.filter(
        advisory__entry__public_id=public_id, advisory__state__in=SHOWN, format=DOCUMENTS.get(kind, "")
    ).select_related("advisory__entry")
    if version is not None:
        found = found.filter(version=version)
    publication = found.order_by("-version").first()
    if publication is None:
        raise NotFoundError("no such document")
    if hashlib.sha256(bytes(publication.content)).hexdigest() != publication.sha256:
        raise VerificationError("the stored document was changed", hint="restore it from a backup")
    return publication


def certificate_of(public_id: str) -> Campaign:
    """Return the campaign whose certificate a published advisory refers to, and no later one.

    Raises:
        NotFoundError: nothing is published under this identifier, or no fix was tested.
    """
    advisory = published().filter(entry__public_id=public_id).select_related("case").first()
    told = registry.record_of(advisory.entry).verification if advisory else None
    if advisory is None or told is None:
        raise NotFoundError("no such certificate")
    for campaign in campaigns.decided(advisory.case):
        if hashlib.sha256(campaign.certificate.encode()).hexdigest() == told.certificate_sha256:
            return campaign
    raise NotFoundError("no such certificate")


def _severity(case: Case) -> Severity:
    made = case.assessment
    if not made.cvss_vector and not made.ml_profile:
        return Severity(tier=Tier(made.tier), tier_low=Tier(made.tier_low))
    return assess(
        cvss=made.cvss_vector,
        profile=parse_profile(made.ml_profile) if made.ml_profile else None,
        exploitation=Exploitation(made.exploitation) if made.exploitation else Exploitation.NONE,
    ).severity


def _tested(campaign: Campaign) -> str | None:
    """Return whose fix was tested, or nothing where the case has one vendor and needs no telling apart."""
    seat = campaign.claim.participant
    if seat.case.participants.filter(role__in=cases.VENDORS).count() <= 1:
        return None
    return seat.name if seat.role in cases.VENDORS else campaign.patched.vendor


def _undecided(case: Case) -> tuple[str, ...]:
    duplicates = case.assessment.report.duplicates.filter(state__in=(AssessmentState.OPEN, AssessmentState.WAITING))
    return tuple(item.report_id for item in duplicates)
