# SPDX-License-Identifier: Apache-2.0
"""Named Ed25519 keys."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.crypto.seeded import entropy

from safeconduct.crypto.secret import Secret
from safeconduct.crypto.signing import KeyType, SigningKey, VerifyKey, is_key_name, sha256_hex
from safeconduct.errors import MalformedError, VerificationError

# The key and the signature that the documentation of Go's golang.org/x/mod/sumdb/note prints (BSD-3-Clause).
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def make_key(name: str = "example.org/log", seed: int = 1) -> SigningKey:
    return SigningKey.generate(name, entropy(seed))


def test_the_key_of_the_go_documentation_is_read_and_written() -> None:
    key = SigningKey.parse(GO_SIGNER)

    assert str(key.verifier) == GO_VERIFIER
    assert str(VerifyKey.parse(GO_VERIFIER)) == GO_VERIFIER
    assert key.reveal() == GO_SIGNER
    assert key.verifier.hint == "PeterNeumann+c74f20a3"


def test_ed25519_gives_the_published_signature() -> None:
    # RFC 8032, section 7.1, test 2.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = SigningKey(name="rfc8032", seed=Secret(seed))

    signature = key.sign(b"\x72")

    assert signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key.verifier.verify(signature, b"\x72")


def test_a_signature_of_another_text_or_key_is_refused() -> None:
    signature = make_key().sign(b"text")

    for key, given, text in (
        (make_key(seed=2), signature, b"text"),
        (make_key(), signature, b"texT"),
        (make_key(), signature[:-1], b"text"),
        (make_key(), b"", b"text"),
    ):
        with pytest.raises(VerificationError):
            key.verifier.verify(given, text)


def test_the_same_bytes_under_another_name_or_type_are_another_key() -> None:
    key = make_key().verifier

    other_name = VerifyKey(name="example.org/accept", public=key.public)
    other_type = VerifyKey(name=key.name, public=key.public, type=KeyType.COSIGNATURE)

    assert len({key.key_id, other_name.key_id, other_type.key_id}) == 3
    assert VerifyKey.parse(str(other_type)).type is KeyType.COSIGNATURE


def test_a_signing_key_shows_its_name_only() -> None:
    key = make_key()

    assert repr(key) == "SigningKey(name='example.org/log')"


def test_a_public_key_travels_as_pem() -> None:
    key = make_key().verifier

    assert VerifyKey.from_pem(key.to_pem(), name=key.name) == key


def test_a_pem_of_something_else_is_refused() -> None:
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = X25519PrivateKey.generate().public_key().public_bytes(*form).decode()

    for text, name in (("hello", "a"), (other, "a"), (make_key().verifier.to_pem(), "a b")):
        with pytest.raises(MalformedError):
            VerifyKey.from_pem(text, name=name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        "name+00000000+AAAA",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Bhpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_damaged_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        VerifyKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        GO_VERIFIER,
        "PRIVATE+KEY+",
        "PRIVATE+KEY",
        GO_SIGNER.replace("c74f20a3", "c74f20a4"),
        GO_SIGNER.replace("+AY", "+BI"),
        GO_SIGNER[:-4],
    ],
)
def test_a_damaged_signing_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        SigningKey.parse(text)

    assert "AYEK" not in f"{caught.value.as_dict()}"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u2003b", "a\u0000", "x" * 256])
def test_a_name_that_cannot_name_a_key_is_refused(name: str) -> None:
    assert not is_key_name(name)
    with pytest.raises(MalformedError):
        make_key(name)


def test_a_hash_is_sha256() -> None:
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
