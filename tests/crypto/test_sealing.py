# SPDX-License-Identifier: Apache-2.0
"""Sealing at rest: data keys, fields, attachments."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.seeded import entropy

from safeconduct.crypto.sealing import (
    CHUNK_LENGTH,
    DataKey,
    EpochKey,
    Place,
    SealWriter,
    epoch_of,
    open_field,
    seal_field,
    sealed_size,
    unseal,
    unwrap_key,
    wrap_key,
)
from safeconduct.crypto.secret import Secret
from safeconduct.errors import MalformedError, SealError

PLACE = Place(table="intake_report", column="body", row="rep_1")
ELSEWHERE = [
    Place(table="intake_message", column="body", row="rep_1"),
    Place(table="intake_report", column="title", row="rep_1"),
    Place(table="intake_report", column="body", row="rep_2"),
]
HEADER = 40
SEALED_CHUNK = CHUNK_LENGTH + 16


def make_key(seed: int = 1) -> DataKey:
    return DataKey.generate(entropy(seed))


def make_epoch(name: str = "2026-W48.1", seed: int = 9) -> EpochKey:
    return EpochKey(id=name, key=Secret(entropy(seed)(32)))


def sealed_stream(plaintext: bytes, *, step: int = 10_000, key: DataKey | None = None) -> bytes:
    sink = io.BytesIO()
    writer = SealWriter(key or make_key(), sink, place=PLACE, entropy=entropy(5))
    for start in range(0, len(plaintext), step):
        writer.write(plaintext[start : start + step])
    writer.close()
    return sink.getvalue()


def opened(sealed: bytes, *, key: DataKey | None = None, place: Place = PLACE) -> bytes:
    return b"".join(unseal(key or make_key(), io.BytesIO(sealed), place=place))


@given(st.binary(max_size=500))
def test_a_field_opens_at_its_place(plaintext: bytes) -> None:
    sealed = seal_field(make_key(), plaintext, place=PLACE, entropy=entropy())

    assert open_field(make_key(), sealed, place=PLACE) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


def test_a_field_opens_nowhere_else_and_with_no_other_key() -> None:
    sealed = seal_field(make_key(), b"title", place=PLACE, entropy=entropy())

    for place in ELSEWHERE:
        with pytest.raises(SealError):
            open_field(make_key(), sealed, place=place)
    with pytest.raises(SealError):
        open_field(make_key(2), sealed, place=PLACE)


def test_no_flipped_bit_of_a_field_goes_unseen() -> None:
    sealed = seal_field(make_key(), b"title", place=PLACE, entropy=entropy())

    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(SealError):
            open_field(make_key(), bytes(changed), place=PLACE)
        with pytest.raises(SealError):
            open_field(make_key(), sealed[:at], place=PLACE)


def test_names_cannot_blur_the_border_between_the_parts_of_a_place() -> None:
    with pytest.raises(MalformedError):
        seal_field(make_key(), b"", place=Place(table="a|b", column="c", row="d"), entropy=entropy())


def test_a_data_key_opens_under_its_epoch_only() -> None:
    wrapped = wrap_key(make_key(), make_epoch(), place=PLACE, entropy=entropy())

    assert epoch_of(wrapped) == "2026-W48.1"
    assert unwrap_key(wrapped, make_epoch(), place=PLACE) == make_key()
    for epoch, place in (
        (make_epoch(seed=8), PLACE),
        (make_epoch(name="2026-W49.1"), PLACE),
        (make_epoch(), ELSEWHERE[2]),
    ):
        with pytest.raises(SealError):
            unwrap_key(wrapped, epoch, place=place)


@pytest.mark.parametrize("wrapped", [b"", b"\x01", b"\x01\x00", b"\x02\x01a", b"\x01\x02\xff\xfe"])
def test_what_is_no_wrapped_key_is_refused(wrapped: bytes) -> None:
    with pytest.raises(SealError):
        epoch_of(wrapped)


def test_a_report_dies_with_its_epoch_unless_it_was_wrapped_again() -> None:
    kept = wrap_key(make_key(1), make_epoch(), place=PLACE, entropy=entropy(3))
    lost = wrap_key(make_key(2), make_epoch(), place=PLACE, entropy=entropy(4))
    new = make_epoch("2026-W48.2", seed=10)

    again = wrap_key(unwrap_key(kept, make_epoch(), place=PLACE), new, place=PLACE, entropy=entropy(5))

    assert unwrap_key(again, new, place=PLACE) == make_key(1)
    with pytest.raises(SealError):
        unwrap_key(lost, new, place=PLACE)


@pytest.mark.parametrize("size", [0, 1, CHUNK_LENGTH - 1, CHUNK_LENGTH, CHUNK_LENGTH + 1, 3 * CHUNK_LENGTH, 200_000])
@pytest.mark.parametrize("step", [997, CHUNK_LENGTH, 10**6])
def test_a_stream_opens_as_it_was_pushed(size: int, step: int) -> None:
    plaintext = entropy(size)(size)

    sealed = sealed_stream(plaintext, step=step)

    assert opened(sealed) == plaintext
    assert len(sealed) == sealed_size(size)


def test_a_stream_is_sealed_while_it_is_pushed() -> None:
    sink = io.BytesIO()
    writer = SealWriter(make_key(), sink, place=PLACE, entropy=entropy())

    writer.write(b"x" * (5 * CHUNK_LENGTH))

    assert len(sink.getvalue()) == HEADER + 4 * SEALED_CHUNK
    assert b"xxxxxxxx" not in sink.getvalue()
    assert writer.size == 5 * CHUNK_LENGTH
    assert writer.sha256 == hashlib.sha256(b"x" * (5 * CHUNK_LENGTH)).hexdigest()


def test_a_closed_writer_takes_nothing_more() -> None:
    sink = io.BytesIO()
    writer = SealWriter(make_key(), sink, place=PLACE, entropy=entropy())
    writer.close()
    length = len(sink.getvalue())
    writer.close()

    assert len(sink.getvalue()) == length
    with pytest.raises(SealError):
        writer.write(b"x")


def test_a_stream_that_was_never_closed_does_not_open() -> None:
    sink = io.BytesIO()
    writer = SealWriter(make_key(), sink, place=PLACE, entropy=entropy())
    writer.write(bytes(3 * CHUNK_LENGTH))

    with pytest.raises(SealError):
        opened(sink.getvalue())


def test_chunks_cannot_be_cut_off_moved_repeated_or_left_out() -> None:
    sealed = sealed_stream(entropy(6)(4 * CHUNK_LENGTH))
    header, body = sealed[:HEADER], sealed[HEADER:]
    one, two, three, four = (body[at : at + SEALED_CHUNK] for at in range(0, 4 * SEALED_CHUNK, SEALED_CHUNK))

    for chunks in (
        (one, two, three),
        (one, two),
        (two, one, three, four),
        (one, one, two, three, four),
        (one, three, four),
        (one, two, three, four, four),
        (one, two, three, four[:-1]),
        (one, two, three, four, b"x"),
        (),
    ):
        with pytest.raises(SealError):
            opened(header + b"".join(chunks))


def test_a_stream_opens_nowhere_else_and_with_no_other_key() -> None:
    sealed = sealed_stream(b"an attachment")

    for place in ELSEWHERE:
        with pytest.raises(SealError):
            opened(sealed, place=place)
    with pytest.raises(SealError):
        opened(sealed, key=make_key(2))


def test_no_flipped_bit_of_a_stream_goes_unseen() -> None:
    sealed = sealed_stream(b"an attachment")

    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x80
        with pytest.raises(SealError):
            opened(bytes(changed))
        with pytest.raises(SealError):
            opened(sealed[:at])


def test_a_source_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    plaintext = entropy(8)(150_000)
    source = io.BytesIO(sealed_stream(plaintext))

    class Trickle:
        def read(self, size: int, /) -> bytes:
            return source.read(min(size, 1000))

    assert b"".join(unseal(make_key(), Trickle(), place=PLACE)) == plaintext


def test_the_format_is_the_documented_one() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    sealed = sealed_stream(b"an attachment")
    label = b"safeconduct/stream/v1|intake_report|body|rep_1|1"
    key = HKDF(algorithm=SHA256(), length=32, salt=sealed[8:40], info=label).derive(make_key().reveal())

    assert sealed[:8] == b"SCSEAL1\n"
    assert AESGCM(key).decrypt(bytes(11) + b"\x01", sealed[40:], None) == b"an attachment"


def test_a_data_key_shows_nothing() -> None:
    assert repr(make_key()) == "DataKey(…)"
    assert "key" not in repr(make_epoch())
