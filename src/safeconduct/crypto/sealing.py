# SPDX-License-Identifier: Apache-2.0
"""Sealing at rest: each report has a data key, and destroying that key destroys the report.

    epoch key (a file outside the database, one a week) ─wraps→ data key (one a report) ─seals→ fields, attachments

Everything is AES-256-GCM (NIST SP 800-38D). Fields and wrapped keys carry a random nonce of 96 bits and are bound to
their place by the associated data `table|column|row id|key version`, so a sealed value moved to another row or column
does not open. One data key seals far fewer than 2³² fields, the limit for random nonces.

Attachments come in chunks that an upload handler pushes, so they are sealed by a writer that is pushed to. age's
library pulls from a reader; driving it would need a thread for each upload that must be ended when the upload breaks
off, and a file sealed to people could not be shredded with the report. The format is the STREAM construction (Hoang,
Reyhanitabar, Rogaway, Vizár, CRYPTO 2015) in the manner of Tink's AES-GCM-HKDF:

    magic (8) ‖ salt (32) ‖ chunk ‖ … ‖ last chunk       chunk = 64 KiB of plaintext, sealed, and a tag of 16 bytes
    file key = HKDF-SHA256(data key, salt, "safeconduct/stream/v1|" ‖ place)
    nonce = 7 zero bytes ‖ number of the chunk (4) ‖ 1 if it is the last, else 0

The salt makes the file key unique, so the counted nonces never repeat. A chunk that was changed, moved, repeated, left
out or cut off does not open. Whoever reads must discard what came before the error.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safeconduct.crypto.secret import Secret, derive_key
from safeconduct.domain.ids import Entropy
from safeconduct.errors import MalformedError, SealError

KEY_LENGTH = 32
NONCE_LENGTH = 12
TAG_LENGTH = 16
SALT_LENGTH = 32
CHUNK_LENGTH = 64 * 1024
MAGIC = b"SCSEAL1\n"
_FORMAT = b"\x01"
_DATA_KEY_VERSION = "1"
_STREAM_LABEL = b"safeconduct/stream/v1|"


class Sink(Protocol):
    """Where sealed bytes go: anything with the `write` of a binary file."""

    def write(self, data: bytes, /) -> object:
        """Take all of the bytes."""


class Source(Protocol):
    """Where sealed bytes come from: anything with the `read` of a binary file."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, and nothing at the end."""


