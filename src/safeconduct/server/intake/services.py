# SPDX-License-Identifier: Apache-2.0
"""The acts on reports: receive, attach, ask, tell, answer, withdraw, and move on.

`receive` is the one edge behind every door. It seals the report, keeps the sealed body and nothing of the reporter,
commits to it in the log, and signs an acceptance note, all in one transaction. The same idempotency key receives once.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError

from safeconduct.crypto.age import pad
from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import ConflictError, IncompleteError, NotPermittedError, TooLargeError
from safeconduct.formats import native
from safeconduct.ledger.commitment import ATTACHMENT_PREFIX, Opening
from safeconduct.policy.completeness import Stage, gaps, missing
from safeconduct.policy.decision import Outcome
from safeconduct.policy.scope import in_scope
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake import drafts, keeping, queries
from safeconduct.server.intake.drafts import Draft, MailboxAddress, coarse
from safeconduct.server.intake.models import (
    Direction,
    Door,
    MailboxMessage,
    MessageKind,
    Report,
    ReportStatus,
)
from safeconduct.server.intake.places import message_place
from safeconduct.server.intake.storage import StoredFile
from safeconduct.server.parties.viewer import Viewer

MESSAGE_LIMIT = 50_000
MESSAGES_LIMIT = 1000
MAX_ATTACHMENTS = 40
OVER = frozenset({ReportStatus.WITHDRAWN, ReportStatus.CLOSED})

__all__ = ["MailboxAddress", "Received", "coarse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A received report: its row, the signed promise, and the reporter's secret opening file."""

    row: Report
    acceptance_note: str
    opening: Opening = field(repr=False)
    is_new: bool


def receive(
    *,
    report: ToldReport,
    mailbox: MailboxAddress,
    door: Door,
    now: datetime,
    files: Sequence[StoredFile] = (),
    key: DataKey | None = None,
    idempotency: str = "",
) -> Received:
    """Take in a report; only the hour of `now` is kept.

    `files` were sealed under `key` while they arrived. `idempotency` is the client's name for the request: the same
    name, also at the same instant, receives once and gives the first answer again.

    Raises:
        IncompleteError: one of the ten answers is missing; `facts` names which.
        NotPermittedError: files come with material that may not be stored.
        ConflictError: the mailbox is taken, or the idempotency key was used for another report.
    """
    made = prepare(report=report, mailbox=mailbox, door=door, now=now, files=files, key=key, idempotency=idempotency)
    try:
        keeping.keep(made)
    except IntegrityError as error:
        earlier = _earlier(_marker(idempotency))
        if earlier is not None:
            return _again(earlier, report, mailbox=mailbox, files=files)
        raise ConflictError("this mailbox has a report already", hint="make a new codename for a new report") from error
    return as_received(made)


def prepare(
    *,
    report: ToldReport,
    mailbox: MailboxAddress,
    door: Door,
    now: datetime,
    files: Sequence[StoredFile] = (),
    key: DataKey | None = None,
    idempotency: str = "",
) -> Draft:
    """Return what `receive` stores, checked, sealed and signed; nothing is stored yet.

    Raises:
        IncompleteError: as `receive`.
        NotPermittedError: as `receive`.
    """
    _require_answers(report)
    _require_storable(report, files)
    sealing_key = key or DataKey.generate(secrets.token_bytes)
    made = drafts.draft(report, mailbox=mailbox, door=door, now=now, files=files, key=sealing_key)
    made.row.idempotency = _marker(idempotency)
    return made


def as_received(made: Draft) -> Received:
    """Return the answer to a report that was stored for the first time."""
    return Received(row=made.row, acceptance_note=made.row.acceptance_note, opening=made.opening, is_new=True)


