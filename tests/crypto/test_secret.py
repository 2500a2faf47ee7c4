# SPDX-License-Identifier: Apache-2.0
"""Secrets show nothing of themselves."""

import copy

import pytest

from safeconduct.crypto.secret import Secret, derive_key


def test_a_secret_shows_nothing() -> None:
    secret = Secret(b"hunter2")

    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == b"hunter2"


def test_secrets_compare_by_content_and_have_no_hash() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    with pytest.raises(TypeError):
        hash(Secret(b"a"))


def test_a_secret_is_not_written_to_a_stream() -> None:
    with pytest.raises(TypeError, match="not written"):
        copy.copy(Secret(b"a"))
    with pytest.raises(TypeError, match="not written"):
        copy.deepcopy(Secret(b"a"))


def test_derivation_is_hkdf_with_sha256() -> None:
    # RFC 5869, appendix A.1.
    material = Secret(bytes.fromhex("0b" * 22))
    salt, info = bytes.fromhex("000102030405060708090a0b0c"), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")

    key = derive_key(material, label=info, salt=salt, length=42)

    assert key.reveal().hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
