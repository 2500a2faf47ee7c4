# SPDX-License-Identifier: Apache-2.0
"""Named Ed25519 keys (RFC 8032), in the text forms of signed notes (C2SP signed-note v1).

    verifier key    <name>+<key id, 8 hex digits>+base64(type ‖ public key)
    signing key     PRIVATE+KEY+<name>+<key id>+base64(type ‖ seed)
    key id          SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]

The name is part of the key id, so the same bytes under another name are another key. The type tells what is signed:
0x01 the text of a note, 0x04 a witness's statement of time and text. The key id is a hint of four bytes and no
identity: a forger can make one that collides, and then the signature fails.

Not done here: no revocation and no chain of trust. Whoever verifies brings the verifier key.
"""

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.secret import Secret
from safeconduct.domain.ids import Entropy
from safeconduct.errors import MalformedError, VerificationError

KEY_ID_LENGTH = 4
PUBLIC_LENGTH = 32
SEED_LENGTH = 32
NAME_LIMIT = 255
_PRIVATE = ("PRIVATE", "KEY")


class KeyType(IntEnum):
    """What a key signs: the signature type byte of a signed note."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of the bytes in lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """A public key under a name; its text form is the verifier key of signed notes."""

    name: str
    public: bytes
    type: KeyType = KeyType.ED25519

    @property
    def key_id(self) -> bytes:
        """Return the four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:KEY_ID_LENGTH]

    @property
    def hint(self) -> str:
        """Return name and key id as text, the `keyid` of our DSSE envelopes."""
        return f"{self.name}+{self.key_id.hex()}"

    def __str__(self) -> str:
        return f"{self.hint}+{encode64(bytes([self.type]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifyKey":
        """Return the key that the text stands for.

        Raises:
            MalformedError: a part is missing or wrong, the type is unknown, or the key id is not that of the key.
        """
        name, key_id, data = _three_parts(text)
        key = cls(name=name, public=data[1:], type=_type_of(data))
        if key.key_id.hex() != key_id:
            raise MalformedError("the verifier key does not match its own key id", hint="copy the key again, whole")
        return key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check a signature over the message.

        Raises:
            VerificationError: this key did not make the signature over this message.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise VerificationError(
                "a signature does not hold", hint="the text was changed or another key signed it", key=self.hint
            ) from error

    def to_pem(self) -> str:
        """Return the public key as PEM (SubjectPublicKeyInfo), without the name."""
        key = Ed25519PublicKey.from_public_bytes(self.public)
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return key.public_bytes(*form).decode("ascii")

    @classmethod
    def from_pem(cls, text: str, *, name: str) -> "VerifyKey":
        """Return the public key of a PEM text under the name.

        Raises:
            MalformedError: the text holds no Ed25519 public key, or the name cannot name a key.
        """
        try:
            key = serialization.load_pem_public_key(text.encode())
        except ValueError as error:
            raise MalformedError("the text holds no public key", hint="it starts with -----BEGIN") from error
        if not isinstance(key, Ed25519PublicKey):
            raise MalformedError("the public key is of another kind", hint="it must be an Ed25519 key")
        return cls(name=_checked_name(name), public=key.public_bytes_raw())


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key under a name; it shows its name only."""

    name: str
    seed: Secret = field(repr=False)
    # Derived once: making the key from its seed takes longer than signing.
    _private: Ed25519PrivateKey = field(init=False, repr=False, compare=False)
    _verifier: VerifyKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        private = Ed25519PrivateKey.from_private_bytes(self.seed.reveal())
        object.__setattr__(self, "_private", private)
        object.__setattr__(self, "_verifier", VerifyKey(name=self.name, public=private.public_key().public_bytes_raw()))

    @classmethod
    def generate(cls, name: str, entropy: Entropy) -> "SigningKey":
        """Return a fresh key under the name.

        Raises:
            MalformedError: the name is empty, too long, or has a space or a plus sign.
        """
        return cls(name=_checked_name(name), seed=Secret(entropy(SEED_LENGTH)))

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Return the key that the text stands for.

        Raises:
            MalformedError: the text is not a signing key; nothing of it is shown.
        """
        parts = tuple(text.strip().split("+", maxsplit=2))
        if parts[:2] != _PRIVATE or len(parts) != len(_PRIVATE) + 1:
            raise MalformedError("this is not a signing key", hint="it starts with PRIVATE+KEY+")
        name, key_id, data = _three_parts(parts[2])
        key = cls(name=name, seed=Secret(data[1:]))
        if _type_of(data) is not KeyType.ED25519 or key.verifier.key_id.hex() != key_id:
            raise MalformedError("the signing key does not match its own key id", hint="restore the key from its copy")
        return key

    @property
    def verifier(self) -> VerifyKey:
        """Return the public half, under the same name."""
        return self._verifier

    def reveal(self) -> str:
        """Return the secret text form of the key."""
        data = encode64(bytes([KeyType.ED25519]) + self.seed.reveal())
        return "+".join((*_PRIVATE, self.name, self.verifier.key_id.hex(), data))

    def sign(self, message: bytes) -> bytes:
        """Return the signature over the message."""
        return self._private.sign(message)


def _three_parts(text: str) -> tuple[str, str, bytes]:
    parts = text.strip().split("+", maxsplit=2)
    if len(parts) != 3:  # noqa: PLR2004  # name, key id, key
        raise MalformedError("this is not a verifier key", hint="it has the form name+hash+base64")
    data = decode64(parts[2], what="the key", length=1 + PUBLIC_LENGTH)
    return _checked_name(parts[0]), parts[1], data


def _type_of(data: bytes) -> KeyType:
    try:
        return KeyType(data[0])
    except ValueError as error:
        raise MalformedError(
            f"the key is of the unknown type {data[0]}", hint="types 1 (Ed25519) and 4 (cosignature) are read"
        ) from error


def is_key_name(name: str) -> bool:
    """Tell whether the text can name a key: not empty, and without spaces, plus signs and control characters."""
    return 0 < len(name) <= NAME_LIMIT and not any(c.isspace() or c == "+" or not c.isprintable() for c in name)


def _checked_name(name: str) -> str:
    if not is_key_name(name):
        raise MalformedError("this cannot name a key", hint="a name has no spaces and no plus sign")
    return name
