# SPDX-License-Identifier: Apache-2.0
"""The key ring of this instance, as the server uses it: made at first start, read once by each process."""

import secrets
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from safeconduct.crypto.keys import KeyRing


def ensure_key_ring() -> KeyRing:
    """Return the ring, and make it first if this is a new home.

    Raises:
        ConfigurationError: others can read the keys, a key is damaged, or the log was begun under another origin.
        UnavailableError: the disk does not take the keys.
    """
    KeyRing.ensure(settings.SAFECONDUCT.keys, origin=settings.SAFECONDUCT.origin, entropy=secrets.token_bytes)
    return key_ring()


def key_ring() -> KeyRing:
    """Return the ring.

    Raises:
        ConfigurationError: there is none yet, others can read it, or a key is damaged.
    """
    return _load(settings.SAFECONDUCT.home)


@lru_cache(maxsize=8)
def _load(_home: Path) -> KeyRing:
    return KeyRing.load(settings.SAFECONDUCT.keys)
