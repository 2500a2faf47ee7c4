# SPDX-License-Identifier: Apache-2.0
"""Entries of one constant length."""

import pytest
import rfc8785

from safeconduct.errors import SafeconductError
from safeconduct.ledger.entry import ENTRY_LENGTH, HIDDEN, EntryKind, decode_entry, encode_entry

COMMITMENT = bytes(range(32))
PUBLIC = {EntryKind.ADVISORY, EntryKind.KEY_CHANGE, EntryKind.POLICY_CHANGE}


@pytest.mark.parametrize("kind", EntryKind)
def test_an_entry_is_canonical_and_of_one_length(kind: EntryKind) -> None:
    data = encode_entry(COMMITMENT, kind)

    assert len(data) == ENTRY_LENGTH
    entry = decode_entry(data)
    assert entry.commitment == COMMITMENT
    assert entry.kind == (kind.value if kind in PUBLIC else HIDDEN)
    pad = "0" * (24 - len(entry.kind))
    assert data == rfc8785.dumps(
        {"c": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "k": entry.kind, "p": pad, "v": 1}
    )


def test_kinds_that_are_not_public_look_alike() -> None:
    assert len({encode_entry(COMMITMENT, kind) for kind in EntryKind if kind not in PUBLIC}) == 1


def test_a_commitment_of_another_length_is_refused() -> None:
    with pytest.raises(SafeconductError):
        encode_entry(b"short", EntryKind.COVER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"k":"x"', b'"k":"y"'),
        (b'"k":"x"', b'"k":"X"'),
        (b'"p":"0', b'"p":"1'),
        (b'{"c"', b'{"d"'),
        (b'"c":"AAEC', b'"c":"????'),
        (b'"c":"AAECAwQF', b'"c":"\\u0041AECA'),
        (b'"k":"x","p":"000', b'"k":"cover","p":"'),
        (b'0","v":1}', b'","v":1} '),
        (b"}", b"]"),
        (b'"v":1}', b'"v":1}x'),
        (b'"c":"AAEC', b'"c":7,"x":'),
    ],
)
def test_an_entry_in_any_other_form_is_refused(old: bytes, new: bytes) -> None:
    data = encode_entry(COMMITMENT, EntryKind.RECEIPT)
    assert old in data

    with pytest.raises(SafeconductError):
        decode_entry(data.replace(old, new, 1))
    with pytest.raises(SafeconductError):
        decode_entry(data[:-1])
