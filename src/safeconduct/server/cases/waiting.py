# SPDX-License-Identifier: Apache-2.0
"""What waits across cases: for the clocks, for an answer to terms, for a reply, for guests who are silent."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from safeconduct.domain.case import Consent
from safeconduct.domain.parties import CaseRole
from safeconduct.policy.embargo_rules import embargo_rules
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, CaseMessage, EmbargoAnswer, EmbargoTerm, Participant, TermState

SHARED = queries.SHARED_ROLES


def open_cases() -> QuerySet[Case]:
    """Return the cases that are not closed, with all that their clocks look at."""
    cases = Case.objects.filter(closed_at__isnull=True).select_related("assessment__report")
    return cases.prefetch_related("participants", "terms").order_by("opened_at", "pk")


def to_lapse(now: datetime) -> QuerySet[Case]:
    """Return the open cases in which somebody has let the time for an answer pass."""
    silent = Q(
        participants__consent=Consent.INVITED,
        participants__left_at__isnull=True,
        participants__asked_at__lte=now - embargo_rules().answer_default,
    )
    waiting = Q(terms__state=TermState.PROPOSED, terms__answer_by__lte=now)
    return Case.objects.filter(silent | waiting, closed_at__isnull=True).distinct()


def terms_for_desk() -> QuerySet[EmbargoTerm]:
    """Return the terms on the table that the desk has not answered, the shortest window first."""
    answered = EmbargoAnswer.objects.filter(term=OuterRef("pk"), participant__role=CaseRole.COORDINATOR)
    waiting = EmbargoTerm.objects.filter(~Exists(answered), state=TermState.PROPOSED, case__closed_at__isnull=True)
    return waiting.select_related("case__entry").order_by("answer_by")


def terms_for_seat(seat: Participant, case: Case) -> list[EmbargoTerm]:
    """Return the terms on the table that wait for this participant."""
    if not queries.voters(case).filter(pk=seat.pk).exists():
        return []
    answered = set(seat.answers.values_list("term_id", flat=True))
    return [term for term in queries.open_terms(case) if term.pk not in answered]


def seats_to_answer() -> QuerySet[Participant]:
    """Return the participants whose word is the last in their private room, the longest waiting first."""
    last = CaseMessage.objects.filter(room=OuterRef("pk")).order_by("-sent_at", "-pk")
    seats = Participant.objects.filter(left_at__isnull=True, case__closed_at__isnull=True).annotate(
        last_author=Subquery(last.values("author")[:1]), last_at=Subquery(last.values("sent_at")[:1])
    )
    return seats.filter(last_author=F("pk")).select_related("case__entry").order_by("last_at")


def silent_guests() -> QuerySet[Participant]:
    """Return who was invited and let the time to answer pass, or has not come."""
    seats = Participant.objects.filter(left_at__isnull=True, case__closed_at__isnull=True, joined_at__isnull=True)
    silent = seats.filter(consent__in=(Consent.DECLINED, Consent.NO_EMBARGO)).exclude(role__in=SHARED)
    return silent.select_related("case__entry").order_by("asked_at", "invited_at")
