# SPDX-License-Identifier: Apache-2.0
"""Reports as they arrived: sealed, with as little beside the seal as a queue needs.

For an anonymous report nothing else is known here: no address, no agent, no second of arrival (times are rounded down
to the hour). The mailbox is found by the digest of a key that the codename derives; the codename itself is not here.
"""

import secrets

from django.db import models

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.report import ReporterMode

ID_LENGTH = 40
DIGEST_BYTES = 32


def new_report_id() -> str:
    """Return a fresh identifier of a report."""
    return new_id(IdKind.REPORT, secrets.token_bytes)


def new_attachment_id() -> str:
    """Return a fresh identifier of an attachment."""
    return new_id(IdKind.ATTACHMENT, secrets.token_bytes)


def new_message_id() -> str:
    """Return a fresh identifier of a message."""
    return new_id(IdKind.MESSAGE, secrets.token_bytes)


class ReportStatus(models.TextChoices):
    """How far the report is."""

    RECEIVED = "received", "received"
    IN_TRIAGE = "in_triage", "in triage"
    WAITING = "waiting", "waiting for the reporter"
    ACCEPTED = "accepted", "accepted"
    REJECTED = "rejected", "not accepted"
    DUPLICATE = "duplicate", "already known"
    WITHDRAWN = "withdrawn", "withdrawn"
    CLOSED = "closed", "closed"


class Door(models.TextChoices):
    """Through which door the report came."""

    FORM = "form", "web form"
    API = "api", "programming interface"
    CLI = "cli", "command line"
    WATCH = "watch", "regression watch"


class Report(models.Model):
    """One report.

    `body` is what was told and the salts of its opening (`bodies`), padded and sealed; `commitment` is what the ledger
    holds of it. `lookup` is the SHA-256 of the mailbox's lookup key, `auth` that of its proof for closing and
    withdrawing; `reply_recipient` the age recipient to which replies may be sealed.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_report_id, editable=False)
    status = models.CharField(max_length=12, choices=ReportStatus.choices, default=ReportStatus.RECEIVED)
    door = models.CharField(max_length=8, choices=Door.choices)
    mode = models.CharField(
        max_length=12, choices=[(mode.value, mode.value) for mode in ReporterMode], default=ReporterMode.ANONYMOUS
    )
    received_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    last_activity_at = models.DateTimeField()
    body = models.BinaryField()
    commitment = models.BinaryField(max_length=DIGEST_BYTES)
    acceptance_note = models.TextField()
    lookup = models.BinaryField(max_length=DIGEST_BYTES, unique=True)
    auth = models.BinaryField(max_length=DIGEST_BYTES)
    reply_recipient = models.CharField(max_length=80, blank=True)
    idempotency = models.BinaryField(max_length=DIGEST_BYTES, null=True, blank=True, unique=True)
    has_bundle = models.BooleanField(default=False)

    class Meta:
        ordering = ("received_at", "id")
        indexes = (models.Index(fields=("status", "received_at"), name="reports_by_status"),)

    def __str__(self) -> str:
        """Return the identifier; the title is sealed."""
        return self.id


class Attachment(models.Model):
    """One sealed file. Its name, media type, size and digest are in the sealed manifest; `blob` is a random name."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_attachment_id, editable=False)
    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="attachments")
    blob = models.CharField(max_length=64, unique=True)
    manifest = models.BinaryField()
    sealed_bytes = models.PositiveBigIntegerField()
    is_bundle = models.BooleanField(default=False)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("added_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("report",), condition=models.Q(is_bundle=True), name="one_reproduction_bundle_per_report"
            ),
        )

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class Direction(models.TextChoices):
    """Who speaks."""

    TO_REPORTER = "to_reporter", "to the reporter"
    FROM_REPORTER = "from_reporter", "from the reporter"


class MessageKind(models.TextChoices):
    """What a message is for."""

    QUESTION = "question", "question"
    ANSWER = "answer", "answer"
    NOTE = "note", "note"
    DECISION = "decision", "decision"
    APPEAL = "appeal", "appeal"


class MailboxMessage(models.Model):
    """One sealed message between those who handle the report and the reporter.

    `position` keeps the order, because the reporter's times are known to the hour only.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_message_id, editable=False)
    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="messages")
    direction = models.CharField(max_length=16, choices=Direction.choices)
    kind = models.CharField(max_length=12, choices=MessageKind.choices, default=MessageKind.NOTE)
    body = models.BinaryField()
    position = models.PositiveIntegerField()
    sent_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("report", "position"), name="messages_of_a_report_have_an_order"),
        )

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class MailboxVisit(models.Model):
    """A mailbox that is open in a browser: the digest of the cookie, which mailbox, and the hour in which it ends.

    It is no session of an account and knows of none: whoever is signed in beside it stays unknown here.
    """

    key = models.BinaryField(primary_key=True, max_length=DIGEST_BYTES)
    lookup = models.BinaryField(max_length=DIGEST_BYTES)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return when it ends; whose it is, is nobody's business."""
        return f"until {self.ends_at:%Y-%m-%d %H:%M}Z"
