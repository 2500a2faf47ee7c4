# SPDX-License-Identifier: Apache-2.0
"""Hostile receipts, notes, openings, policies and logs: each ends in an error of ours, and none is believed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import NOON
from tests.crypto.seeded import entropy
from tests.ledger.factories import ATTACHMENTS, KEY, REPORT, make_entries, write_log

from safeconduct.errors import SafeconductError
from safeconduct.ledger.acceptance import Acceptance, open_acceptance, sign_acceptance
from safeconduct.ledger.audit import audit
from safeconduct.ledger.checkpoint import open_checkpoint
from safeconduct.ledger.commitment import Opening, commit
from safeconduct.ledger.entry import decode_entry
from safeconduct.ledger.note import parse_note
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.receipt import parse_receipt, prove, verify_receipt
from safeconduct.ledger.tiles import CHECKPOINT, decode_bundle, decode_hashes
from safeconduct.ledger.witness import parse_policy

ENTRIES = make_entries(20)
COMMITMENT, OPENING = commit(REPORT, ATTACHMENTS, entropy=entropy())
PROMISE = sign_acceptance(Acceptance(origin=KEY.name, commitment=COMMITMENT, by=NOON), KEY).encode()

READERS: dict[str, Callable[[bytes], object]] = {
    "note": parse_note,
    "checkpoint": lambda data: open_checkpoint(data, KEY.verifier),
    "receipt": lambda data: verify_receipt(parse_receipt(data), KEY.verifier),
    "opening": Opening.from_json,
    "acceptance": lambda data: open_acceptance(data, KEY.verifier),
    "entry": decode_entry,
    "policy": parse_policy,
    "bundle": lambda data: decode_bundle(data, width=3),
    "tile": lambda data: decode_hashes(data, width=3),
}


@pytest.fixture(scope="module")
def signed_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    write_log(folder, ENTRIES)
    return folder


def check(error: SafeconductError) -> None:
    """Check that an error helps."""
    assert error.message
    assert error.hint


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(reader: Callable[[bytes], object], data: bytes) -> None:
    try:
        reader(data)
    except SafeconductError as error:
        check(error)


# Bundles and tiles are rows of any bytes, so there is nothing to refuse but a wrong length.
@pytest.mark.parametrize("name", sorted(READERS.keys() - {"bundle", "tile"}))
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\0" * 1000,
        b"\n" * 1000,
        b"\xff" * 96,
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"v":1,"v":1}',
        b'{"v":NaN}',
        b'{"v":1e999}',
        b"\xef\xbb\xbf{}",
        b'{"fields":[],"salt":"\\ud800","v":1}',
        b"9" * 5000,
        b"c2sp.org/tlog-proof@v1\nextra \nindex " + b"9" * 5000 + b"\n\n",
        ("x\n" * 1000 + "\n" + "— a AAAAAAA=\n" * 1000).encode(),
    ],
)
def test_famous_troublemakers_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(SafeconductError):
        READERS[name](data)


@given(st.data())
def test_a_spliced_receipt_is_never_believed_to_say_something_else(signed_log: Path, data: st.DataObject) -> None:
    right = str(prove(from_folder(signed_log), 7)).encode()
    start = data.draw(st.integers(0, len(right)))
    stop = data.draw(st.integers(start, len(right)))
    wrong = right[:start] + data.draw(st.binary(max_size=40)) + right[stop:]

    try:
        proven = verify_receipt(parse_receipt(wrong), KEY.verifier)
    except SafeconductError:
        return
    assert (proven.index, proven.entry) == (7, decode_entry(ENTRIES[7]))


@given(st.data())
def test_a_spliced_acceptance_is_never_believed_to_say_something_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(PROMISE)))
    stop = data.draw(st.integers(start, len(PROMISE)))
    wrong = PROMISE[:start] + data.draw(st.binary(max_size=40)) + PROMISE[stop:]

    try:
        accepted = open_acceptance(wrong, KEY.verifier)
    except SafeconductError:
        return
    assert (accepted.commitment, accepted.by) == (COMMITMENT, NOON)


@given(st.data())
def test_a_changed_opening_never_opens_the_same_commitment(data: st.DataObject) -> None:
    document = json.loads(OPENING.to_json())
    at = data.draw(st.integers(0, len(document["fields"]) - 1))
    member = data.draw(st.sampled_from(["name", "value"]))
    value = data.draw(st.text(max_size=20).filter(lambda text: text != document["fields"][at][member]))
    document["fields"][at][member] = value

    try:
        opening = Opening.from_json(json.dumps(document).encode())
        commitment = opening.commitment()
    except SafeconductError:
        return
    assert commitment != COMMITMENT


def test_a_path_of_a_receipt_cannot_be_made_endless(signed_log: Path) -> None:
    right = str(prove(from_folder(signed_log), 7))
    line = right.split("\n")[3]

    for count in (1, 58, 59, 10_000):
        with pytest.raises(SafeconductError):
            verify_receipt(parse_receipt(right.replace(line, "\n".join([line] * (count + 1))).encode()), KEY.verifier)


@pytest.mark.parametrize(
    "checkpoint",
    [b"", b"hello", b"\xff\xfe", b"x" * 600_000, "a\n1\nAAAA\n\n— a AAAAAAA=\n".encode()],
)
def test_a_log_with_a_hostile_checkpoint_is_refused(tmp_path: Path, checkpoint: bytes) -> None:
    (tmp_path / CHECKPOINT).write_bytes(checkpoint)

    for act in (lambda fetch: audit(fetch, KEY.verifier), lambda fetch: prove(fetch, 0)):
        with pytest.raises(SafeconductError):
            act(from_folder(tmp_path))


def test_an_unsigned_checkpoint_cannot_lead_a_prover_astray(tmp_path: Path) -> None:
    # Whoever proves without a key still checks the path against the root that is stated, so a lie is only a lie.
    write_log(tmp_path, ENTRIES)
    text = (tmp_path / CHECKPOINT).read_text(encoding="utf-8")

    for old, new in (("\n20\n", "\n21\n"), ("\n20\n", "\n19\n"), ("\n20\n", "\n9223372036854775807\n")):
        (tmp_path / CHECKPOINT).write_text(text.replace(old, new), encoding="utf-8")
        for index in (0, 19, 20):
            with pytest.raises(SafeconductError):
                prove(from_folder(tmp_path), index)