class DataKey(Secret):
    """The key of one report."""

    __slots__ = ()

    @classmethod
    def generate(cls, entropy: Entropy) -> "DataKey":
        """Return a fresh key."""
        return cls(entropy(KEY_LENGTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochKey:
    """The key that wraps the data keys of one epoch; `id` is public and stands before each wrapped key."""

    id: str
    key: Secret = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed value stands: the value opens nowhere else."""

    table: str
    column: str
    row: str

    def associated_data(self, version: str) -> bytes:
        """Return the associated data of a value sealed at this place with the key of that version.

        Raises:
            MalformedError: a part has the character that divides the parts.
        """
        parts = (self.table, self.column, self.row, version)
        if any("|" in part for part in parts):
            raise MalformedError("a place cannot have a | in its names", hint="use the names of table and column")
        return "|".join(parts).encode()


def seal_field(key: DataKey, plaintext: bytes, *, place: Place, entropy: Entropy) -> bytes:
    """Return the plaintext sealed for its place."""
    return _FORMAT + _seal(key, plaintext, associated=place.associated_data(_DATA_KEY_VERSION), entropy=entropy)


def open_field(key: DataKey, sealed: bytes, *, place: Place) -> bytes:
    """Return the plaintext of a sealed field.

    Raises:
        SealError: the key is another, the value was changed, or it stands at another place.
    """
    if sealed[:1] != _FORMAT:
        raise SealError("the sealed value is of an unknown format", hint="it was written by a newer version")
    return _open(key, sealed[1:], associated=place.associated_data(_DATA_KEY_VERSION))


def wrap_key(key: DataKey, epoch: EpochKey, *, place: Place, entropy: Entropy) -> bytes:
    """Return the data key wrapped under the epoch key."""
    name = epoch.id.encode("ascii")
    sealed = _seal(epoch.key, key.reveal(), associated=place.associated_data(epoch.id), entropy=entropy)
    return _FORMAT + bytes([len(name)]) + name + sealed


def epoch_of(wrapped: bytes) -> str:
    """Return the id of the epoch key that opens a wrapped data key.

    Raises:
        SealError: the bytes are no wrapped key.
    """
    name = wrapped[2 : 2 + wrapped[1]] if len(wrapped) > 1 else b""
    if wrapped[:1] != _FORMAT or not name or not name.isascii():
        raise SealError("the wrapped key is of an unknown format", hint="it was written by a newer version")
    return name.decode("ascii")


def unwrap_key(wrapped: bytes, epoch: EpochKey, *, place: Place) -> DataKey:
    """Return the data key.

    Raises:
        SealError: the epoch key is another, the bytes were changed, or they stand at another place.
    """
    if epoch_of(wrapped) != epoch.id:
        raise SealError("the key is wrapped under another epoch", hint=f"it needs the key of {epoch_of(wrapped)}")
    sealed = wrapped[2 + wrapped[1] :]
    return DataKey(_open(epoch.key, sealed, associated=place.associated_data(epoch.id)))


class SealWriter:
    """Seals what is pushed to it, chunk by chunk; no plaintext leaves it. Without `close` nothing opens later."""

    def __init__(self, key: DataKey, sink: Sink, *, place: Place, entropy: Entropy) -> None:
        """Write the header; the sink is not closed here."""
        salt = entropy(SALT_LENGTH)
        self._cipher = _stream_cipher(key, salt, place)
        self._sink = sink
        self._waiting = bytearray()
        self._chunks = 0
        self._closed = False
        self._hash = hashlib.sha256()
        self.size = 0
        self._sink.write(MAGIC + salt)

    def write(self, data: bytes) -> int:
        """Take plaintext of any length and write every chunk that is full and not the last.

        Raises:
            SealError: the writer is closed.
        """
        if self._closed:
            raise SealError("the seal is closed already", hint="begin a new file")
        self._hash.update(data)
        self.size += len(data)
        self._waiting += data
        while len(self._waiting) > CHUNK_LENGTH:
            self._emit(bytes(self._waiting[:CHUNK_LENGTH]), is_last=False)
            del self._waiting[:CHUNK_LENGTH]
        return len(data)

    def close(self) -> None:
        """Write the last chunk; a second call does nothing."""
        if not self._closed:
            self._emit(bytes(self._waiting), is_last=True)
            self._waiting.clear()
            self._closed = True

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the plaintext so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def _emit(self, chunk: bytes, *, is_last: bool) -> None:
        self._sink.write(self._cipher.encrypt(_nonce(self._chunks, is_last=is_last), chunk, None))
        self._chunks += 1


def unseal(key: DataKey, source: Source, *, place: Place) -> Iterator[bytes]:
    """Yield the plaintext chunk by chunk; each was verified, but only the end shows that none is missing.

    Raises:
        SealError: the key is another, the bytes were changed or cut, or they belong to another place.
    """
    header = _read_up_to(source, len(MAGIC) + SALT_LENGTH)
    if not header.startswith(MAGIC) or len(header) != len(MAGIC) + SALT_LENGTH:
        raise SealError("this is not a file sealed here", hint="the beginning is missing or was changed")
    cipher = _stream_cipher(key, header[len(MAGIC) :], place)
    number = 0
    chunk = _read_up_to(source, CHUNK_LENGTH + TAG_LENGTH)
    while True:
        following = _read_up_to(source, CHUNK_LENGTH + TAG_LENGTH)
        yield _decrypt(cipher, _nonce(number, is_last=not following), chunk, associated=None)
        if not following:
            return
        chunk = following
        number += 1


def sealed_size(plain_size: int) -> int:
    """Return how many bytes a sealed file of so many plaintext bytes has."""
    chunks = max(1, -(-plain_size // CHUNK_LENGTH))
    return len(MAGIC) + SALT_LENGTH + plain_size + chunks * TAG_LENGTH


def _stream_cipher(key: DataKey, salt: bytes, place: Place) -> AESGCM:
    label = _STREAM_LABEL + place.associated_data(_DATA_KEY_VERSION)
    return AESGCM(derive_key(key, label=label, salt=salt, length=KEY_LENGTH).reveal())


def _nonce(number: int, *, is_last: bool) -> bytes:
    return struct.pack(">7xI?", number, is_last)


def _read_up_to(source: Source, size: int) -> bytes:
    """Read until there are so many bytes or the source ends; a raw source may give less than asked."""
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _seal(key: Secret, plaintext: bytes, *, associated: bytes, entropy: Entropy) -> bytes:
    nonce = entropy(NONCE_LENGTH)
    return nonce + AESGCM(key.reveal()).encrypt(nonce, plaintext, associated)


def _open(key: Secret, sealed: bytes, *, associated: bytes) -> bytes:
    cipher = AESGCM(key.reveal())
    return _decrypt(cipher, sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], associated=associated)


def _decrypt(cipher: AESGCM, nonce: bytes, sealed: bytes, *, associated: bytes | None) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise SealError(
            "the sealed bytes do not open", hint="the key is another or gone, or the bytes were changed or moved"
        ) from error
