# SPDX-License-Identifier: Apache-2.0
"""Commitments: what the log holds of a report, and the opening that proves the report later, whole or in part.

    field hash   SHA-256(0x00 ‖ canonical JSON [base64 of a salt, name, value])        one for each field
    root         Merkle root over the field hashes (RFC 6962)
    commitment   SHA-256("safeconduct/receipt/v1" ‖ 0x00 ‖ salt ‖ root)

The fields are the top-level members of the report as they were sent, and the SHA-256 of each attachment's plaintext, in
the order of their names. All salts have 32 random bytes, so neither a short title can be guessed from the log nor a
hidden field from a partial opening. After the opening is gone the commitment is 32 bytes that mean nothing.

The commitment covers plaintext only. The hash of the sealed bytes cannot be inside: the salts travel within the seal,
so the seal would have to be made before itself.

The *opening* is the reporter's file. It is secret as a whole: whoever has it can prove, and read, the report. `reveal`
makes a copy for others that shows chosen fields and only the hashes of the rest; it shows how many fields there are.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.domain.ids import Entropy
from safeconduct.domain.safe_json import Json, canonical_json, read_object
from safeconduct.errors import MalformedError, NotFoundError
from safeconduct.ledger.entry import COMMITMENT_LENGTH, EntryKind
from safeconduct.ledger.merkle import HASH_LENGTH, leaf_hash, root_of

SALT_LENGTH = 32
MOST_FIELDS = 4096
ATTACHMENT_PREFIX = "attachment:"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HINT = "use the opening file as it was given"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """A field of the report with its salt."""

    name: str
    value: Json = field(repr=False)
    salt: bytes = field(repr=False)

    def hash(self) -> bytes:
        """Return the hash that stands for the field."""
        return leaf_hash(canonical_json([encode64(self.salt), self.name, self.value]))

    def as_json(self) -> dict[str, Json]:
        """Return the field as it stands in the opening file."""
        return {"name": self.name, "salt": encode64(self.salt), "value": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenField:
    """A field of which only the hash is shown."""

    digest: bytes

    def hash(self) -> bytes:
        """Return the hash that stands for the field."""
        return self.digest

    def as_json(self) -> dict[str, Json]:
        """Return the field as it stands in the opening file."""
        return {"hash": encode64(self.digest)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a commitment; `log_key` is the verifier key that came with it, and is not proven by it."""

    salt: bytes = field(repr=False)
    fields: tuple[ShownField | HiddenField, ...]
    log_key: str = ""

    def commitment(self) -> bytes:
        """Return the commitment that this opening belongs to."""
        root = root_of([one.hash() for one in self.fields])
        return salted_commitment(EntryKind.RECEIPT, root, salt=self.salt)

    def shown(self) -> dict[str, Json]:
        """Return the fields that are shown, by name."""
        return {one.name: one.value for one in self.fields if isinstance(one, ShownField)}

    def reveal(self, names: Collection[str]) -> "Opening":
        """Return the opening that shows the named fields only.

        Raises:
            NotFoundError: one of them is not shown here either.
        """
        unknown = sorted(set(names) - set(self.shown()))
        if unknown:
            raise NotFoundError(
                "the opening does not show these fields", hint="see the names it shows", unknown=unknown
            )
        return replace(
            self,
            fields=tuple(
                one if isinstance(one, ShownField) and one.name in names else HiddenField(digest=one.hash())
                for one in self.fields
            ),
        )

    def as_json(self) -> dict[str, Json]:
        """Return the opening as plain data."""
        return {
            "fields": [one.as_json() for one in self.fields],
            "log_key": self.log_key,
            "salt": encode64(self.salt),
            "v": 1,
        }

    def to_json(self) -> bytes:
        """Return the content of the opening file."""
        return canonical_json(self.as_json()) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> "Opening":
        """Return the opening of an opening file.

        Raises:
            MalformedError: the bytes are no opening.
            TooLargeError: they pass the limit of a document.
        """
        document = read_object(data)
        fields, log_key = document.get("fields"), document.get("log_key", "")
        if document.get("v") != 1 or not isinstance(fields, list) or not isinstance(log_key, str):
            raise MalformedError("this is not an opening file", hint=_HINT)
        if not 0 < len(fields) <= MOST_FIELDS:
            raise MalformedError(f"an opening has 1 to {MOST_FIELDS} fields", hint=_HINT)
        return cls(
            salt=_bytes(document, "salt", length=SALT_LENGTH),
            fields=tuple(_field(one) for one in fields),
            log_key=log_key,
        )


