# SPDX-License-Identifier: Apache-2.0
"""Statements in DSSE envelopes."""

import json

import pytest
from tests.crypto.seeded import entropy

from safeconduct.crypto.dsse import (
    PAYLOAD_TYPE,
    Statement,
    Subject,
    encode_for_signing,
    open_envelope,
    open_statement,
    sign_envelope,
    sign_statement,
)
from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.signing import SigningKey
from safeconduct.errors import MalformedError, TooLargeError, VerificationError

KEY = SigningKey.generate("example.org/log/attest", entropy(1))
OTHER = SigningKey.generate("example.org/other", entropy(2))
STATEMENT = Statement(
    subjects=(Subject(name="model.gguf", sha256="ab" * 32),),
    predicate_type="https://in-toto.io/attestation/test-result/v0.1",
    predicate={"result": "PASSED", "n": 59},
)


def changed(envelope: bytes, **members: object) -> bytes:
    return json.dumps({**json.loads(envelope), **members}).encode()


def test_the_encoding_is_that_of_the_protocol() -> None:
    # DSSE protocol, test vector "hello world".
    assert (
        encode_for_signing("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_statement_is_read_as_it_was_signed() -> None:
    envelope = sign_statement(STATEMENT, KEY)

    assert open_statement(envelope, [OTHER.verifier, KEY.verifier]) == STATEMENT
    body = json.loads(decode64(json.loads(envelope)["payload"], what="payload"))
    assert body["_type"] == "https://in-toto.io/Statement/v1"
    assert body["subject"] == [{"digest": {"sha256": "ab" * 32}, "name": "model.gguf"}]


def test_base64_for_urls_is_read_too() -> None:
    envelope = sign_envelope(b"\xfb\xff\xfe", KEY, payload_type="text/x")
    urls = envelope.replace(b"+/", b"-_").replace(b"/", b"_")
    spelled = json.loads(envelope)
    spelled["payload"] = spelled["payload"].replace("+", "-").replace("/", "_")
    spelled["signatures"][0]["sig"] = spelled["signatures"][0]["sig"].replace("+", "-").replace("/", "_")

    assert "_" in spelled["payload"] + urls.decode()
    assert open_envelope(json.dumps(spelled).encode(), [KEY.verifier], payload_type="text/x") == b"\xfb\xff\xfe"


def test_a_changed_payload_is_refused() -> None:
    envelope = changed(sign_statement(STATEMENT, KEY), payload=encode64(b'{"_type":"x"}'))

    with pytest.raises(VerificationError):
        open_statement(envelope, [KEY.verifier])


def test_a_payload_cannot_be_read_as_another_type() -> None:
    envelope = sign_envelope(b"{}", KEY, payload_type="text/plain")

    with pytest.raises(VerificationError, match="another kind"):
        open_statement(envelope, [KEY.verifier])
    with pytest.raises(VerificationError):
        open_statement(changed(envelope, payloadType=PAYLOAD_TYPE), [KEY.verifier])


def test_an_unknown_signer_proves_nothing() -> None:
    with pytest.raises(VerificationError, match="no key at hand"):
        open_statement(sign_statement(STATEMENT, OTHER), [KEY.verifier])


def test_an_unknown_signature_beside_a_good_one_is_passed_over() -> None:
    envelope = sign_statement(STATEMENT, KEY)
    signatures = [{"sig": encode64(b"x" * 64)}, *json.loads(envelope)["signatures"]]

    assert open_statement(changed(envelope, signatures=signatures), [KEY.verifier]) == STATEMENT


def test_a_failing_signature_of_a_known_key_refuses_the_envelope() -> None:
    envelope = sign_statement(STATEMENT, KEY)
    bad = {"keyid": OTHER.verifier.hint, "sig": encode64(b"x" * 64)}
    signatures = [*json.loads(envelope)["signatures"], bad]

    with pytest.raises(VerificationError):
        open_statement(changed(envelope, signatures=signatures), [KEY.verifier, OTHER.verifier])


@pytest.mark.parametrize(
    "members",
    [
        {"payload": 1},
        {"payload": "?"},
        {"payloadType": None},
        {"signatures": {}},
        {"signatures": ["x"]},
        {"signatures": [{"keyid": "x"}]},
        {"signatures": [{"keyid": 7, "sig": "AAAA"}]},
        {"signatures": [{"keyid": "x", "sig": "AAAA"}] * 65},
    ],
)
def test_a_damaged_envelope_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        open_statement(changed(sign_statement(STATEMENT, KEY), **members), [KEY.verifier])


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"{}",
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":[]}',
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{}}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":["x"],"predicateType":"t"}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x"}],"predicateType":"t"}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{}}],"predicateType":"t"}',
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}',
    ],
)
def test_a_signed_payload_that_is_no_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        open_statement(sign_envelope(payload, KEY, payload_type=PAYLOAD_TYPE), [KEY.verifier])


def test_an_oversized_envelope_is_refused() -> None:
    with pytest.raises(TooLargeError):
        open_statement(b" " * (16 * 2**20 + 1), [KEY.verifier])


def test_a_predicate_that_json_cannot_hold_is_refused() -> None:
    statement = Statement(subjects=(), predicate_type="t", predicate={"x": float("nan")})

    with pytest.raises(MalformedError):
        sign_statement(statement, KEY)