@atomic_write
def attach(*, row: Report, files: Sequence[StoredFile], now: datetime) -> None:
    """Add files, sealed under the report's key, that the reporter sent later.

    Raises:
        IncompleteError: there is no file.
        ConflictError: the report is over, or has a reproduction bundle already.
        NotPermittedError: the material may not be stored.
        TooLargeError: the report has as many files as it may have.
    """
    _lock(row)
    _require_open(row)
    if not files:
        raise IncompleteError("there is no file", hint="choose one", missing=["files"])
    if row.attachments.count() + len(files) > MAX_ATTACHMENTS:
        raise TooLargeError(f"a report may have {MAX_ATTACHMENTS} files at most", hint="put them into one archive")
    _require_storable(queries.opened(row).told, files)
    key = vault.key_of(row.pk)
    for file in files:
        if file.is_bundle and row.has_bundle:
            raise ConflictError("the report has a reproduction bundle already", hint="send it as another attachment")
        row.has_bundle = row.has_bundle or file.is_bundle
        drafts.attachment(row, file, key=key, now=now).save(force_insert=True)
    row.last_activity_at = coarse(now)
    row.save(update_fields=["has_bundle", "last_activity_at"])
    audit.record(EventTag.REPORT_ATTACHED, subject=row.pk, at=coarse(now), facts={"files": len(files)})


@atomic_write
def ask_reporter(*, row: Report, text: str, by: Viewer, now: datetime) -> MailboxMessage:
    """Put a question into the reporter's mailbox.

    Raises:
        NotPermittedError: only those who coordinate ask.
        IncompleteError: there is no text.
        ConflictError: the report is over.
    """
    by.require(Role.COORDINATOR)
    _lock(row)
    _require_open(row)
    message = _write(row, text, direction=Direction.TO_REPORTER, kind=MessageKind.QUESTION, now=now)
    audit.record(EventTag.REPORT_QUESTIONED, subject=row.pk, actor=by.actor, at=now)
    return message


@atomic_write
def tell_reporter(*, row: Report, text: str, kind: MessageKind, by: Viewer, now: datetime) -> MailboxMessage:
    """Put a note or a decision into the reporter's mailbox, also after the report is over.

    Raises:
        NotPermittedError: only those who coordinate tell.
        IncompleteError: there is no text.
    """
    by.require(Role.COORDINATOR)
    _lock(row)
    message = _write(row, text, direction=Direction.TO_REPORTER, kind=kind, now=now)
    audit.record(EventTag.REPORT_TOLD, subject=row.pk, actor=by.actor, at=now, facts={"kind": kind})
    return message


@atomic_write
def answer(*, row: Report, text: str, now: datetime, kind: MessageKind = MessageKind.ANSWER) -> MailboxMessage:
    """Keep what the reporter wrote; a report that waited for it goes on.

    Raises:
        IncompleteError: there is no text.
        ConflictError: the report is over.
        TooLargeError: the text is too long, or the mailbox is full.
    """
    _lock(row)
    _require_open(row)
    if row.messages.count() >= MESSAGES_LIMIT:
        raise TooLargeError("this mailbox is full", hint="send a new report that names this one", limit=MESSAGES_LIMIT)
    message = _write(row, text, direction=Direction.FROM_REPORTER, kind=kind, now=coarse(now))
    if row.status == ReportStatus.WAITING:
        row.status = ReportStatus.IN_TRIAGE
    row.last_activity_at = coarse(now)
    row.save(update_fields=["status", "last_activity_at"])
    audit.record(EventTag.REPORT_ANSWERED, subject=row.pk, at=coarse(now))
    return message


@atomic_write
def withdraw(*, row: Report, reason: str, now: datetime) -> Report:
    """Withdraw a report at the reporter's wish; it stays readable to those who handle it.

    Raises:
        ConflictError: the report is over.
    """
    _lock(row)
    _require_open(row)
    if reason.strip():
        _write(row, reason, direction=Direction.FROM_REPORTER, kind=MessageKind.NOTE, now=coarse(now))
    row.status = ReportStatus.WITHDRAWN
    row.last_activity_at = coarse(now)
    row.save(update_fields=["status", "last_activity_at"])
    audit.record(EventTag.REPORT_WITHDRAWN, subject=row.pk, at=coarse(now))
    return row


