# SPDX-License-Identifier: Apache-2.0
"""Sealing to people with age."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.seeded import entropy

from safeconduct.crypto.age import (
    FLOOR,
    bucket,
    checked_recipient,
    identity_from_seed,
    is_age_file,
    open_stream,
    open_with,
    pad,
    recipient_of,
    seal_stream,
    seal_to,
    unpad,
)
from safeconduct.crypto.secret import Secret
from safeconduct.errors import MalformedError, SealError, UnavailableError

FIRST, SECOND, STRANGER = (identity_from_seed(Secret(entropy(seed)(32))) for seed in (1, 2, 3))
BOTH = [recipient_of(FIRST), recipient_of(SECOND)]


def test_each_recipient_opens_alone() -> None:
    sealed = seal_to(BOTH, b"a report")

    assert open_with([FIRST], sealed) == open_with([SECOND], sealed) == b"a report"
    assert open_with([STRANGER, SECOND], sealed) == b"a report"


def test_nobody_else_opens() -> None:
    with pytest.raises(SealError):
        open_with([STRANGER], seal_to(BOTH, b"a report"))


def test_a_stream_opens_like_the_whole() -> None:
    plaintext = entropy(4)(200_000)
    sealed, opened = io.BytesIO(), io.BytesIO()

    seal_stream(BOTH, source=io.BytesIO(plaintext), sink=sealed)
    open_stream([SECOND], source=io.BytesIO(sealed.getvalue()), sink=opened)

    assert opened.getvalue() == plaintext == open_with([FIRST], sealed.getvalue())


@pytest.mark.parametrize("at", [0, 30, 200, 330, 70_000, -1])
def test_a_changed_or_cut_file_does_not_open(at: int) -> None:
    sealed = bytearray(seal_to(BOTH, bytes(100_000)))
    cut = bytes(sealed[:at])
    sealed[at] ^= 1

    for damaged in (bytes(sealed), cut):
        with pytest.raises(SealError):
            open_with([FIRST], damaged)
        with pytest.raises(SealError):
            open_stream([FIRST], source=io.BytesIO(damaged), sink=io.BytesIO())


def test_a_disk_that_fails_is_not_called_a_damaged_file(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    sealed = seal_to(BOTH, bytes(1_000_000))

    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(UnavailableError):
        open_stream([FIRST], source=io.BytesIO(sealed), sink=full)


@pytest.mark.parametrize("text", ["", "age1", "age1pq1qqqq", recipient_of(FIRST)[:-1], "ssh-ed25519 AAAA"])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        seal_to([text], b"")
    with pytest.raises(MalformedError):
        checked_recipient(text)


def test_somebody_must_be_named() -> None:
    with pytest.raises(MalformedError, match="nobody"):
        seal_to([], b"")


@pytest.mark.parametrize("secret", [b"", b"AGE-SECRET-KEY-1QQ", "schlüssel".encode()])
def test_what_is_no_identity_is_refused(secret: bytes) -> None:
    with pytest.raises(MalformedError):
        open_with([Secret(secret)], seal_to(BOTH, b""))


def test_a_file_that_is_sealed_already_is_recognized() -> None:
    assert is_age_file(seal_to(BOTH, b""))
    assert is_age_file(b"-----BEGIN AGE ENCRYPTED FILE-----\nabc")
    assert not is_age_file(b"%PDF-1.7")


@given(st.binary(max_size=10_000))
def test_padding_is_undone(plaintext: bytes) -> None:
    assert unpad(pad(plaintext)) == plaintext


def test_content_without_padding_is_refused() -> None:
    for content in (b"", b"\0" * 10, b"text"):
        with pytest.raises(SealError):
            unpad(content)


@given(st.integers(0, 2**40))
def test_a_bucket_holds_the_size_and_wastes_little(size: int) -> None:
    assert size <= bucket(size) <= max(FLOOR, size * 1.12)
    assert bucket(bucket(size)) == bucket(size)


def test_many_sizes_share_few_buckets() -> None:
    assert len({bucket(size) for size in range(100_000)}) < 100


@pytest.mark.skipif(not shutil.which("age"), reason="the age command of Debian is not installed")
def test_the_age_command_reads_and_writes_the_same_files(tmp_path: Path) -> None:
    key, sealed, back = tmp_path / "key", tmp_path / "sealed", tmp_path / "back"
    key.write_bytes(FIRST.reveal() + b"\n")
    sealed.write_bytes(seal_to(BOTH, b"a report"))

    opened = subprocess.run(["age", "-d", "-i", key, sealed], capture_output=True, check=True).stdout
    subprocess.run(["age", "-r", BOTH[0], "-o", back], input=b"a reply", check=True)

    assert opened == b"a report"
    assert open_with([FIRST], back.read_bytes()) == b"a reply"
