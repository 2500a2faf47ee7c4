# SPDX-License-Identifier: Apache-2.0
"""Signed statements: in-toto Statement v1 in a DSSE envelope (secure-systems-lab DSSE 1.0).

What is signed is the pre-authentication encoding `DSSEv1 SP len(type) SP type SP len(body) SP body`, so that neither
the payload nor its type can be swapped. The payload is canonical JSON (RFC 8785).

Rules of opening: an envelope needs one good signature of a key that the reader brought; signatures of other keys are
passed over; a signature that names a brought key and fails refuses the whole envelope.

Not done here: no certificates, no transparency log (see `ledger`), no judgment of the predicate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.safe_json import Json, JsonLimits, canonical_json, read_object
from safeconduct.errors import MalformedError, VerificationError

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
LIMITS = JsonLimits(document_bytes=16 * 2**20)
MOST_SIGNATURES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a statement is about: a name and the SHA-256 of the thing in hexadecimal digits."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A claim of a known type about subjects."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, object]


def encode_for_signing(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_statement(statement: Statement, signer: SigningKey) -> bytes:
    """Return the envelope of the statement as canonical JSON.

    Raises:
        MalformedError: the predicate holds what JSON cannot.
    """
    payload = canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": one.name, "digest": {"sha256": one.sha256}} for one in statement.subjects],
            "predicateType": statement.predicate_type,
            "predicate": dict(statement.predicate),
        }
    )
    return sign_envelope(payload, signer, payload_type=PAYLOAD_TYPE)


def sign_envelope(payload: bytes, signer: SigningKey, *, payload_type: str) -> bytes:
    """Return the envelope of any payload as canonical JSON."""
    signature = signer.sign(encode_for_signing(payload_type, payload))
    return canonical_json(
        {
            "payload": encode64(payload),
            "payloadType": payload_type,
            "signatures": [{"keyid": signer.verifier.hint, "sig": encode64(signature)}],
        }
    )


def open_statement(envelope: bytes, keys: Sequence[VerifyKey]) -> Statement:
    """Return the statement of an envelope that one of the keys signed.

    Raises:
        MalformedError: the bytes are no envelope or hold no statement.
        TooLargeError: the envelope passes the limit.
        VerificationError: no key of the reader signed it, or a signature fails.
    """
    payload = open_envelope(envelope, keys, payload_type=PAYLOAD_TYPE)
    body = read_object(payload, limits=LIMITS)
    predicate = body.get("predicate", {})
    if body.get("_type") != STATEMENT_TYPE or not isinstance(predicate, dict):
        raise MalformedError("the envelope holds no in-toto statement", hint=f"its _type must be {STATEMENT_TYPE}")
    return Statement(
        subjects=tuple(_subject(one) for one in _list(body, "subject")),
        predicate_type=_text(body, "predicateType"),
        predicate=predicate,
    )


def open_envelope(envelope: bytes, keys: Sequence[VerifyKey], *, payload_type: str) -> bytes:
    """Return the payload of an envelope of the type that one of the keys signed.

    Raises:
        MalformedError: the bytes are no envelope.
        TooLargeError: the envelope passes the limit.
        VerificationError: the type is another, no key of the reader signed it, or a signature fails.
    """
    body = read_object(envelope, limits=LIMITS)
    payload = _decode_either(_text(body, "payload"), what="the payload")
    if _text(body, "payloadType") != payload_type:
        raise VerificationError("the envelope holds another kind of payload", hint=f"expected {payload_type}")
    known = {key.hint: key for key in keys}
    message = encode_for_signing(payload_type, payload)
    verified = 0
    for hint, signature in _signatures(body):
        if hint in known:
            known[hint].verify(signature, message)
            verified += 1
    if not verified:
        raise VerificationError(
            "no key at hand signed this envelope", hint="bring the verifier key of the signer", known=sorted(known)
        )
    return payload


def _signatures(body: Mapping[str, Json]) -> list[tuple[str, bytes]]:
    entries = _list(body, "signatures")
    if len(entries) > MOST_SIGNATURES:
        raise MalformedError(f"the envelope has more than {MOST_SIGNATURES} signatures", hint="remove the others")
    signatures = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise MalformedError("a signature of the envelope is not an object", hint="it has keyid and sig")
        hint = _text(entry, "keyid") if "keyid" in entry else ""
        signatures.append((hint, _decode_either(_text(entry, "sig"), what="a signature")))
    return signatures


def _subject(entry: Json) -> Subject:
    digest = entry.get("digest") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(digest, dict):
        raise MalformedError("a subject of the statement has no digest", hint="it has name and digest")
    return Subject(name=_text(entry, "name"), sha256=_text(digest, "sha256"))


def _decode_either(text: str, *, what: str) -> bytes:
    # DSSE asks readers to take the standard and the URL-safe alphabet alike.
    return decode64(text.replace("-", "+").replace("_", "/"), what=what)


def _text(body: Mapping[str, Json], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"“{name}” is missing or not a text", hint="see the DSSE and in-toto formats")
    return value


def _list(body: Mapping[str, Json], name: str) -> list[Json]:
    value = body.get(name)
    if not isinstance(value, list):
        raise MalformedError(f"“{name}” is missing or not a list", hint="see the DSSE and in-toto formats")
    return value
