# SPDX-License-Identifier: Apache-2.0
"""Sealing to people: age files (age-encryption.org/v1) for X25519 recipients, read by any age tool.

Reports, replies and exported keys are sealed with age, so that recipients can open them with software that nobody here
wrote. Everything that stays in the database is sealed by `sealing` instead, whose keys can be destroyed report by
report. An age file shows how many recipients it has and how long it is, and does not say who made it: pad first where
the length tells something, and sign inside where the sender matters.

The post-quantum recipients `age1pq…` are refused for now: the library cannot open them. `_recipient` is the one place
to change.
"""

import os
from collections.abc import Sequence
from typing import BinaryIO

import pyrage
from pyrage import x25519

from safeconduct.crypto.encoding import encode_bech32
from safeconduct.crypto.secret import Secret
from safeconduct.errors import MalformedError, SealError, UnavailableError

HEADER = b"age-encryption.org/v1\n"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
FLOOR = 4096
_END = b"\x80"


def identity_from_seed(seed: Secret) -> Secret:
    """Return the age X25519 identity of a 32-byte seed in its text form `AGE-SECRET-KEY-1…`."""
    return Secret(encode_bech32("age-secret-key-", seed.reveal()).upper().encode("ascii"))


def recipient_of(identity: Secret) -> str:
    """Return the public recipient `age1…` of an identity.

    Raises:
        MalformedError: the secret is not an age X25519 identity.
    """
    return str(_identity(identity).to_public())


def checked_recipient(text: str) -> str:
    """Return the recipient in its canonical spelling.

    Raises:
        MalformedError: the text is not an age X25519 recipient.
    """
    return str(_recipient(text.strip()))


def seal_to(recipients: Sequence[str], plaintext: bytes) -> bytes:
    """Return an age file that each of the recipients can open.

    Raises:
        MalformedError: there is no recipient, or one of them is not an age X25519 recipient.
    """
    return bytes(pyrage.encrypt(plaintext, _recipients(recipients)))


def open_with(identities: Sequence[Secret], sealed: bytes) -> bytes:
    """Return what an age file holds.

    Raises:
        MalformedError: one of the identities is not an age X25519 identity.
        SealError: none of them opens the file, or the file was changed or cut.
    """
    try:
        return bytes(pyrage.decrypt(sealed, [_identity(one) for one in identities]))
    except pyrage.DecryptError as error:
        raise _cannot_open() from error


def seal_stream(recipients: Sequence[str], *, source: BinaryIO, sink: BinaryIO) -> None:
    """Seal everything that the source gives into the sink, piece by piece.

    Raises:
        MalformedError: there is no recipient, or one of them is not an age X25519 recipient.
    """
    pyrage.encrypt_io(source, sink, _recipients(recipients))


def open_stream(identities: Sequence[Secret], *, source: BinaryIO, sink: BinaryIO) -> None:
    """Open an age file from the source into the sink; on an error the caller discards what the sink got.

    Raises:
        MalformedError: one of the identities is not an age X25519 identity.
        SealError: none of them opens the file, or the file was changed or cut.
        UnavailableError: source or sink failed.
    """
    parsed = [_identity(one) for one in identities]
    try:
        pyrage.decrypt_io(source, sink, parsed)
    except pyrage.DecryptError as error:
        raise _cannot_open() from error
    except OSError as error:
        if error.errno is None:  # A cut or changed chunk surfaces as an OSError that the system did not cause.
            raise _cannot_open() from error
        raise UnavailableError("the opened file cannot be read or written", hint=os.strerror(error.errno)) from error


def is_age_file(beginning: bytes) -> bool:
    """Tell whether a file that begins so is sealed with age already; such a file is not sealed twice."""
    return beginning.startswith((HEADER, ARMOR))


def pad(plaintext: bytes) -> bytes:
    """Return the bytes, one mark and zeros (ISO/IEC 7816-4) up to the next size of `bucket`."""
    return (plaintext + _END).ljust(bucket(len(plaintext) + 1), b"\0")


def unpad(padded: bytes) -> bytes:
    """Return what was padded.

    Raises:
        SealError: the mark is missing.
    """
    plaintext = padded.rstrip(b"\0")
    if not plaintext.endswith(_END):
        raise SealError("the sealed content is not padded as it should be", hint="ask the sender to seal it again")
    return plaintext[: -len(_END)]


def bucket(size: int) -> int:
    """Return the size that stands for all sizes near it: PADMÉ (Nikitin et al., PETS 2019), at least 4 KiB.

    The result is at most 12 % larger and shows O(log log size) bits of the true size.
    """
    if size <= FLOOR:
        return FLOOR
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def _cannot_open() -> SealError:
    return SealError(
        "the sealed file cannot be opened", hint="it needs the identity of one of its recipients, unchanged"
    )


def _recipients(texts: Sequence[str]) -> list[x25519.Recipient]:
    if not texts:
        raise MalformedError("there is nobody to seal to", hint="name at least one recipient")
    return [_recipient(text) for text in texts]


def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise MalformedError(
            "this is not an age recipient", hint="it starts with age1 and is of type X25519"
        ) from error


def _identity(secret: Secret) -> x25519.Identity:
    try:
        return x25519.Identity.from_str(secret.reveal().decode("ascii"))
    except (pyrage.IdentityError, UnicodeDecodeError) as error:
        raise MalformedError("this is not an age identity", hint="it starts with AGE-SECRET-KEY-1") from error
