# SPDX-License-Identifier: Apache-2.0
"""Reads of cases: who may know of a case, who may read it, and where everything stands.

Who takes part knows of the case; who coordinates sees all of it; content opens after consent to the embargo in force.
What one vendor may see never tells of another: it is shown its own seat, the coordinators and the reporter, its own
steps and those of the whole case, the common messages and its private room.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from safeconduct.domain.case import CaseFact, CaseState, Consent, EmbargoState, Position, ReportState, VendorFix
from safeconduct.domain.clock import CaseFacts, Remediability
from safeconduct.domain.embargo import ConsentRecord, EmbargoTerms, Resolution
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import NotFoundError
from safeconduct.policy.decision import Outcome
from safeconduct.policy.embargo_course import may_see_case
from safeconduct.policy.ml_profile import parse_profile
from safeconduct.server.audit import vault
from safeconduct.server.cases.models import Case, EmbargoTerm, Participant, TermState
from safeconduct.server.cases.places import title_place
from safeconduct.server.cases.redaction import for_one
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Direction, MessageKind, Report
from safeconduct.server.parties.viewer import Viewer

VENDORS = (CaseRole.VENDOR, CaseRole.DEPLOYER)
SHARED_ROLES = (CaseRole.COORDINATOR, CaseRole.REPORTER, CaseRole.FINDER)
LOOKERS_ON = (CaseRole.OBSERVER, CaseRole.OTHER)
UNDER = frozenset({EmbargoState.ACTIVE, EmbargoState.REVISE})
SYSTEMIC_FROM = 3


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


def case_of_report(row: Report) -> Case | None:
    """Return the case of a report, or nothing; the caller has checked that the asker may see the report."""
    return Case.objects.select_related("entry", "assessment__report").filter(assessment__report=row).first()


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
    return seats_of(viewer).filter(case=case).order_by("invited_at", "pk").first()


def require_seat(viewer: Viewer, case: Case) -> Participant:
    """Return the viewer's seat in a case.

    Raises:
        NotFoundError: the viewer has none.
    """
    seat = seat_in(viewer, case)
    if seat is None:
        raise NotFoundError("no seat in this case")
    return seat


def desk_seat(case: Case) -> Participant:
    """Return the seat of those who coordinate, from which all of them write."""
    return case.participants.filter(role=CaseRole.COORDINATOR).earliest("invited_at", "pk")


def voice_of(viewer: Viewer, case: Case) -> Participant:
    """Return the seat from which the viewer speaks: the desk's for those who coordinate, else its own.

    Raises:
        NotFoundError: the viewer has none.
    """
    return desk_seat(case) if viewer.has(Role.COORDINATOR) else require_seat(viewer, case)


def acting_seat(viewer: Viewer, case: Case, participant_id: str) -> Participant:
    """Return a seat for which the viewer may act: those who coordinate for each, the others for their own.

    Raises:
        NotFoundError: there is none, or the viewer may not act for it.
    """
    seats = case.participants.filter(left_at__isnull=True)
    if not viewer.has(Role.COORDINATOR):
        seats = seats.filter(pk__in=seats_of(viewer))
    seat = seats.filter(pk=participant_id).first()
    if seat is None:
        raise NotFoundError("no such seat")
    return seat


def may_read(viewer: Viewer, case: Case) -> bool:
    """Tell whether the content of the case is open to the viewer: after consent, or once no embargo holds."""
    if viewer.has(Role.COORDINATOR):
        return True
    return any(is_open_to(seat, case) for seat in seats_of(viewer).filter(case=case))


def is_open_to(seat: Participant, case: Case) -> bool:
    """Tell whether a participant may be shown the content.

    Consent to the terms in force counts, also while others are on the table. While an embargo is only proposed, those
    who have the report already go on.
    """
    if case.embargo == EmbargoState.PROPOSED:
        return seat.report_state != ReportState.START
    active = active_term(case)
    given = [
        ConsentRecord(participant=seat.pk, terms=term_id, consent=Consent.SIGNATORY)
        for term_id in seat.answers.filter(accepts=True).values_list("term_id", flat=True)
    ]
    terms = terms_of(active) if active else None
    return may_see_case(given, state=EmbargoState(case.embargo), active=terms).outcome is Outcome.ALLOWED


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


def title_of(case: Case) -> str:
    """Return the title. The caller has checked that the content is open to the asker."""
    return vault.open_text(bytes(case.title), subject=case.pk, place=title_place(case.pk))


def told_in(viewer: Viewer, case: Case) -> ToldReport:
    """Return the report of the case, and to those who do not coordinate without whom it names beside themselves.

    Raises:
        NotFoundError: the content is not open to the viewer.
    """
    require_content(viewer, case)
    told = intake.opened(case.assessment.report).told
    if viewer.has(Role.COORDINATOR):
        return told
    own = {seat.name for seat in seats_of(viewer).filter(case=case)}
    return for_one(told, own, others={seat.name for seat in case.participants.all()} - own)


def active_term(case: Case) -> EmbargoTerm | None:
    """Return the terms in force, or nothing."""
    return next((term for term in case.terms.all() if term.state == TermState.ACTIVE), None)


def open_terms(case: Case) -> list[EmbargoTerm]:
    """Return the terms on the table, the earliest end first."""
    found = (term for term in case.terms.all() if term.state == TermState.PROPOSED)
    return sorted(found, key=lambda term: (term.ends_at, term.pk))


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


def voters(case: Case) -> QuerySet[Participant]:
    """Return whose answers settle terms: the parties to the embargo, or while there is none all who have come."""
    seats = case.participants.filter(left_at__isnull=True).exclude(role__in=LOOKERS_ON)
    if case.embargo in UNDER:
        return seats.filter(consent__in=(Consent.SIGNATORY, Consent.LAPSED))
    return seats.filter(joined_at__isnull=False).exclude(consent=Consent.DECLINED)


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
    """Return the state of the case as its slowest vendor lives it; without a vendor, the public facts alone.

    This tells of all vendors: show it to those who coordinate only, and `state_for` to the others.
    """
    order = list(VendorFix)
    fixes = [fix_of(seat) for seat in _vendors(case)]
    return CaseState.of(min(fixes, key=order.index, default=VendorFix.UNAWARE), public_facts(case))


def state_for(viewer: Viewer, case: Case) -> CaseState:
    """Return the state of the case as the viewer may know it: a vendor's own, that of the slowest for the desk."""
    if viewer.has(Role.COORDINATOR):
        return vendor_state(case)
    seat = seat_in(viewer, case)
    return CaseState.of(fix_of(seat) if seat else VendorFix.UNAWARE, public_facts(case))


