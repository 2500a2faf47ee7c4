# SPDX-License-Identifier: Apache-2.0
"""Base64 and Bech32."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.crypto.encoding import decode64, encode64, encode_bech32
from safeconduct.errors import MalformedError


@given(st.binary(max_size=200))
def test_base64_reads_what_it_wrote(data: bytes) -> None:
    assert decode64(encode64(data), what="it") == data


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "Q!==", "QQ==QQ==", "ä===", "-_8="])
def test_base64_is_read_in_one_spelling_only(text: str) -> None:
    with pytest.raises(MalformedError):
        decode64(text, what="it")


def test_base64_of_a_known_length_is_held_to_it() -> None:
    assert decode64("AAAA", what="it", length=3) == bytes(3)

    with pytest.raises(MalformedError, match="the root has 3 bytes instead of 32"):
        decode64("AAAA", what="the root", length=32)


@pytest.mark.parametrize(
    ("prefix", "data", "text"),
    [
        # BIP 173, list of valid strings, without the witness version byte that only addresses have.
        ("a", b"", "a12uel5l"),
        ("split", None, "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"),
    ],
)
def test_bech32_writes_the_published_strings(prefix: str, data: bytes | None, text: str) -> None:
    if data is None:
        alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
        number = 0
        for char in text.removeprefix(f"{prefix}1")[:-6]:
            number = number * 32 + alphabet.index(char)
        bits = 5 * (len(text) - len(prefix) - 7)
        data = (number << -bits % 8).to_bytes(-(-bits // 8), "big")
        assert bits % 8 == 0

    assert encode_bech32(prefix, data) == text
