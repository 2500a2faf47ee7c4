# SPDX-License-Identifier: Apache-2.0
"""The keys of a mailbox."""

import hashlib
import hmac
import json
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from tests.crypto.seeded import entropy

from safeconduct.crypto.age import open_with, seal_to
from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.mailbox import derive_mailbox, digest_of
from safeconduct.errors import MalformedError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "crypto" / "mailbox.json").read_text(encoding="utf-8"))
SALT = bytes(range(32))


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["codename"].split()[0])
def test_the_derivation_gives_the_recorded_keys(vector: dict[str, str]) -> None:
    keys = derive_mailbox(Codename.read(vector["codename"]), salt=bytes.fromhex(vector["salt"]))

    assert keys.lookup.reveal().hex() == vector["lookup"]
    assert keys.auth.reveal().hex() == vector["auth"]
    assert keys.age_identity.reveal().decode() == vector["age_identity"]
    assert keys.age_recipient == vector["age_recipient"]
    assert keys.lookup_digest.hex() == vector["lookup_digest"]


def test_another_library_derives_the_same() -> None:
    vector = VECTORS["vectors"][0]
    stretched = Argon2id(
        salt=bytes.fromhex(vector["salt"]), length=64, iterations=2, lanes=1, memory_cost=19 * 1024
    ).derive(vector["codename"].encode())

    extracted = hmac.digest(bytes(32), stretched, "sha256")

    assert hmac.digest(extracted, b"safeconduct/mailbox/v1/lookup\x01", "sha256").hex() == vector["lookup"]
    assert hmac.digest(extracted, b"safeconduct/mailbox/v1/auth\x01", "sha256").hex() == vector["auth"]


def test_the_keys_depend_on_codename_and_salt_and_differ_from_each_other() -> None:
    source = entropy(1)
    first, second = Codename.new(source), Codename.new(source)

    keys = [derive_mailbox(first, salt=SALT), derive_mailbox(second, salt=SALT), derive_mailbox(first, salt=bytes(32))]

    assert len({secret.reveal() for one in keys for secret in (one.lookup, one.auth, one.age_identity)}) == 9


def test_the_identity_is_one_of_age() -> None:
    keys = derive_mailbox(Codename.new(entropy(2)), salt=SALT)

    identity = pyrage.x25519.Identity.from_str(keys.age_identity.reveal().decode())

    assert str(identity.to_public()) == keys.age_recipient
    assert open_with([keys.age_identity], seal_to([keys.age_recipient], b"a question")) == b"a question"


def test_the_server_knows_digests_only() -> None:
    keys = derive_mailbox(Codename.new(entropy(3)), salt=SALT)

    assert keys.lookup_digest == hashlib.sha256(keys.lookup.reveal()).digest() == digest_of(keys.lookup.reveal())
    assert keys.auth_digest == digest_of(keys.auth.reveal())
    assert keys.lookup.reveal().hex() not in repr(keys)
    assert "AGE-SECRET" not in repr(keys)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedError):
        derive_mailbox(Codename.new(entropy(4)), salt=b"short")
