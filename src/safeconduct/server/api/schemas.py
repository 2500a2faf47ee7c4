# SPDX-License-Identifier: Apache-2.0
"""What goes in and out of the programming interface. Digests and keys are lower-case hexadecimal digits."""

from datetime import datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

HEX_32 = r"^[0-9a-f]{64}$"
RECIPIENT = r"^(age1[02-9ac-hj-np-z]{58})?$"


class Strict(Schema):
    """An object in which an unknown member is an error, because it may be a misspelled one."""

    model_config = ConfigDict(extra="forbid")


class MailboxIn(Strict):
    """What the client derived from its codename: digests of the lookup and auth keys, and its age recipient."""

    lookup_sha256: str = Field(pattern=HEX_32)
    auth_sha256: str = Field(pattern=HEX_32)
    recipient: str = Field(default="", pattern=RECIPIENT)


class ReportIn(Strict):
    """A report in the native form (schema `report`), and the mailbox the client made for it."""

    report: dict[str, Any]
    mailbox: MailboxIn
    door: Literal["api", "cli"] = "api"


class ReceivedOut(Schema):
    """A received report: the signed promise, and the secret opening file of the reporter."""

    report_id: str
    status: str
    acceptance_note: str
    opening: dict[str, Any]
    is_new: bool
    receipt_due: datetime


class MailboxKey(Strict):
    """The lookup key itself, which opens the mailbox; it belongs into a body and never into an address."""

    lookup: str = Field(pattern=HEX_32)


class WriteIn(MailboxKey):
    """Something the reporter writes."""

    text: str = Field(min_length=1, max_length=50_000)


class WithdrawIn(MailboxKey):
    """The owner's wish to withdraw, with the auth key as proof."""

    auth: str = Field(pattern=HEX_32)
    reason: str = Field(default="", max_length=5_000)


class MessageOut(Schema):
    """One message of a mailbox."""

    direction: str
    kind: str
    text: str
    sent_at: datetime


class MailboxOut(Schema):
    """What a mailbox shows: the state of the report and its messages."""

    report_id: str
    status: str
    status_words: str
    received_at: datetime
    has_receipt: bool
    messages: list[MessageOut]


class ReceiptOut(Schema):
    """The receipt, once the log holds the report: the content of a `.tlog-proof` file."""

    receipt: str
    log_key: str


class ServiceOut(Schema):
    """What a client needs to report: the salt of mailboxes, the keys, and the limits."""

    name: str
    mailbox_salt: str
    log_key: str
    acceptance_key: str
    attestation_key: str
    beat_seconds: float
    upload_bytes: int
    schema_version: str


class EntryOut(Schema):
    """One public entry in short."""

    id: str
    title: str
    state: str
    flaw_class: str
    tier: str
    published_at: datetime | None
    modified_at: datetime | None
    aliases: list[str]


class EntriesOut(Schema):
    """One page of the register."""

    count: int
    page: int
    pages: int
    entries: list[EntryOut]
