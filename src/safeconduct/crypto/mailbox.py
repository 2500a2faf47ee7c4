# SPDX-License-Identifier: Apache-2.0
"""What a codename unlocks: the keys of a mailbox, derived and never stored.

    codename ─ Argon2id (RFC 9106: t=2, m=19 MiB, p=1, salt of the instance) ─ 64 bytes ─ HKDF-SHA256 ─┬ lookup
                                                                                                       ├ age-identity
                                                                                                       └ auth

`lookup` finds the mailbox, `age-identity` opens what is sealed to the reporter, `auth` is shown to close or delete. The
server keeps only SHA-256(lookup), SHA-256(auth) and the age recipient. What is hashed are the eight words in lower case
with single spaces between them, so a browser or a command line derives the same keys and the words never leave it.

The password hash may be cheap because the codename has 90 bits: one guess costs about 20 ms and 19 MiB, and there are
2⁹⁰ of them. Whoever calls `derive_mailbox` on a server limits how many run at once (memory), not how often by address.
"""

import hashlib
from dataclasses import dataclass

import argon2.low_level

from safeconduct.crypto.age import identity_from_seed, recipient_of
from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.secret import Secret, derive_key
from safeconduct.errors import MalformedError

TIME_COST = 2
MEMORY_KIB = 19 * 1024
PARALLELISM = 1
STRETCHED_LENGTH = 64
SALT_LENGTH = 32
LOOKUP_LENGTH = 32
_LABEL = b"safeconduct/mailbox/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxKeys:
    """The keys of one mailbox; `age_recipient` is the only public one."""

    lookup: Secret
    auth: Secret
    age_identity: Secret
    age_recipient: str

    @property
    def lookup_digest(self) -> bytes:
        """Return what the server stores to find the mailbox."""
        return digest_of(self.lookup.reveal())

    @property
    def auth_digest(self) -> bytes:
        """Return what the server stores to recognize the owner's wish to close or delete."""
        return digest_of(self.auth.reveal())


def derive_mailbox(codename: Codename, *, salt: bytes) -> MailboxKeys:
    """Return the mailbox keys of a codename at the instance that has the salt.

    Raises:
        MalformedError: the salt is not one of an instance.
    """
    if len(salt) != SALT_LENGTH:
        raise MalformedError(f"the mailbox salt has {len(salt)} bytes instead of {SALT_LENGTH}", hint="fetch it again")
    stretched = Secret(
        argon2.low_level.hash_secret_raw(
            secret=codename.reveal().encode("ascii"),
            salt=salt,
            time_cost=TIME_COST,
            memory_cost=MEMORY_KIB,
            parallelism=PARALLELISM,
            hash_len=STRETCHED_LENGTH,
            type=argon2.low_level.Type.ID,
        )
    )
    identity = identity_from_seed(derive_key(stretched, label=_LABEL + b"age-identity"))
    return MailboxKeys(
        lookup=derive_key(stretched, label=_LABEL + b"lookup"),
        auth=derive_key(stretched, label=_LABEL + b"auth"),
        age_identity=identity,
        age_recipient=recipient_of(identity),
    )


def digest_of(proof: bytes) -> bytes:
    """Return the SHA-256 under which the server knows a `lookup` or `auth` that it was shown."""
    return hashlib.sha256(proof).digest()
