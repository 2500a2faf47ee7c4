# SPDX-License-Identifier: Apache-2.0
"""Reads of reports: for those who coordinate, for the reporter by mailbox, and the sealed contents opened."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from safeconduct.crypto.age import unpad
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.safe_json import read_object
from safeconduct.errors import NotFoundError
from safeconduct.ledger.commitment import Opening
from safeconduct.ledger.receipt import Receipt
from safeconduct.server.audit import ledger, vault
from safeconduct.server.intake import storage
from safeconduct.server.intake.bodies import opening_in, report_in
from safeconduct.server.intake.models import Attachment, MailboxMessage, Report, ReportStatus
from safeconduct.server.intake.places import body_place, manifest_place, message_place
from safeconduct.server.parties.viewer import Viewer

OPEN = (ReportStatus.RECEIVED, ReportStatus.IN_TRIAGE, ReportStatus.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReport:
    """A report with its body opened in memory."""

    row: Report
    told: ToldReport


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """An attachment with its manifest opened. `size` is in bytes, `sha256` of the plaintext."""

    row: Attachment
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A mailbox message with its text opened."""

    row: MailboxMessage
    text: str


def reports_for(viewer: Viewer) -> QuerySet[Report]:
    """Return the reports the viewer may see: those who coordinate see all, the others none."""
    return Report.objects.all() if viewer.has(Role.COORDINATOR) else Report.objects.none()


def open_reports(viewer: Viewer) -> QuerySet[Report]:
    """Return the reports that wait for a decision."""
    return reports_for(viewer).filter(status__in=OPEN)


def report_for(viewer: Viewer, report_id: str) -> OpenedReport:
    """Return one report, opened.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
        SealError: it was shredded.
    """
    row = reports_for(viewer).filter(pk=report_id).first()
    if row is None:
        raise NotFoundError("no such report")
    return opened(row)


def opened(row: Report) -> OpenedReport:
    """Open the body of a report.

    Raises:
        SealError: it was shredded.
    """
    body = vault.open_sealed(bytes(row.body), subject=row.pk, place=body_place(row.pk))
    return OpenedReport(row=row, told=report_in(body))


def mailbox(lookup: bytes) -> Report:
    """Return the report of a mailbox.

    Raises:
        NotFoundError: there is no such mailbox, or its report was shredded: both look the same.
    """
    row = Report.objects.filter(lookup=lookup).first()
    if row is None or not vault.has_key(row.pk):
        raise NotFoundError("no such mailbox", hint="compare each word with your note")
    return row


def owns(row: Report, auth: bytes) -> bool:
    """Tell whether the shown proof is the owner's, in constant time."""
    return hmac.compare_digest(bytes(row.auth), auth)


def messages_of(row: Report) -> list[OpenedMessage]:
    """Return the messages of a mailbox, oldest first."""
    with vault.keys_at_hand([row.pk]):
        return [OpenedMessage(row=message, text=_text_of(message)) for message in row.messages.all()]


def files_of(row: Report) -> list[OpenedFile]:
    """Return the attachments of a report with their manifests."""
    with vault.keys_at_hand([row.pk]):
        return [_opened_file(attachment) for attachment in row.attachments.all()]


def file_for(viewer: Viewer, attachment_id: str) -> OpenedFile:
    """Return one attachment.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    attachment = Attachment.objects.filter(pk=attachment_id, report__in=reports_for(viewer)).first()
    if attachment is None:
        raise NotFoundError("no such attachment")
    return _opened_file(attachment)


def content_of(attachment: Attachment) -> Iterator[bytes]:
    """Yield the plaintext of an attachment chunk by chunk.

    Raises:
        NotFoundError: the file is gone.
        SealError: it was changed or shredded.
    """
    with storage.open_blob(attachment.blob) as stream:
        yield from vault.reader(stream, subject=attachment.report_id, place=storage.place_of(attachment.blob))


def bundle_of(row: Report) -> bytes | None:
    """Return the bytes of the report's reproduction bundle, or nothing if it has none.

    Raises:
        NotFoundError: the file is gone.
        SealError: it was changed or shredded.
    """
    attachment = row.attachments.filter(is_bundle=True).first()
    return None if attachment is None else b"".join(content_of(attachment))


def opening_of(row: Report) -> Opening:
    """Return the reporter's opening file.

    Raises:
        SealError: the report was shredded.
    """
    body = vault.open_sealed(bytes(row.body), subject=row.pk, place=body_place(row.pk))
    return opening_in(body, log_key=ledger.log_key())


def receipt_of(row: Report) -> Receipt | None:
    """Return the receipt of the report, or nothing before the beat."""
    return ledger.receipt_of(bytes(row.commitment))


def has_receipt(row: Report) -> bool:
    """Tell whether the receipt of the report is there."""
    return ledger.is_logged(bytes(row.commitment))


def named_blobs() -> frozenset[str]:
    """Return the names of all sealed files that a row names."""
    return frozenset(Attachment.objects.values_list("blob", flat=True))


def unread_by_reporter(row: Report) -> int:
    """Return how many messages wait for the reporter."""
    return row.messages.filter(direction="to_reporter", read_at__isnull=True).count()


def last_activity_before(instant: datetime) -> QuerySet[Report]:
    """Return the reports in which nothing happened since the instant."""
    return Report.objects.filter(last_activity_at__lt=instant)


def _text_of(message: MailboxMessage) -> str:
    sealed = bytes(message.body)
    return unpad(vault.open_sealed(sealed, subject=message.report_id, place=message_place(message.pk))).decode()


def _opened_file(attachment: Attachment) -> OpenedFile:
    manifest = vault.open_sealed(
        bytes(attachment.manifest), subject=attachment.report_id, place=manifest_place(attachment.pk)
    )
    told = read_object(unpad(manifest))
    return OpenedFile(
        row=attachment,
        name=str(told["name"]),
        media_type=str(told["media_type"]),
        size=int(str(told["size"])),
        sha256=str(told["sha256"]),
    )
