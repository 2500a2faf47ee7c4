# SPDX-License-Identifier: Apache-2.0
"""A service as the reporter's commands talk to it: over /api/v1, and not believed without a check.

What comes back is held against what was sent: the opening must show exactly this report and these files, the signed
promise must be for the commitment of that opening, and the receipt must hold under the key that was delivered. The
words of the mailbox stay here; only keys derived from them leave, in bodies and never in addresses.

An address without transport security is refused unless it is of this machine or an onion service, which brings its own.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx

from safeconduct.crypto.mailbox import MailboxKeys
from safeconduct.crypto.signing import VerifyKey
from safeconduct.domain.instants import parse_instant
from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import Json, canonical_json, read_object
from safeconduct.errors import (
    ConflictError,
    MalformedError,
    NotPermittedError,
    SafeconductError,
    UnavailableError,
    VerificationError,
)
from safeconduct.formats import native
from safeconduct.ledger.acceptance import open_acceptance
from safeconduct.ledger.commitment import ATTACHMENT_PREFIX, Opening
from safeconduct.ledger.receipt import parse_receipt, verify_opening, verify_receipt

TIMEOUT_SECONDS = 60.0
TRIES = 4
PAUSE_SECONDS = 0.5
CHUNK = 1024 * 1024
PLAIN_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
ERROR_FLOOR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is to be sent: the report, its files, and the name of the request under which it is received once."""

    report: Report
    bundle: Path | None
    attachments: Sequence[Path]
    idempotency: str

    @property
    def files(self) -> list[tuple[str, Path]]:
        """Return the files with the names of their form fields, in the order in which they are committed to."""
        own = [("bundle", self.bundle)] if self.bundle else []
        return [*own, *(("attachments", path) for path in self.attachments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A report that the service took, checked against what was sent."""

    report_id: str
    note: str
    opening: Opening = field(repr=False)
    receipt_due: datetime
    log_key: str


class Service:
    """One service. `about` is what it tells of itself."""

    def __init__(self, client: httpx.Client) -> None:
        """Ask the service for its keys and limits.

        Raises:
            UnavailableError: it does not answer.
            MalformedError: it answers something else.
        """
        self._client = client
        self.about = self._call("GET", "service")

    @property
    def salt(self) -> bytes:
        """Return the salt with which mailbox keys are derived here.

        Raises:
            MalformedError: the service tells none.
        """
        try:
            return bytes.fromhex(_text(self.about, "mailbox_salt"))
        except ValueError as error:
            raise MalformedError("the service tells no salt", hint="is this a Safeconduct service?") from error

    def send(self, sending: Sending, keys: MailboxKeys) -> Accepted:
        """Send a report; an answer that got lost is asked for again under the same name.

        Raises:
            UnavailableError: the service does not answer.
            VerificationError: it answers for another report than was sent.
            SafeconductError: it refuses, with its own code.
        """
        body = {
            "report": native.plain(sending.report),
            "mailbox": {
                "lookup_sha256": keys.lookup_digest.hex(),
                "auth_sha256": keys.auth_digest.hex(),
                "recipient": keys.age_recipient,
            },
            "door": "cli",
        }
        return self._checked(self._sent(body, sending), sending)

    def mailbox(self, keys: MailboxKeys) -> dict[str, Json]:
        """Return the status and the messages of a mailbox.

        Raises:
            NotFoundError: no mailbox has these keys.
        """
        return self._call("POST", "mailbox", {"lookup": keys.lookup.reveal().hex()})

    def write(self, keys: MailboxKeys, text: str) -> dict[str, Json]:
        """Write into the mailbox, and return what it shows then."""
        return self._call("POST", "mailbox/messages", {"lookup": keys.lookup.reveal().hex(), "text": text})

    def receipt(self, keys: MailboxKeys, opening: Opening | None = None) -> tuple[str, str]:
        """Return the receipt and the key of the log, after checking one with the other and with the opening.

        Raises:
            ConflictError: it is not there yet.
            VerificationError: it does not hold.
        """
        told = self._call("POST", "mailbox/receipt", {"lookup": keys.lookup.reveal().hex()})
        receipt, key = _text(told, "receipt"), _text(told, "log_key")
        proven = verify_receipt(parse_receipt(receipt.encode()), VerifyKey.parse(key))
        if opening is not None:
            verify_opening(proven, opening)
        return receipt, key

    def wait_for_receipt(self, keys: MailboxKeys, opening: Opening, *, seconds: float) -> tuple[str, str] | None:
        """Return the receipt as soon as it is there, or nothing if it does not come in time."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.receipt(keys, opening)
            except ConflictError:
                if time.monotonic() > end:
                    return None
            time.sleep(min(PAUSE_SECONDS * 4, max(PAUSE_SECONDS, seconds / 20)))

    def _sent(self, body: Mapping[str, Any], sending: Sending) -> dict[str, Json]:
        for failed in range(1, TRIES):
            try:
                return self._send_once(body, sending)
            except UnavailableError:
                time.sleep(PAUSE_SECONDS * failed)
        return self._send_once(body, sending)

    def _send_once(self, body: Mapping[str, Any], sending: Sending) -> dict[str, Json]:
        headers = {"Idempotency-Key": sending.idempotency}
        if not sending.files:
            return self._call("POST", "reports", body, headers=headers)
        with ExitStack() as stack:
            files = [(name, _part(stack, path)) for name, path in sending.files]
            form = {"request": canonical_json(body).decode()}
            return self._call("POST", "reports/with-files", headers=headers, data=form, files=files)

    def _call(self, method: str, path: str, body: object = None, **options: Any) -> dict[str, Json]:
        try:
            answer = self._client.request(method, path, json=body, **options)
        except httpx.HTTPError as error:
            raise UnavailableError("the service does not answer", hint="check the address and try again") from error
        if answer.status_code >= ERROR_FLOOR:
            raise _refusal(answer)
        return read_object(answer.content)

    def _checked(self, told: Mapping[str, Json], sending: Sending) -> Accepted:
        opening = Opening.from_json(canonical_json(told.get("opening")))
        digests = [_digest(path) for _, path in sending.files]
        sent = native.plain(sending.report) | {
            f"{ATTACHMENT_PREFIX}{number}": digest for number, digest in enumerate(digests, start=1)
        }
        note = _text(told, "acceptance_note")
        promise = open_acceptance(note.encode(), VerifyKey.parse(_text(self.about, "acceptance_key")))
        if opening.shown() != sent or promise.commitment != opening.commitment():
            raise VerificationError(
                "the service committed to something else than was sent", hint="do not trust it; keep what it answered"
            )
        return Accepted(
            report_id=_text(told, "report_id"),
            note=note,
            opening=opening,
            receipt_due=parse_instant(_text(told, "receipt_due")),
            log_key=_text(self.about, "log_key"),
        )


@contextmanager
def service_at(url: str) -> Iterator[Service]:
    """Open a service for a while.

    Raises:
        NotPermittedError: the address has no transport security.
        MalformedError: it is no web address.
        UnavailableError: the service does not answer.
    """
    with httpx.Client(
        base_url=_base(url), timeout=TIMEOUT_SECONDS, headers={"User-Agent": "safeconduct"}, follow_redirects=False
    ) as client:
        yield Service(client)


def _base(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise MalformedError("this is no address of a service", hint="write it like https://disclosure.example")
    if parts.scheme == "http" and host not in PLAIN_HOSTS and not host.endswith(".onion"):
        raise NotPermittedError("the way to this address is open to all", hint="use https, or an onion address")
    return f"{url.rstrip('/')}/api/v1/"


def _refusal(answer: httpx.Response) -> SafeconductError:
    """Return the error of ours that the service answered with."""
    try:
        told = read_object(answer.content).get("error")
    except SafeconductError:
        told = None
    if not isinstance(told, dict):
        return UnavailableError(f"the service answered with status {answer.status_code}", hint="try again later")
    kinds = {kind.code: kind for kind in _kinds(SafeconductError)}
    kind = kinds.get(str(told.get("code")), SafeconductError)
    facts = told.get("facts")
    return kind(
        str(told.get("message", "refused")),
        hint=str(told.get("hint", "")),
        **(facts if isinstance(facts, dict) else {}),
    )


def _kinds(root: type[SafeconductError]) -> Iterator[type[SafeconductError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


def _part(stack: ExitStack, path: Path) -> tuple[str, IO[bytes], str]:
    # The type is not guessed: the service does not need it, and a name is enough to tell.
    return path.name, stack.enter_context(path.open("rb")), "application/octet-stream"


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _text(told: Mapping[str, Json], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"the service does not tell “{name}”", hint="is this a Safeconduct service?")
    return value