@atomic_write
def mark_opened(*, row: Report, by: Viewer, now: datetime) -> None:
    """Note that a person opened the report for the first time, which acknowledges it."""
    by.require(Role.COORDINATOR)
    if Report.objects.filter(pk=row.pk, acknowledged_at__isnull=True).update(acknowledged_at=now):
        row.acknowledged_at = now
        audit.record(EventTag.REPORT_OPENED, subject=row.pk, actor=by.actor, at=now)


@atomic_write
def set_status(*, row: Report, status: ReportStatus, by: Viewer, now: datetime) -> Report:
    """Move the report on; the later stages say when.

    Raises:
        ConflictError: the report was withdrawn or closed.
    """
    by.require(Role.COORDINATOR)
    _lock(row)
    _require_open(row)
    if row.status != status:
        row.status = status
        row.save(update_fields=["status"])
        audit.record(EventTag.REPORT_MOVED, subject=row.pk, actor=by.actor, at=now, facts={"status": status})
    return row


def mark_read(*, row: Report, now: datetime) -> None:
    """Note that the reporter has seen the messages, to the hour."""
    unread = row.messages.filter(direction=Direction.TO_REPORTER, read_at__isnull=True)
    if unread.exists():
        with atomic_write():
            unread.update(read_at=coarse(now))


def _require_answers(report: ToldReport) -> None:
    found = missing(report, stage=Stage.SUBMIT)
    if found.outcome is not Outcome.ALLOWED:
        raise IncompleteError(
            "answers are missing",
            hint="; ".join(found.reasons),
            missing=[gap.field for gap in gaps(report, stage=Stage.SUBMIT)],
            questions=list(found.reasons),
        )


def _require_storable(report: ToldReport, files: Sequence[StoredFile]) -> None:
    if files and report.restricted_material is RestrictedMaterial.CSAM:
        raise NotPermittedError("files of such material may not be stored", hint=in_scope(report).reasons[0])
    if sum(file.is_bundle for file in files) > 1:
        raise ConflictError("a report has one reproduction bundle", hint="send the others as attachments")
    if len(files) > MAX_ATTACHMENTS:
        raise TooLargeError(f"a report may have {MAX_ATTACHMENTS} files at most", hint="put them into one archive")


def _lock(row: Report) -> None:
    """Wait for others who change this report, and look at it anew."""
    row.refresh_from_db(from_queryset=Report.objects.select_for_update())


def _require_open(row: Report) -> None:
    if row.status in OVER:
        raise ConflictError("this report is over", hint="open a new one; you may name this one in it")


def _marker(idempotency: str) -> bytes | None:
    # Hashed with a secret of the instance, so that a stolen database cannot link it to a client's log.
    if not idempotency:
        return None
    return hashlib.sha256(key_ring().purpose_key("idempotency").reveal() + idempotency.encode()).digest()


def _earlier(marker: bytes | None) -> Report | None:
    return Report.objects.filter(idempotency=marker).first() if marker else None


def _again(earlier: Report, report: ToldReport, *, mailbox: MailboxAddress, files: Sequence[StoredFile]) -> Received:
    opening = queries.opening_of(earlier)
    told = native.plain(report) | {
        f"{ATTACHMENT_PREFIX}{number}": file.sha256 for number, file in enumerate(files, start=1)
    }
    if bytes(earlier.lookup) != mailbox.lookup or opening.shown() != told:
        raise ConflictError(
            "this request name was used for another report", hint="use a fresh one for another or a changed report"
        )
    return Received(row=earlier, acceptance_note=earlier.acceptance_note, opening=opening, is_new=False)


def _write(row: Report, text: str, *, direction: Direction, kind: MessageKind, now: datetime) -> MailboxMessage:
    if not text.strip():
        raise IncompleteError("there is no text", hint="write a sentence", missing=["text"])
    if len(text) > MESSAGE_LIMIT:
        raise TooLargeError(f"a message may have {MESSAGE_LIMIT} characters", hint="attach a file", limit=MESSAGE_LIMIT)
    position = row.messages.count() + 1
    message = MailboxMessage(report=row, direction=direction, kind=kind, position=position, sent_at=now)
    message.body = vault.seal(pad(text.strip().encode()), subject=row.pk, place=message_place(message.pk))
    message.save(force_insert=True)
    return message
