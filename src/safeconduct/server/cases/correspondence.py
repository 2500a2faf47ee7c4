# SPDX-License-Identifier: Apache-2.0
"""Messages of a case: to all participants, into a private room, or into the reporter's mailbox.

Those who coordinate write to all. A participant writes into its private room, because a message of one vendor to all
would tell every other vendor of it; what all should know the coordinator passes on.

Every text is sealed under the case's key and carries a mark of the Traffic Light Protocol 2.0. The reporter has no
account here: what is written to the reporter goes into the mailbox of the report.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from safeconduct.crypto.sealing import Place
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import Tlp
from safeconduct.errors import ConflictError, IncompleteError, NotPermittedError, TooLargeError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, CaseMessage, Participant
from safeconduct.server.cases.notices import News, tell
from safeconduct.server.cases.places import message_place
from safeconduct.server.cases.steps import locked, own_seat, present_seat, require_open
from safeconduct.server.intake import services as intake
from safeconduct.server.intake.models import MailboxMessage, MessageKind
from safeconduct.server.parties.viewer import Viewer

MESSAGE_LIMIT = 50_000
TLP_WORDS = {
    Tlp.RED: "TLP:RED: for the eyes of those addressed only",
    Tlp.AMBER_STRICT: "TLP:AMBER+STRICT: within the recipient's organization",
    Tlp.AMBER: "TLP:AMBER: also to those clients who need it",
    Tlp.GREEN: "TLP:GREEN: within the community",
    Tlp.CLEAR: "TLP:CLEAR: for everybody",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message with its text opened."""

    row: CaseMessage
    text: str


@atomic_write
def post(
    *,
    case: Case,
    author: Participant,
    text: str,
    by: Viewer,
    now: datetime,
    room: Participant | None = None,
    tlp: Tlp = Tlp.AMBER_STRICT,
) -> CaseMessage:
    """Write to all participants, or into the private room of one of them and the coordinators.

    Raises:
        NotPermittedError: the author's seat is another's or only looks on, or may not write there.
        NotFoundError: the content of the case is not open to the author.
        ConflictError: the case is closed, or the room is none.
        IncompleteError: there is no text.
        TooLargeError: the text is longer than a message may be.
    """
    current = locked(case)
    require_open(current)
    own = _author(author, current, by)
    queries.require_content(by, current)
    _require_room(room, current, own, by)
    if not text.strip():
        raise IncompleteError("there is no text", hint="write a sentence", missing=["text"])
    if len(text) > MESSAGE_LIMIT:
        raise TooLargeError(f"a message may have {MESSAGE_LIMIT} characters", hint="send it in parts")
    message = CaseMessage(case=current, author=own, room=room, tlp=tlp, sent_at=now)
    message.body = vault.seal_text(text.strip(), subject=current.pk, place=message_place(message.pk))
    message.save(force_insert=True)
    audit.record(EventTag.CASE_MESSAGE_POSTED, subject=current.pk, actor=by.actor, at=now)
    heard = current.participants.all() if room is None else [room, queries.desk_seat(current)]
    tell((seat for seat in heard if seat.pk != own.pk), current, News.MESSAGE, now=now)
    return message


@atomic_write
def tell_reporter(*, case: Case, text: str, by: Viewer, now: datetime) -> MailboxMessage:
    """Tell the reporter how things stand, which meets the clock of the status.

    Raises:
        NotPermittedError: only those who coordinate tell.
        IncompleteError: there is no text.
        TooLargeError: the text is longer than a message may be.
    """
    by.require(Role.COORDINATOR)
    current = locked(case)
    return intake.tell_reporter(row=current.assessment.report, text=text, kind=MessageKind.NOTE, by=by, now=now)


def rows_for(viewer: Viewer, case: Case, *, room: Participant | None = None) -> QuerySet[CaseMessage]:
    """Return the messages the viewer may read, the newest first: the common ones, or those of one private room.

    Raises:
        NotFoundError: the content is not open to the viewer.
    """
    queries.require_content(viewer, case)
    rows = case.messages.select_related("author", "room").order_by("-sent_at", "-pk")
    if not viewer.has(Role.COORDINATOR):
        rows = rows.filter(Q(room__isnull=True) | Q(room__in=queries.seats_of(viewer)))
    return rows.filter(room=room)


def opened(rows: QuerySet[CaseMessage] | list[CaseMessage], case: Case) -> list[OpenedMessage]:
    """Open messages; the caller got the rows from `rows_for`."""
    found = list(rows)
    if not found:
        return []
    open_text: Callable[[bytes, Place], str] = vault.opener(case.pk)
    return [OpenedMessage(row=row, text=open_text(bytes(row.body), message_place(row.pk))) for row in found]


def messages_for(viewer: Viewer, case: Case) -> list[OpenedMessage]:
    """Return all messages the viewer may read, oldest first.

    Raises:
        NotFoundError: the content is not open to the viewer.
    """
    queries.require_content(viewer, case)
    rows = case.messages.select_related("author", "room")
    if not viewer.has(Role.COORDINATOR):
        rows = rows.filter(Q(room__isnull=True) | Q(room__in=queries.seats_of(viewer)))
    return opened(rows, case)


def unread_of(seat: Participant, case: Case) -> int:
    """Return how many messages of others came since the participant looked; the caller may read the case."""
    rows = case.messages.filter(Q(room__isnull=True) | Q(room=seat)).exclude(author=seat)
    return rows.filter(sent_at__gt=seat.last_seen_at).count() if seat.last_seen_at else rows.count()


@atomic_write
def mark_read(*, seat: Participant, by: Viewer, now: datetime) -> None:
    """Keep when the participant last looked at the messages, which is no act in the case."""
    if queries.seats_of(by).filter(pk=seat.pk).exists():
        Participant.objects.filter(pk=seat.pk).update(last_seen_at=now)


def _author(seat: Participant, case: Case, by: Viewer) -> Participant:
    """Return the seat that speaks. Whoever coordinates writes as the desk, and never in another's name."""
    is_desk = seat.role == CaseRole.COORDINATOR and by.has(Role.COORDINATOR)
    own = present_seat(seat, case) if is_desk else own_seat(seat, case, by)
    if own.role in queries.LOOKERS_ON:
        raise NotPermittedError("this seat only looks on", hint="ask the coordinator")
    return own


def _require_room(room: Participant | None, case: Case, author: Participant, by: Viewer) -> None:
    if room is None:
        if author.role != CaseRole.COORDINATOR:
            raise NotPermittedError("only the coordinator writes to all", hint="write to the coordinator")
        return
    if room.case_id != case.pk or room.role in queries.SHARED_ROLES:
        raise ConflictError("there is no such room in this case", hint="choose a participant, or write to all")
    if room.pk != author.pk and not by.has(Role.COORDINATOR):
        raise NotPermittedError("this room is not yours")
