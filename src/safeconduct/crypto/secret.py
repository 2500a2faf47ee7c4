# SPDX-License-Identifier: Apache-2.0
"""Secret bytes and texts, in types that show nothing of themselves.

A `Secret` prints as `Secret(…)` in messages, logs and tracebacks, compares in constant time and has no hash. What is
inside leaves only through `reveal`, so that a search for that name finds every place where a secret is handled.

Not promised: Python cannot wipe memory, so a secret may stay in the process until its memory is used again.
"""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Secret:
    """Bytes that must not be shown."""

    __slots__ = ("__data",)

    def __init__(self, data: bytes) -> None:
        self.__data = bytes(data)

    def reveal(self) -> bytes:
        """Return the secret bytes."""
        return self.__data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__data, other.reveal())

    __hash__ = None  # type: ignore[assignment]  # a secret belongs into no set or dictionary

    def __reduce__(self) -> str:
        message = "a secret is not written to a stream"
        raise TypeError(message)


def derive_key(material: Secret, *, label: bytes, salt: bytes = b"", length: int = 32) -> Secret:
    """Return the key that the material has under the label (HKDF-SHA256, RFC 5869)."""
    return Secret(HKDF(algorithm=SHA256(), length=length, salt=salt, info=label).derive(material.reveal()))
