# SPDX-License-Identifier: Apache-2.0
"""Hostile keys, envelopes and sealed bytes: each ends in an error of ours that shows nothing secret."""

import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.seeded import entropy

from safeconduct.crypto.age import checked_recipient, identity_from_seed, open_with, unpad
from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.dsse import Statement, open_statement, sign_statement
from safeconduct.crypto.sealing import DataKey, EpochKey, Place, SealWriter, open_field, unseal, unwrap_key
from safeconduct.crypto.secret import Secret
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.errors import SafeconductError

KEY = SigningKey.generate("example.org/log/attest", entropy(1))
DATA_KEY = DataKey.generate(entropy(2))
EPOCH = EpochKey(id="2026-W48.1", key=Secret(entropy(3)(32)))
IDENTITY = identity_from_seed(Secret(entropy(4)(32)))
PLACE = Place(table="t", column="c", row="r")
ENVELOPE = sign_statement(Statement(subjects=(), predicate_type="t", predicate={"n": 1}), KEY)

READERS: dict[str, Callable[[bytes], object]] = {
    "envelope": lambda data: open_statement(data, [KEY.verifier]),
    "verifier key": lambda data: VerifyKey.parse(data.decode("utf-8", "replace")),
    "signing key": lambda data: SigningKey.parse(data.decode("utf-8", "replace")),
    "pem": lambda data: VerifyKey.from_pem(data.decode("utf-8", "replace"), name="a"),
    "codename": lambda data: Codename.read(data.decode("utf-8", "replace")),
    "recipient": lambda data: checked_recipient(data.decode("utf-8", "replace")),
    "age file": lambda data: open_with([IDENTITY], data),
    "identity": lambda data: open_with([Secret(data)], b""),
    "padding": unpad,
    "field": lambda data: open_field(DATA_KEY, data, place=PLACE),
    "wrapped key": lambda data: unwrap_key(data, EPOCH, place=PLACE),
    "stream": lambda data: list(unseal(DATA_KEY, io.BytesIO(data), place=PLACE)),
}


def check(error: SafeconductError, data: bytes) -> None:
    """Check that an error helps and shows nothing of what may be a secret."""
    assert error.message
    assert error.hint
    assert len(data) < 12 or data.decode("utf-8", "replace") not in str(error.as_dict())


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(reader: Callable[[bytes], object], data: bytes) -> None:
    try:
        reader(data)
    except SafeconductError as error:
        check(error, data)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x01\xff",
        b"[" * 100_000,
        b'{"payload":' * 10_000,
        b"PRIVATE+KEY+" + b"+" * 1000,
        b"age-encryption.org/v1\n-> X25519 " + b"A" * 100_000,
        b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 100_000,
        b"SCSEAL1\n" + bytes(32),
        b"SCSEAL1\n" + bytes(31),
        "\u202eabacus ".encode() * 60,
    ],
)
def test_famous_troublemakers_are_refused(reader: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(SafeconductError):
        reader(data)


@given(st.data())
def test_a_spliced_envelope_is_never_believed_to_say_something_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ENVELOPE)))
    stop = data.draw(st.integers(start, len(ENVELOPE)))
    wrong = ENVELOPE[:start] + data.draw(st.binary(max_size=40)) + ENVELOPE[stop:]

    try:
        statement = open_statement(wrong, [KEY.verifier])
    except SafeconductError:
        return
    assert statement == open_statement(ENVELOPE, [KEY.verifier])


def test_an_envelope_with_two_payloads_is_refused() -> None:
    text = ENVELOPE.decode().replace('"payload":', '"payload":"e30=","payload":', 1)

    with pytest.raises(SafeconductError):
        open_statement(text.encode(), [KEY.verifier])
    assert json.loads(text)["payload"] != "e30="


def test_a_sink_that_fails_in_the_middle_leaves_nothing_that_opens() -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]  # narrower on purpose
            if self.tell() > 100_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    sink = Full()
    writer = SealWriter(DATA_KEY, sink, place=PLACE, entropy=entropy())
    with pytest.raises(OSError, match="No space"):
        writer.write(bytes(500_000))

    with pytest.raises(SafeconductError):
        list(unseal(DATA_KEY, io.BytesIO(sink.getvalue()), place=PLACE))
