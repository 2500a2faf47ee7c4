# SPDX-License-Identifier: Apache-2.0
"""Operations for reporters: learn what is needed, report, read and write in the mailbox, fetch the receipt."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Header, Router, Status
from pydantic import ValidationError

from safeconduct.crypto.age import checked_recipient
from safeconduct.crypto.mailbox import digest_of
from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.report import SCHEMA_VERSION
from safeconduct.domain.safe_json import read_object
from safeconduct.errors import ConflictError, MalformedError, NotFoundError
from safeconduct.formats import native
from safeconduct.server.api.app import answers, not_as_documented, now_of
from safeconduct.server.api.schemas import (
    MailboxKey,
    MailboxOut,
    MessageOut,
    ReceiptOut,
    ReceivedOut,
    ReportIn,
    ServiceOut,
    WithdrawIn,
    WriteIn,
)
from safeconduct.server.audit import ledger
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.intake import queries, services
from safeconduct.server.intake.models import Door, Report
from safeconduct.server.intake.services import MailboxAddress, Received
from safeconduct.server.intake.uploads import sealing

router = Router(tags=["reports"])
KEY_LIMIT = 200
FORM = "multipart/form-data"
FORM_EXTRA = {
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": False,
            "schema": {"type": "string", "default": "", "maxLength": KEY_LIMIT},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["request"],
                    "properties": {
                        "request": {"type": "string", "description": "The body of `send_report`, as JSON."},
                        "bundle": {"type": "string", "format": "binary", "description": "A reproduction bundle."},
                        "attachments": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            }
        },
    },
}


@router.get("/service", response=answers({200: ServiceOut}), operation_id="service")
def service(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001  # ninja's signature
    """Tell what a client needs to make a mailbox and check what it is given."""
    ring = key_ring()
    return {
        "name": settings.SAFECONDUCT.name,
        "mailbox_salt": ring.mailbox_salt.hex(),
        "log_key": ledger.log_key(),
        "acceptance_key": str(ring.acceptance.verifier),
        "attestation_key": str(ring.attestation.verifier),
        "beat_seconds": settings.SAFECONDUCT.beat_seconds,
        "upload_bytes": settings.SAFECONDUCT.upload_bytes,
        "schema_version": SCHEMA_VERSION,
    }


@router.post("/reports", response=answers({200: ReceivedOut, 201: ReceivedOut}), operation_id="send_report")
def send_report(
    request: HttpRequest,
    body: Body[ReportIn],
    idempotency_key: Annotated[str, Header(alias="Idempotency-Key", max_length=KEY_LIMIT)] = "",
) -> Status[dict[str, Any]]:
    """Send a report as JSON. The same `Idempotency-Key` makes one report and answers 200 from the second time on."""
    received = services.receive(
        report=native.report_from(body.report),
        mailbox=address_of(body),
        door=Door(body.door),
        now=now_of(request),
        idempotency=idempotency_key,
    )
    return Status(201 if received.is_new else 200, received_out(received, now_of(request)))


@router.post(
    "/reports/with-files",
    response=answers({200: ReceivedOut, 201: ReceivedOut}, more=frozenset({403})),
    operation_id="send_report_with_files",
    openapi_extra=FORM_EXTRA,
)
def send_report_with_files(request: HttpRequest) -> Status[dict[str, Any]]:
    """Send a report with its files, which are sealed while they arrive: a form, its field `request` first."""
    if request.content_type != FORM:
        raise MalformedError("the report does not come as a form", hint=f"send {FORM}, or use the operation for JSON")
    with sealing(request, key=DataKey.generate(secrets.token_bytes)) as uploads:
        told = request.POST.get("request", "")
        if uploads.refusal is not None:
            raise uploads.refusal
        body = _form_body(str(told))
        received = services.receive(
            report=native.report_from(body.report),
            mailbox=address_of(body),
            door=Door(body.door),
            now=now_of(request),
            files=tuple(uploads.stored),
            key=uploads.key,
            idempotency=_idempotency(request),
        )
        if received.is_new:
            uploads.keep()
    return Status(201 if received.is_new else 200, received_out(received, now_of(request)))


def _form_body(told: str) -> ReportIn:
    given = read_object(told.encode("utf-8", "surrogatepass"))
    try:
        return ReportIn.model_validate(given)
    except ValidationError as error:
        places = [".".join(map(str, ("request", *item["loc"]))) for item in error.errors()]
        raise not_as_documented(places) from error


def _idempotency(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_LIMIT:
        raise not_as_documented(["header.Idempotency-Key"])
    return key


@router.post("/mailbox", response=answers({200: MailboxOut}), operation_id="read_mailbox")
def read_mailbox(request: HttpRequest, body: Body[MailboxKey]) -> dict[str, Any]:
    """Read the mailbox: state and messages. A wrong key and a mailbox that never was look the same."""
    row = mailbox_of(body)
    messages = queries.messages_of(row)
    services.mark_read(row=row, now=now_of(request))
    return {
        "report_id": row.pk,
        "status": row.status,
        "status_words": row.get_status_display(),
        "received_at": row.received_at,
        "has_receipt": queries.has_receipt(row),
        "messages": [
            MessageOut(
                direction=item.row.direction, kind=item.row.kind, text=item.text, sent_at=item.row.sent_at
            ).model_dump()
            for item in messages
        ],
    }


@router.post("/mailbox/messages", response=answers({201: MailboxOut}), operation_id="write_to_mailbox")
def write_to_mailbox(request: HttpRequest, body: Body[WriteIn]) -> Status[dict[str, Any]]:
    """Write an answer or a note to those who handle the report."""
    row = mailbox_of(body)
    services.answer(row=row, text=body.text, now=now_of(request))
    return Status(201, read_mailbox(request, MailboxKey(lookup=body.lookup)))


@router.post("/mailbox/receipt", response=answers({200: ReceiptOut}), operation_id="fetch_receipt")
def fetch_receipt(request: HttpRequest, body: Body[MailboxKey]) -> dict[str, Any]:  # noqa: ARG001  # ninja's signature
    """Fetch the receipt, which exists from the beat after the report on."""
    receipt = queries.receipt_of(mailbox_of(body))
    if receipt is None:
        raise ConflictError("the receipt is not there yet", hint="ask again after the next beat of the log")
    return {"receipt": str(receipt), "log_key": ledger.log_key()}


@router.post("/mailbox/withdraw", response=answers({200: MailboxOut}), operation_id="withdraw_report")
def withdraw_report(request: HttpRequest, body: Body[WithdrawIn]) -> dict[str, Any]:
    """Withdraw the report. The auth key proves that the owner asks."""
    row = mailbox_of(body)
    if not queries.owns(row, digest_of(bytes.fromhex(body.auth))):
        raise NotFoundError("no such mailbox")
    services.withdraw(row=row, reason=body.reason, now=now_of(request))
    return read_mailbox(request, MailboxKey(lookup=body.lookup))


def address_of(body: ReportIn) -> MailboxAddress:
    """Return the mailbox that the client derived.

    Raises:
        MalformedError: the recipient is not one of age.
    """
    return MailboxAddress(
        lookup=bytes.fromhex(body.mailbox.lookup_sha256),
        auth=bytes.fromhex(body.mailbox.auth_sha256),
        recipient=body.mailbox.recipient and checked_recipient(body.mailbox.recipient),
    )


def mailbox_of(body: MailboxKey) -> Report:
    """Return the report of the mailbox.

    Raises:
        NotFoundError: no mailbox has this key.
    """
    return queries.mailbox(digest_of(bytes.fromhex(body.lookup)))


def received_out(received: Received, now: datetime) -> dict[str, Any]:
    """Return a received report as the interface answers it."""
    return {
        "report_id": received.row.pk,
        "status": received.row.status,
        "acceptance_note": received.acceptance_note,
        "opening": received.opening.as_json(),
        "is_new": received.is_new,
        "receipt_due": now + timedelta(seconds=settings.SAFECONDUCT.beat_seconds),
    }
