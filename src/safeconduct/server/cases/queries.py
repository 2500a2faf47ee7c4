# SPDX-License-Identifier: Apache-2.0
"""Reads of cases. Who takes part sees the case; who coordinates sees all; content opens after consent only.

What one vendor may see never tells of another: `participants_for` and `messages_for` show a vendor its own seat, the
coordinators and the reporter, the common messages and its private room.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from safeconduct.domain.case import CaseFact, CaseState, Consent, EmbargoState, Position, ReportState, VendorFix
from safeconduct.domain.clock import CaseFacts, Remediability
from safeconduct.domain.embargo import EmbargoTerms, Resolution
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import NotFoundError
from safeconduct.policy.ml_profile import parse_profile
from safeconduct.server.audit import vault
from safeconduct.server.cases.models import Case, CaseMessage, EmbargoTerm, Participant, TermState
from safeconduct.server.cases.places import message_place, title_place
from safeconduct.server.intake import queries as intake
from safeconduct.server.parties.viewer import Viewer

VENDORS = (CaseRole.VENDOR, CaseRole.DEPLOYER)
SHARED_ROLES = (CaseRole.COORDINATOR, CaseRole.REPORTER, CaseRole.FINDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message with its text opened."""

    row: CaseMessage
    text: str


def cases_for(viewer: Viewer) -> QuerySet[Case]:
    """Return the cases the viewer may know of."""
    cases = Case.objects.select_related("entry", "assessment")
    if viewer.has(Role.COORDINATOR):
        return cases
    return cases.filter(participants__in=seats_of(viewer)).distinct()


def case_for(viewer: Viewer, case_id: str) -> Case:
    """Return one case.

    Raises:
        NotFoundError: there is none, or the viewer may not know of it.
    """
    case = cases_for(viewer).filter(pk=case_id).first()
    if case is None:
        raise NotFoundError("no such case")
    return case


def seats_of(viewer: Viewer) -> QuerySet[Participant]:
    """Return the seats that the viewer holds: its own, by invitation, and those of its organizations."""
    if viewer.party_id is None:
        return Participant.objects.none()
    return Participant.objects.filter(
        Q(party_id=viewer.party_id)
        | Q(invitation__joined_id=viewer.party_id)
        | Q(organization_id__in=viewer.organizations),
        left_at__isnull=True,
    )


def seat_in(viewer: Viewer, case: Case) -> Participant | None:
    """Return the viewer's seat in a case, or nothing; a coordinator without one looks on."""
    return seats_of(viewer).filter(case=case).order_by("invited_at").first()


def require_seat(viewer: Viewer, case: Case) -> Participant:
    """Return the viewer's seat in a case.

    Raises:
        NotFoundError: the viewer has none.
    """
    seat = seat_in(viewer, case)
    if seat is None:
        raise NotFoundError("no seat in this case")
    return seat


def may_read(viewer: Viewer, case: Case) -> bool:
    """Tell whether the content of the case is open to the viewer: after consent, or once the flaw is public."""
    if viewer.has(Role.COORDINATOR):
        return True
    seat = seat_in(viewer, case)
    if seat is None:
        return False
    return case.public_at is not None or seat.consent in {Consent.SIGNATORY, Consent.NO_EMBARGO}


def require_content(viewer: Viewer, case: Case) -> None:
    """Refuse a viewer to whom the content is not open yet.

    Raises:
        NotFoundError: the viewer has not agreed to the embargo, or may not know of the case.
    """
    if not may_read(viewer, case):
        raise NotFoundError("the content of this case is not open to you")


def participants_for(viewer: Viewer, case: Case) -> QuerySet[Participant]:
    """Return the participants the viewer may know of."""
    everyone = case.participants.select_related("party", "organization", "invitation")
    if viewer.has(Role.COORDINATOR):
        return everyone
    return everyone.filter(Q(pk__in=seats_of(viewer)) | Q(role__in=SHARED_ROLES))


def participant_for(viewer: Viewer, case: Case, participant_id: str) -> Participant:
    """Return one participant.

    Raises:
        NotFoundError: there is none, or the viewer may not know of it.
    """
    participant = participants_for(viewer, case).filter(pk=participant_id).first()
    if participant is None:
        raise NotFoundError("no such participant")
    return participant


def messages_for(viewer: Viewer, case: Case) -> list[OpenedMessage]:
    """Return the messages the viewer may read, oldest first.

    Raises:
        NotFoundError: the content is not open to the viewer.
    """
    require_content(viewer, case)
    rows = case.messages.select_related("author", "room")
    if not viewer.has(Role.COORDINATOR):
        own = seats_of(viewer)
        rows = rows.filter(Q(room__isnull=True) | Q(room__in=own))
    return [
        OpenedMessage(row=row, text=vault.open_text(bytes(row.body), subject=case.pk, place=message_place(row.pk)))
        for row in rows
    ]


def title_of(case: Case) -> str:
    """Return the title. The caller has checked that the content is open to the asker."""
    return vault.open_text(bytes(case.title), subject=case.pk, place=title_place(case.pk))


def told_in(viewer: Viewer, case: Case) -> ToldReport:
    """Return the report of the case.

    Raises:
        NotFoundError: the content is not open to the viewer.
    """
    require_content(viewer, case)
    return intake.opened(case.assessment.report).told


