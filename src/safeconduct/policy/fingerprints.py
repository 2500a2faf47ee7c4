# SPDX-License-Identifier: Apache-2.0
"""Exact fingerprints: two reports with the same fingerprint say the same, byte for byte of what is compared.

A fingerprint is SHA-256 over the algorithm's id, the kind, and each field's name and value, every part preceded by its
length in eight bytes. So no two different lists of fields can run together into the same bytes, and an absent field is
not an empty one. Texts are compared without case, compatibility forms (Unicode NFKC) and spacing.

The algorithm's id is part of the fingerprint's text: when the rules change, old fingerprints stay readable and are
never mistaken for new ones.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Final, NewType

ALGORITHM: Final = "safeconduct-fp/1"

Fingerprint = NewType("Fingerprint", str)


def fingerprint(kind: str, fields: Iterable[tuple[str, str]]) -> Fingerprint:
    """Return the fingerprint of named values; their order does not matter, repetitions do."""
    digest = hashlib.sha256()
    for part in (ALGORITHM, kind, *(part for field in sorted(fields) for part in field)):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return Fingerprint(f"{ALGORITHM}:{kind}:{digest.hexdigest()}")


def kind_of(mark: Fingerprint) -> str:
    """Return what the fingerprint compares: `text`, `file`, `id`."""
    return mark.removeprefix(f"{ALGORITHM}:").partition(":")[0]


def of_text(text: str) -> Fingerprint:
    """Return the fingerprint of what a text says, without case, compatibility forms and spacing."""
    return fingerprint("text", [("text", same_text(text))])


def of_file(sha256: str) -> Fingerprint:
    """Return the fingerprint of an attached file, bundle or harness report, from its digest."""
    return fingerprint("file", [("sha256", sha256.lower())])


def of_public_id(identifier: str) -> Fingerprint:
    """Return the fingerprint of a public identifier that a record claims as its own, such as a CVE id."""
    return fingerprint("id", [("id", same_text(identifier))])


def same_text(text: str) -> str:
    """Return the text as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
