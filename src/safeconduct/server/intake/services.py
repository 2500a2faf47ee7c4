# SPDX-License-Identifier: Apache-2.0
"""The acts on reports: receive, attach, ask, tell, answer, withdraw, and move on.

`receive` is the one edge behind every door. It seals the report, keeps the sealed body and nothing of the reporter,
commits to it in the log, and signs an acceptance note, all in one transaction. The same idempotency key receives once.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.safe_json import canonical_json
from safeconduct.errors import ConflictError, IncompleteError, TooLargeError
from safeconduct.formats import native
from safeconduct.ledger.acceptance import Acceptance, sign_acceptance
from safeconduct.ledger.commitment import Opening, commit
from safeconduct.ledger.entry import EntryKind
from safeconduct.policy.completeness import Stage, missing
from safeconduct.policy.decision import Outcome
from safeconduct.server.audit import ledger, vault
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake.models import (
    Attachment,
    Direction,
    Door,
    MailboxMessage,
    MessageKind,
    Report,
    ReportStatus,
)
from safeconduct.server.intake.places import body_place, manifest_place, message_place, opening_place
from safeconduct.server.intake.storage import StoredFile
from safeconduct.server.parties.viewer import Viewer

GRACE = timedelta(minutes=1)
SMALLEST_BUCKET = 4096
MESSAGE_LIMIT = 50_000
MAX_ATTACHMENTS = 40
OVER = frozenset({ReportStatus.WITHDRAWN, ReportStatus.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAddress:
    """What the server knows of a mailbox: digests of the lookup and the auth key, and where replies may be sealed."""

    lookup: bytes
    auth: bytes
    recipient: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A received report: its row, the signed promise, and the reporter's secret opening file."""

    row: Report
    acceptance_note: str
    opening: Opening = field(repr=False)
    is_new: bool


def bucket(size: int) -> int:
    """Return the size rounded up to a power of two of at least 4 KiB, so that a size tells little."""
    rounded = SMALLEST_BUCKET
    while rounded < size:
        rounded *= 2
    return rounded


def coarse(now: datetime) -> datetime:
    """Return the instant rounded down to the hour, which is all that is kept of an anonymous act."""
    return now.replace(minute=0, second=0, microsecond=0)


@atomic_write
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
    """Take in a report.

    Args:
        report: the answers as told.
        mailbox: where the reporter reads replies.
        door: through which door it came.
        now: the instant of the act; only its hour is kept.
        files: attachments that were sealed under `key` while they arrived.
        key: the data key of the request; a fresh one without files.
        idempotency: the client's name for this request; the same name receives once.

    Raises:
        IncompleteError: one of the ten answers is missing; `facts` names which.
        ConflictError: the mailbox is taken, or the idempotency key was used for another mailbox.
    """
    marker = _marker(idempotency)
    earlier = Report.objects.filter(idempotency=marker).first() if marker else None
    if earlier is not None:
        return _again(earlier, mailbox)
    _require_answers(report)
    if Report.objects.filter(lookup=mailbox.lookup).exists():
        raise ConflictError("this mailbox has a report already", hint="make a new codename for a new report")
    value, opening = commit(
        native.plain(report),
        [file.sha256 for file in files],
        entropy=secrets.token_bytes,
        log_key=ledger.log_key(),
    )
    row = _store(report, mailbox=mailbox, door=door, now=now, key=key, marker=marker, value=value, opening=opening)
    for file in files:
        _attach(row, file, now=now)
    ledger.commit(kind=EntryKind.RECEIPT, value=value, now=coarse(now))
    audit.record(EventTag.REPORT_RECEIVED, subject=row.pk, at=coarse(now), facts={"door": door, "files": len(files)})
    return Received(row=row, acceptance_note=row.acceptance_note, opening=opening, is_new=True)


@atomic_write
def attach(*, row: Report, files: Sequence[StoredFile], now: datetime) -> None:
    """Add files, sealed under the report's key, that the reporter sent later.

    Raises:
        ConflictError: the report is over, or has a reproduction bundle already.
        TooLargeError: the report has as many files as it may have.
    """
    _require_open(row)
    if row.attachments.count() + len(files) > MAX_ATTACHMENTS:
        raise TooLargeError(f"a report may have {MAX_ATTACHMENTS} files at most", hint="put them into one archive")
    for file in files:
        _attach(row, file, now=now)
    _touch(row, now=now)
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
    _require_open(row)
    message = _write(row, text, direction=Direction.TO_REPORTER, kind=MessageKind.QUESTION, now=now)
    audit.record(EventTag.REPORT_QUESTIONED, subject=row.pk, actor=by.actor, at=now)
    return message


@atomic_write
def tell_reporter(*, row: Report, text: str, kind: MessageKind, by: Viewer, now: datetime) -> MailboxMessage:
    """Put a note or a decision into the reporter's mailbox.

    Raises:
        NotPermittedError: only those who coordinate tell.
        IncompleteError: there is no text.
    """
    by.require(Role.COORDINATOR)
    message = _write(row, text, direction=Direction.TO_REPORTER, kind=kind, now=now)
    audit.record(EventTag.REPORT_TOLD, subject=row.pk, actor=by.actor, at=now, facts={"kind": kind})
    return message