def active_term(case: Case) -> EmbargoTerm | None:
    """Return the terms in force, or nothing."""
    return case.terms.filter(state=TermState.ACTIVE).first()


def open_terms(case: Case) -> QuerySet[EmbargoTerm]:
    """Return the terms on the table."""
    return case.terms.filter(state=TermState.PROPOSED).order_by("ends_at", "pk")


def term_for(viewer: Viewer, case: Case, term_id: str) -> EmbargoTerm:
    """Return terms of a case. Whoever has a seat may see them, also without consent.

    Raises:
        NotFoundError: there are none, or the viewer may not know of the case.
    """
    term = case.terms.filter(pk=term_id, case__in=cases_for(viewer)).first()
    if term is None:
        raise NotFoundError("no such terms")
    return term


def resolution_of(case: Case) -> Resolution:
    """Return the negotiation as the rules take it."""
    active = active_term(case)
    return Resolution(
        state=EmbargoState(case.embargo),
        active=terms_of(active) if active else None,
        pending=tuple(terms_of(term) for term in open_terms(case)),
        signatories=frozenset(case.participants.filter(consent=Consent.SIGNATORY).values_list("pk", flat=True)),
    )


def terms_of(term: EmbargoTerm) -> EmbargoTerms:
    """Return stored terms as the rules take them."""
    return EmbargoTerms(id=term.pk, by=term.proposed_by_id or "", ends_at=term.ends_at)


def public_facts(case: Case) -> frozenset[CaseFact]:
    """Return the facts P, X and A of a case."""
    told = (
        (CaseFact.PUBLIC_AWARE, case.public_at),
        (CaseFact.EXPLOIT_PUBLIC, case.exploit_public_at),
        (CaseFact.ATTACKS_OBSERVED, case.attacks_at),
    )
    return frozenset(fact for fact, at in told if at is not None)


def position_of(participant: Participant, case: Case) -> Position:
    """Return where a participant stands."""
    return Position(
        report=ReportState(participant.report_state),
        embargo=EmbargoState(case.embargo),
        case=CaseState.of(fix_of(participant), public_facts(case)),
        is_vendor=participant.role in VENDORS,
    )


def fix_of(participant: Participant) -> VendorFix:
    """Return how far a vendor's fix is."""
    if participant.fix_deployed_at:
        return VendorFix.DEPLOYED
    if participant.fix_ready_at:
        return VendorFix.READY
    return VendorFix.AWARE if participant.aware_at else VendorFix.UNAWARE


def vendor_state(case: Case) -> CaseState:
    """Return the state of the case as its slowest vendor lives it; without a vendor, the public facts alone."""
    order = list(VendorFix)
    fixes = [fix_of(seat) for seat in case.participants.filter(role__in=VENDORS, left_at__isnull=True)]
    return CaseState.of(min(fixes, key=order.index, default=VendorFix.UNAWARE), public_facts(case))


def facts_for(case: Case) -> CaseFacts:
    """Return all that the clocks of the case look at, but for extensions and pauses, which the clock keeps."""
    assessment, row = case.assessment, case.assessment.report
    vendors = list(case.participants.filter(role__in=VENDORS, left_at__isnull=True))
    term = active_term(case)
    ended = case.terms.filter(state=TermState.ENDED).order_by("-settled_at").first()
    fixed_at = _all([seat.fix_ready_at for seat in vendors])
    # One vendor's fix may be verified while another's is not there yet: the clock of the case waits for all.
    verified_at = case.verified_at if fixed_at and case.verified_at and fixed_at <= case.verified_at else None
    return CaseFacts(
        received_at=row.received_at,
        acknowledged_at=row.acknowledged_at,
        assessed_at=assessment.decided_at,
        tier=Tier(assessment.tier) if assessment.tier else None,
        is_provisional=assessment.tier_low != assessment.tier,
        remediability=Remediability(parse_profile(assessment.ml_profile).rm)
        if assessment.ml_profile
        else Remediability.UNKNOWN,
        exploitation=Exploitation(assessment.exploitation) if assessment.exploitation else None,
        exploited_at=case.attacks_at,
        exploit_public_at=case.exploit_public_at,
        leaked_at=case.public_at if case.published_at is None or _before(case.public_at, case.published_at) else None,
        vendor_notified_at=_first(seat.invited_at for seat in vendors),
        vendor_answered_at=_first(seat.joined_at for seat in vendors),
        status_at=case.status_at,
        mitigated_at=case.mitigated_at,
        fixed_at=fixed_at,
        verified_at=verified_at,
        published_at=case.published_at,
        closed_at=case.closed_at,
        embargo_ends_at=term.ends_at if term else (ended.ends_at if ended else None),
        embargo_ended_at=ended.settled_at if ended and not term else None,
    )


def _first(instants: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _all(instants: list[datetime | None]) -> datetime | None:
    """Return when the last one happened, or nothing while one has not."""
    known = [at for at in instants if at is not None]
    return max(known) if known and len(known) == len(instants) else None


def _before(one: datetime | None, other: datetime) -> bool:
    return one is not None and one < other