def facts_for(case: Case) -> CaseFacts:
    """Return all that the clocks of the case look at, but for extensions and pauses, which the clock keeps.

    All vendors count: it is fixed, mitigated and answered when the last of them has done so.
    """
    return _facts(case, _vendors(case), systemic=len(_vendors(case)) >= SYSTEMIC_FROM or None)


def facts_of_seat(seat: Participant, case: Case) -> CaseFacts:
    """Return the same facts as one vendor lives them, so that its clocks tell nothing of another vendor."""
    return _facts(case, [seat], systemic=None)


def facts_of_report(row: Report) -> CaseFacts:
    """Return what the clocks of a report look at before it has a case.

    Raises:
        ConfigurationError: the shipped profile is damaged.
    """
    assessment = getattr(row, "assessment", None)
    return CaseFacts(
        received_at=row.received_at,
        acknowledged_at=_since(row.acknowledged_at, row.received_at),
        tier=Tier(assessment.tier) if assessment and assessment.tier else None,
        is_provisional=True,
        status_at=_told_at(row),
        zone=settings.SAFECONDUCT.zone,
    )


def _facts(case: Case, vendors: list[Participant], *, systemic: bool | None) -> CaseFacts:
    assessment, row = case.assessment, case.assessment.report
    term, ended = active_term(case), _ended_term(case)
    fixed_at = _all([seat.fix_ready_at for seat in vendors])
    is_verified = fixed_at and case.verified_at and fixed_at <= case.verified_at
    leaked_at = case.public_at if case.published_at is None or _before(case.public_at, case.published_at) else None
    shown = term or ended
    return CaseFacts(
        received_at=row.received_at,
        acknowledged_at=_since(row.acknowledged_at, row.received_at),
        assessed_at=_since(assessment.decided_at, row.received_at),
        tier=Tier(assessment.tier) if assessment.tier else None,
        is_provisional=assessment.tier_low != assessment.tier,
        remediability=_remediability(assessment.ml_profile),
        systemic=systemic,
        exploitation=Exploitation(assessment.exploitation) if assessment.exploitation else None,
        exploited_at=case.attacks_at,
        exploit_public_at=case.exploit_public_at,
        leaked_at=leaked_at,
        vendor_notified_at=min((seat.invited_at for seat in vendors if seat.invited_at), default=None),
        vendor_answered_at=_all([seat.joined_at for seat in vendors]),
        status_at=_told_at(row),
        mitigated_at=_all([seat.mitigated_at or seat.fix_ready_at for seat in vendors]),
        fixed_at=fixed_at,
        verified_at=case.verified_at if is_verified else None,
        published_at=_since(case.published_at, row.received_at),
        closed_at=_since(case.closed_at, row.received_at),
        embargo_ends_at=shown.ends_at if shown else None,
        embargo_ended_at=ended.settled_at if ended and not term else None,
        zone=settings.SAFECONDUCT.zone,
    )


def _vendors(case: Case) -> list[Participant]:
    return [seat for seat in case.participants.all() if seat.role in VENDORS and seat.left_at is None]


def _ended_term(case: Case) -> EmbargoTerm | None:
    ended = [term for term in case.terms.all() if term.state == TermState.ENDED and term.settled_at]
    return max(ended, key=lambda term: (term.settled_at, term.pk), default=None)


def _told_at(row: Report) -> datetime | None:
    told: datetime | None = row.messages.filter(
        direction=Direction.TO_REPORTER, kind__in=(MessageKind.NOTE, MessageKind.DECISION)
    ).aggregate(last=Max("sent_at"))["last"]
    return _since(told, row.received_at)


def _remediability(profile: str) -> Remediability:
    return Remediability(parse_profile(profile).rm) if profile else Remediability.UNKNOWN


def _since(at: datetime | None, start: datetime) -> datetime | None:
    """Return the instant, or the start where the clock of the machine was set back between the two."""
    return max(at, start) if at else None


def _all(instants: list[datetime | None]) -> datetime | None:
    """Return when the last one happened, or nothing while one has not."""
    known = [at for at in instants if at is not None]
    return max(known) if known and len(known) == len(instants) else None


def _before(one: datetime | None, other: datetime) -> bool:
    return one is not None and one < other
