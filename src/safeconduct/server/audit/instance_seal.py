# SPDX-License-Identifier: Apache-2.0
"""Small secrets of the service itself, sealed in the database with a key that only the key ring holds.

They belong to no report and no case: the seeds of second factors, the text of messages that wait. The database and its
backup alone do not open them.
"""

import secrets

from safeconduct.crypto.sealing import DataKey, Place, open_field, seal_field
from safeconduct.server.audit.ring import key_ring


def seal_for(purpose: str, text: str, *, row: str = "") -> bytes:
    """Return the text sealed for the purpose and the row."""
    return seal_field(_key(purpose), text.encode(), place=_place(purpose, row), entropy=secrets.token_bytes)


def open_for(purpose: str, sealed: bytes | memoryview, *, row: str = "") -> str:
    """Return the text.

    Raises:
        SealError: the key ring is another one, or the bytes were changed or moved.
    """
    return open_field(_key(purpose), bytes(sealed), place=_place(purpose, row)).decode()


def _key(purpose: str) -> DataKey:
    return DataKey(key_ring().purpose_key(purpose).reveal())


def _place(purpose: str, row: str) -> Place:
    return Place(table=purpose, column="text", row=row)
