# SPDX-License-Identifier: Apache-2.0
"""All participants of a case at a glance, for those who coordinate: when each was last heard of, who waits for a reply.

However many take part, this is one query.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, OuterRef, QuerySet, Subquery

from safeconduct.domain.parties import Role
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, CaseMessage, Participant
from safeconduct.server.parties.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A participant with what it last did; `waits_for_answer` says that the last word in its room is its own."""

    row: Participant
    heard_at: datetime | None
    waits_for_answer: bool


def participants(viewer: Viewer, case: Case) -> list[Seen]:
    """Return every participant, the desk and the reporter first, then by name.

    Raises:
        NotPermittedError: only those who coordinate see all.
    """
    viewer.require(Role.COORDINATOR)
    order = [role.value for role in queries.SHARED_ROLES]
    rows = sorted(
        _annotated(case),
        key=lambda row: (order.index(row.role) if row.role in order else len(order), row.name.casefold(), row.pk),
    )
    return [_seen(row) for row in rows]


def annotated(seat: Participant, case: Case) -> Seen:
    """Return one participant likewise. The caller has checked that the asker coordinates."""
    return _seen(_annotated(case).get(pk=seat.pk))


def _annotated(case: Case) -> QuerySet[Participant]:
    last = CaseMessage.objects.filter(room=OuterRef("pk")).order_by("-sent_at", "-pk")
    return case.participants.select_related("invitation", "organization").annotate(
        wrote_at=Max("written__sent_at"), last_author=Subquery(last.values("author")[:1])
    )


def _seen(row: Participant) -> Seen:
    # The two annotations are no fields of the model.
    wrote_at, last_author = vars(row)["wrote_at"], vars(row)["last_author"]
    if row.role in queries.SHARED_ROLES:
        return Seen(row=row, heard_at=None, waits_for_answer=False)
    known = (wrote_at, row.joined_at, row.last_seen_at, row.fix_ready_at, row.fix_deployed_at)
    return Seen(
        row=row,
        heard_at=max((at for at in known if at is not None), default=None),
        waits_for_answer=last_author == row.pk,
    )