@atomic_write
def answer(*, row: Report, text: str, now: datetime, kind: MessageKind = MessageKind.ANSWER) -> MailboxMessage:
    """Keep what the reporter wrote.

    Raises:
        IncompleteError: there is no text.
        ConflictError: the report is over.
    """
    _require_open(row)
    message = _write(row, text, direction=Direction.FROM_REPORTER, kind=kind, now=coarse(now))
    _touch(row, now=now)
    audit.record(EventTag.REPORT_ANSWERED, subject=row.pk, at=coarse(now))
    return message


@atomic_write
def withdraw(*, row: Report, reason: str, now: datetime) -> Report:
    """Withdraw a report at the reporter's wish; it stays readable to those who handle it.

    Raises:
        ConflictError: the report is over.
    """
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
    _require_open(row)
    if row.status != status:
        row.status = status
        row.save(update_fields=["status"])
        audit.record(EventTag.REPORT_MOVED, subject=row.pk, actor=by.actor, at=now, facts={"status": status})
    return row


@atomic_write
def mark_read(*, row: Report, now: datetime) -> None:
    """Note that the reporter has seen the messages, to the hour."""
    row.messages.filter(direction=Direction.TO_REPORTER, read_at__isnull=True).update(read_at=coarse(now))


def _require_answers(report: ToldReport) -> None:
    answer = missing(report, stage=Stage.SUBMIT)
    if answer.outcome is not Outcome.ALLOWED:
        raise IncompleteError(
            "answers are missing", hint="; ".join(answer.reasons), missing=list(answer.rules), questions=answer.reasons
        )


def _require_open(row: Report) -> None:
    if row.status in OVER:
        raise ConflictError("this report is over", hint="open a new one; you may name this one in it")


def _again(earlier: Report, mailbox: MailboxAddress) -> Received:
    if bytes(earlier.lookup) != mailbox.lookup:
        raise ConflictError("this request name was used for another report", hint="use a fresh idempotency key")
    opening = vault.open_sealed(bytes(earlier.opening or b""), subject=earlier.pk, place=opening_place(earlier.pk))
    return Received(
        row=earlier, acceptance_note=earlier.acceptance_note, opening=Opening.from_json(opening), is_new=False
    )


def _marker(idempotency: str) -> bytes | None:
    # Hashed with a secret of the instance, so that a stolen database cannot link it to a client's log.
    if not idempotency:
        return None
    return hashlib.sha256(key_ring().purpose_key("idempotency").reveal() + idempotency.encode()).digest()


def _store(
    report: ToldReport,
    *,
    mailbox: MailboxAddress,
    door: Door,
    now: datetime,
    key: DataKey | None,
    marker: bytes | None,
    value: bytes,
    opening: Opening,
) -> Report:
    due = now + timedelta(seconds=settings.SAFECONDUCT.beat_seconds) + GRACE
    ring = key_ring()
    acceptance = Acceptance(origin=ring.log.name, commitment=value, by=due)
    body = native.canonical(report)
    row = Report(
        door=door,
        mode=report.reporter.mode,
        received_at=coarse(now),
        last_activity_at=coarse(now),
        size_bucket=bucket(len(body)),
        commitment=value,
        acceptance_note=sign_acceptance(acceptance, ring.acceptance),
        lookup=mailbox.lookup,
        auth=mailbox.auth,
        reply_recipient=mailbox.recipient,
        idempotency=marker,
    )
    vault.keep_key(key or DataKey.generate(secrets.token_bytes), subject=row.pk, now=now)
    row.body = vault.seal(body, subject=row.pk, place=body_place(row.pk))
    row.opening = vault.seal(opening.to_json(), subject=row.pk, place=opening_place(row.pk))
    row.save(force_insert=True)
    return row


def _attach(row: Report, file: StoredFile, *, now: datetime) -> Attachment:
    if file.is_bundle and row.has_bundle:
        raise ConflictError("the report has a reproduction bundle already", hint="send it as another attachment")
    attachment = Attachment(
        report=row, blob=file.blob, sealed_bytes=file.sealed_bytes, is_bundle=file.is_bundle, added_at=coarse(now)
    )
    manifest = canonical_json(
        {"name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.sha256}
    )
    attachment.manifest = vault.seal(manifest, subject=row.pk, place=manifest_place(attachment.pk))
    attachment.save(force_insert=True)
    if file.is_bundle:
        row.has_bundle = True
        row.save(update_fields=["has_bundle"])
    return attachment


def _write(row: Report, text: str, *, direction: Direction, kind: MessageKind, now: datetime) -> MailboxMessage:
    if not text.strip():
        raise IncompleteError("there is no text", hint="write a sentence", missing=["text"])
    if len(text) > MESSAGE_LIMIT:
        raise TooLargeError(f"a message may have {MESSAGE_LIMIT} characters", hint="attach a file", limit=MESSAGE_LIMIT)
    position = row.messages.count() + 1
    message = MailboxMessage(report=row, direction=direction, kind=kind, position=position, sent_at=now)
    message.body = vault.seal_text(text.strip(), subject=row.pk, place=message_place(message.pk))
    message.save(force_insert=True)
    return message


def _touch(row: Report, *, now: datetime) -> None:
    row.last_activity_at = coarse(now)
    row.save(update_fields=["last_activity_at"])
