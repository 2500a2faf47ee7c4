# SPDX-License-Identifier: Apache-2.0
"""A checkpoint: what a log signs about itself (C2SP tlog-checkpoint), as the text of a signed note.

    <origin>                the name of the log, which is also the name of its key
    <size>                  number of entries, decimal
    <root>                  base64 of the Merkle root

Extension lines are read, because others may write them, and never written. A checkpoint says nothing about time: see
`witness` for that.
"""

from dataclasses import dataclass

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.signing import KeyType, SigningKey, VerifyKey
from safeconduct.errors import MalformedError, VerificationError
from safeconduct.ledger.merkle import HASH_LENGTH
from safeconduct.ledger.note import Note, parse_note, sign_note, verify_note

SIZE_DIGITS = 19
_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The size and root of a log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode64(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: SigningKey) -> Note:
    """Return the signed checkpoint; the caller has made everything it covers durable."""
    return sign_note(checkpoint.text, signer)


def open_checkpoint(data: bytes, key: VerifyKey) -> Checkpoint:
    """Return the checkpoint that the key of the log signed.

    Raises:
        TooLargeError: it is longer than any note.
        MalformedError: it is not a checkpoint.
        VerificationError: the key did not sign it, or it is of another log.
    """
    return verify_checkpoint(parse_note(data), key)


def verify_checkpoint(note: Note, key: VerifyKey) -> Checkpoint:
    """Return the checkpoint of a parsed note that the key of the log signed.

    Raises:
        MalformedError: it is not a checkpoint, or the key is not one of a log.
        VerificationError: the key did not sign it, or it is of another log.
    """
    if key.type is not KeyType.ED25519:
        raise MalformedError("this is the key of a witness", hint="bring the verifier key of the log")
    verify_note(note, [key])
    checkpoint = read_checkpoint(note.text)
    if checkpoint.origin != key.name:
        raise VerificationError("the checkpoint is of another log than its key", hint="a key belongs to one log")
    return checkpoint


def read_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that the text of a note states, verified or not.

    Raises:
        MalformedError: the text is not one of a checkpoint.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < _LINES or not all(lines):
        raise MalformedError("this is not a checkpoint", hint="it has origin, size and root, each on a line")
    return Checkpoint(
        origin=lines[0],
        size=read_number(lines[1], what="the size of the log"),
        root=decode64(lines[2], what="the root of the log", length=HASH_LENGTH),
    )


def read_number(text: str, *, what: str) -> int:
    """Return a decimal number without sign and leading zeros.

    Raises:
        MalformedError: the text is not one.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > SIZE_DIGITS or (text[0] == "0" and text != "0"):
        raise MalformedError(f"{what} is not a number", hint="it is decimal, without leading zeros")
    return int(text)
