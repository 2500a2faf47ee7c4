# SPDX-License-Identifier: Apache-2.0
"""The acceptance note: a signed promise, given at once, to put a commitment into the log by a stated time.

    safeconduct.acceptance/v1
    log <origin>
    commitment <base64>
    by <UTC time>

It is a signed note under a key of its own, `<origin>/accept`, and its first line is no origin of a log and its second
no size: neither key nor text can pass for a checkpoint. It holds no time of arrival, only the end of the promise. If
the log passes that time without the commitment, the note is evidence against the operator.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.errors import MalformedError
from safeconduct.ledger.entry import COMMITMENT_LENGTH
from safeconduct.ledger.note import parse_note, sign_note, verify_note

FIRST_LINE = "safeconduct.acceptance/v1"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TEXT = re.compile(
    rf"{re.escape(FIRST_LINE)}\nlog ([^\n]+)\ncommitment ([^\n]+)\nby (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The promise that a log will hold a commitment by a time."""

    origin: str
    commitment: bytes
    by: datetime

    @property
    def text(self) -> str:
        """Return the text that is signed."""
        by = self.by.astimezone(UTC).strftime(_TIME)
        return f"{FIRST_LINE}\nlog {self.origin}\ncommitment {encode64(self.commitment)}\nby {by}\n"


def sign_acceptance(acceptance: Acceptance, signer: SigningKey) -> str:
    """Return the acceptance note, the content of the file `accept.note`."""
    return str(sign_note(acceptance.text, signer))


def open_acceptance(data: bytes, key: VerifyKey) -> Acceptance:
    """Return the promise that the acceptance key signed.

    Raises:
        TooLargeError: the bytes are longer than any note.
        MalformedError: they are not an acceptance note.
        VerificationError: the key did not sign it.
    """
    note = parse_note(data)
    verify_note(note, [key])
    match = _TEXT.fullmatch(note.text)
    if not match:
        raise MalformedError("this is not an acceptance note", hint=f"its first line is {FIRST_LINE}")
    try:
        by = datetime.strptime(match[3], _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedError("the acceptance note has no such time", hint="use the file as it was given") from error
    return Acceptance(
        origin=match[1],
        commitment=decode64(match[2], what="the commitment of the note", length=COMMITMENT_LENGTH),
        by=by,
    )
