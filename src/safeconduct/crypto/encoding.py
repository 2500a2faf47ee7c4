# SPDX-License-Identifier: Apache-2.0
"""Text forms of bytes: strict base64 (RFC 4648, section 4) and Bech32 (BIP 173).

Base64 is read only in its one canonical spelling: with padding, without white space, and with the unused bits zero. Two
texts that differ therefore never stand for the same bytes, so that no bit of a receipt can be flipped unseen.

Bech32 is only written here, for age identities. What it writes is read by age itself. The limit of 90 characters of
BIP 173 is not applied, as age does not apply it.
"""

import base64
import binascii

from safeconduct.errors import MalformedError

BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6


def encode64(data: bytes) -> str:
    """Return the bytes as standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def decode64(text: str, *, what: str, length: int | None = None) -> bytes:
    """Return the bytes that the text stands for; `what` names them in the message.

    Raises:
        MalformedError: the text is not canonical base64, or stands for another number of bytes than `length`.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise MalformedError(f"{what} is not base64", hint="copy it again, whole and unchanged") from error
    if encode64(data) != text:
        raise MalformedError(f"{what} is not canonical base64", hint="copy it again, whole and unchanged")
    if length is not None and len(data) != length:
        raise MalformedError(f"{what} has {len(data)} bytes instead of {length}", hint="copy it again, whole")
    return data


def encode_bech32(prefix: str, data: bytes) -> str:
    """Return the bytes in Bech32 with the human-readable prefix, in lower case."""
    values = _five_bit_groups(data)
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    checksum = _polymod([*expanded, *values, *([0] * _CHECKSUM_LENGTH)]) ^ 1
    tail = [(checksum >> 5 * (_CHECKSUM_LENGTH - 1 - place)) & 31 for place in range(_CHECKSUM_LENGTH)]
    return f"{prefix}1{''.join(BECH32_ALPHABET[value] for value in [*values, *tail])}"


def _five_bit_groups(data: bytes) -> list[int]:
    bits = len(data) * 8
    count = -(-bits // 5)
    number = int.from_bytes(data, "big") << (count * 5 - bits)
    return [(number >> 5 * (count - 1 - place)) & 31 for place in range(count)]


def _polymod(values: list[int]) -> int:
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            state ^= generator if (top >> place) & 1 else 0
    return state