def commit(
    report: Mapping[str, Json], attachments: Sequence[str], *, entropy: Entropy, log_key: str = ""
) -> tuple[bytes, Opening]:
    """Return the commitment to a report and the opening that proves it.

    Args:
        report: the report as plain data; each top-level member becomes a field.
        attachments: the SHA-256 of each attachment's plaintext, in hexadecimal digits, in their order.
        entropy: the source of the salts.
        log_key: the verifier key to put into the opening, for people who have no other copy.

    Raises:
        MalformedError: there is nothing to commit to, a name is taken, a hash is not one, or a value is not JSON.
    """
    hashes = {f"{ATTACHMENT_PREFIX}{number}": digest for number, digest in enumerate(attachments, start=1)}
    if not all(_SHA256.fullmatch(digest) for digest in attachments):
        raise MalformedError("an attachment is named by something that is not a SHA-256", hint="64 hexadecimal digits")
    if any(name.startswith(ATTACHMENT_PREFIX) for name in report):
        raise MalformedError(f"a field of a report cannot start with {ATTACHMENT_PREFIX}", hint="rename it")
    named = {**report, **hashes}
    if not 0 < len(named) <= MOST_FIELDS:
        raise MalformedError(f"a commitment covers 1 to {MOST_FIELDS} fields, not {len(named)}", hint="send a report")
    fields = tuple(ShownField(name=name, value=named[name], salt=entropy(SALT_LENGTH)) for name in sorted(named))
    opening = Opening(salt=entropy(SALT_LENGTH), fields=fields, log_key=log_key)
    return opening.commitment(), opening


def salted_commitment(kind: EntryKind, digest: bytes, *, salt: bytes) -> bytes:
    """Return the commitment of a kind to the SHA-256 (or Merkle root) of what it is about.

    Used as it is for case events, audit heads and attestations. Public kinds are committed to by the SHA-256 of the
    published document itself (`public_commitment`), so that anyone can look for it.

    Raises:
        MalformedError: salt or digest have not 32 bytes.
    """
    if len(salt) != SALT_LENGTH or len(digest) != HASH_LENGTH:
        raise MalformedError("a commitment takes a salt and a digest of 32 bytes each", hint="hash the content first")
    return sha256(f"safeconduct/{kind.value}/v1".encode() + b"\0" + salt + digest).digest()


def public_commitment(document: bytes) -> bytes:
    """Return the commitment to a published document: its SHA-256."""
    return sha256(document).digest()


def _field(entry: Json) -> ShownField | HiddenField:
    if not isinstance(entry, dict):
        raise MalformedError("a field of the opening is not an object", hint=_HINT)
    if entry.keys() == {"hash"}:
        return HiddenField(digest=_bytes(entry, "hash", length=HASH_LENGTH))
    name = entry.get("name")
    if entry.keys() != {"name", "salt", "value"} or not isinstance(name, str):
        raise MalformedError("a field of the opening has other members than it should", hint=_HINT)
    return ShownField(name=name, value=entry["value"], salt=_bytes(entry, "salt", length=SALT_LENGTH))


def _bytes(members: Mapping[str, Json], name: str, *, length: int = COMMITMENT_LENGTH) -> bytes:
    value = members.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"the opening lacks “{name}”", hint=_HINT)
    return decode64(value, what=f"“{name}” of the opening", length=length)
