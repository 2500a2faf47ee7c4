# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): a text, a blank line, and one line for each signature.

    — <name of the key> base64(key id ‖ signature)

Rules: a note is UTF-8 without control characters other than line feeds; signatures of unknown keys are ignored; a
signature that names a known key by name and key id and fails refuses the note; without one good signature of a known
key the text means nothing. Up to 64 signatures are read (16 are demanded of readers).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.signing import KEY_ID_LENGTH, SigningKey, VerifyKey, is_key_name
from safeconduct.errors import MalformedError, TooLargeError, VerificationError

NOTE_LIMIT = 512 * 1024
MOST_SIGNATURES = 64
_DASH = "— "
_FIRST_PRINTABLE = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line, with its end."""
        return f"{_DASH}{self.name} {encode64(self.key_id + self.signature)}\n"

    def is_of(self, key: VerifyKey) -> bool:
        """Tell whether the line names the key."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text, which ends with a line feed, and its signatures; nothing of it is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(one.line() for one in self.signatures)}"


def sign_note(text: str, signer: SigningKey) -> Note:
    """Return the text as a note of the signer."""
    signature = NoteSignature(name=signer.name, key_id=signer.verifier.key_id, signature=signer.sign(text.encode()))
    return Note(text=text, signatures=(signature,))


def parse_note(data: bytes) -> Note:
    """Return the note that the bytes hold, without verifying it.

    Raises:
        TooLargeError: it is longer than any note.
        MalformedError: it is not a note.
    """
    if len(data) > NOTE_LIMIT:
        raise TooLargeError("this is too long for a signed note", hint="use the file as it was given", limit=NOTE_LIMIT)
    text, divider, lines = _decoded(data).rpartition("\n\n")
    if not divider or not text or not lines.endswith("\n"):
        raise MalformedError("this is not a signed note", hint="it has a text, a blank line and signature lines")
    found = lines.removesuffix("\n").split("\n")
    if len(found) > MOST_SIGNATURES:
        raise MalformedError(f"the note has more than {MOST_SIGNATURES} signatures", hint="remove the unknown ones")
    return Note(text=f"{text}\n", signatures=tuple(_signature(line) for line in found))


def verify_note(note: Note, keys: Sequence[VerifyKey]) -> tuple[VerifyKey, ...]:
    """Return the keys that signed the text of the note, at least one.

    Raises:
        VerificationError: none of the keys signed it, or the signature of one of them fails.
    """
    verified = []
    for signature in note.signatures:
        for key in keys:
            if signature.is_of(key):
                key.verify(signature.signature, note.text.encode())
                verified.append(key)
    if not verified:
        raise VerificationError(
            "no key at hand signed this note",
            hint="bring the verifier key of its signer",
            known=[key.hint for key in keys],
            named=[one.name for one in note.signatures],
        )
    return tuple(verified)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("the note is not UTF-8 text", hint="use the file as it was given") from error
    if any(ord(char) < _FIRST_PRINTABLE and char != "\n" for char in text):
        raise MalformedError("the note has a control character", hint="line ends are single line feeds")
    return text


def _signature(line: str) -> NoteSignature:
    name, space, coded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_key_name(name):
        raise MalformedError("a signature line of the note is damaged", hint="it is: — name base64")
    data = decode64(coded, what="a signature of the note")
    if len(data) <= KEY_ID_LENGTH:
        raise MalformedError("a signature of the note is too short", hint="use the file as it was given")
    return NoteSignature(name=name, key_id=data[:KEY_ID_LENGTH], signature=data[KEY_ID_LENGTH:])
