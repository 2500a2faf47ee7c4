# SPDX-License-Identifier: Apache-2.0
"""A report before it is stored: sealed, committed to and promised, without a look at the database.

Everything slow happens here, so that the transaction which stores it is short. What is sealed is padded first, so that
a length tells little. The signed promise ends at a fixed distance from the full hour: the minute of its end would tell
the minute of arrival.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO

from django.conf import settings

from safeconduct.crypto.age import pad
from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.event import EventTag
from safeconduct.domain.ids import Entropy, IdKind, new_id
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.safe_json import canonical_json
from safeconduct.formats import native
from safeconduct.ledger.acceptance import Acceptance, sign_acceptance
from safeconduct.ledger.commitment import Opening, commit
from safeconduct.ledger.entry import EntryKind
from safeconduct.server.audit import ledger, vault
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.models import Commitment, Event, SubjectKey
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.intake.bodies import packed
from safeconduct.server.intake.models import Attachment, Door, Report
from safeconduct.server.intake.places import body_place, manifest_place
from safeconduct.server.intake.storage import StoredFile

GRACE = timedelta(minutes=5)
"""More than a report may wait for a derivation, for the write lock, and for a beat that takes long."""
HOUR = timedelta(hours=1)
CHANCE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAddress:
    """What the server knows of a mailbox: digests of the lookup and the auth key, and where replies may be sealed."""

    lookup: bytes
    auth: bytes
    recipient: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The rows of a report that nothing has stored yet, its wrapped key, and the reporter's opening."""

    row: Report
    attachments: tuple[Attachment, ...]
    key: SubjectKey
    commitment: Commitment
    event: Event
    opening: Opening = field(repr=False)


def coarse(now: datetime) -> datetime:
    """Return the instant rounded down to the hour, which is all that is kept of an anonymous act."""
    return now.replace(minute=0, second=0, microsecond=0)


def chance(size: int = CHANCE) -> Entropy:
    """Return a source of random bytes that asks the system once for many.

    Each question to the system lets another thread run first, and a report asks some twenty times.
    """
    pool = BytesIO(secrets.token_bytes(size))

    def take(length: int) -> bytes:
        found = pool.read(length)
        return found if len(found) == length else secrets.token_bytes(length)

    return take


def draft(
    report: ToldReport, *, mailbox: MailboxAddress, door: Door, now: datetime, files: Sequence[StoredFile], key: DataKey
) -> Draft:
    """Return the rows of a report: its body sealed, its commitment promised under a signature."""
    entropy, told, digests = chance(), native.plain(report), [file.sha256 for file in files]
    value, opening = commit(told, digests, entropy=entropy, log_key=ledger.log_key())
    row = Report(
        id=new_id(IdKind.REPORT, entropy),
        door=door,
        mode=report.reporter.mode,
        received_at=coarse(now),
        last_activity_at=coarse(now),
        commitment=value,
        acceptance_note=promise(value, now=now),
        lookup=mailbox.lookup,
        auth=mailbox.auth,
        reply_recipient=mailbox.recipient,
        has_bundle=any(file.is_bundle for file in files),
    )
    content = packed(told, files=digests, opening=opening)
    row.body = vault.seal_under(key, content, place=body_place(row.pk), entropy=entropy)
    facts: dict[str, audit.Fact] = {"door": door, "files": len(files)}
    return Draft(
        row=row,
        attachments=tuple(attachment(row, file, key=key, now=now) for file in files),
        key=vault.wrapped_key(key, subject=row.pk, now=now, entropy=entropy),
        commitment=Commitment(kind=EntryKind.RECEIPT, value=value, added_at=coarse(now)),
        event=audit.event(EventTag.REPORT_RECEIVED, subject=row.pk, at=coarse(now), facts=facts),
        opening=opening,
    )


def promise(value: bytes, *, now: datetime) -> str:
    """Return the signed note that the log will hold the commitment by a time."""
    ring = key_ring()
    due = coarse(now) + HOUR + timedelta(seconds=settings.SAFECONDUCT.beat_seconds) + GRACE
    return sign_acceptance(Acceptance(origin=ring.log.name, commitment=value, by=due), ring.acceptance)


def attachment(row: Report, file: StoredFile, *, key: DataKey, now: datetime) -> Attachment:
    """Return the row of a sealed file, its manifest sealed with the report's key."""
    made = Attachment(
        report=row, blob=file.blob, sealed_bytes=file.sealed_bytes, is_bundle=file.is_bundle, added_at=coarse(now)
    )
    manifest = canonical_json(
        {"name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.sha256}
    )
    made.manifest = vault.seal_under(key, pad(manifest), place=manifest_place(made.pk))
    return made
