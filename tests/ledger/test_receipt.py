# SPDX-License-Identifier: Apache-2.0
"""Receipts, from the log to the reader without a network."""

from pathlib import Path

import pytest
from tests.ledger.factories import KEY, OTHER_KEY, World, make_entries, make_world, write_log

from safeconduct.errors import MalformedError, NotFoundError, SafeconductError, TooLargeError, VerificationError
from safeconduct.ledger.checkpoint import Checkpoint, sign_checkpoint
from safeconduct.ledger.commitment import Opening
from safeconduct.ledger.entry import HIDDEN
from safeconduct.ledger.merkle import leaf_hash
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.receipt import Receipt, parse_receipt, prove, verify_opening, verify_receipt


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def test_a_receipt_proves_the_report_offline(world: World) -> None:
    opening = world.commit()
    world.beat(1)
    world.beat(2)

    receipt = str(world.log.receipt(world.store.indexes["r1"]))
    proven = verify_receipt(parse_receipt(receipt.encode()), KEY.verifier)
    verify_opening(proven, Opening.from_json(opening.to_json()))

    assert proven.entry.commitment == opening.commitment()
    assert proven.entry.kind == HIDDEN
    assert (proven.index, proven.checkpoint.size) == (world.store.indexes["r1"], 32)


def test_a_receipt_holds_no_secret(world: World) -> None:
    opening = world.commit()
    world.beat()

    receipt = str(world.log.receipt(world.store.indexes["r1"]))

    assert "jailbreak" not in receipt
    for field in opening.fields:
        assert field.as_json().get("salt", "-") not in receipt


def test_a_receipt_is_read_as_it_was_written(world: World) -> None:
    world.beat()
    receipt = world.log.receipt(3)

    assert parse_receipt(str(receipt).encode()) == receipt


def test_the_first_entry_of_a_log_of_one_has_an_empty_path(tmp_path: Path) -> None:
    write_log(tmp_path, make_entries(1))

    receipt = prove(from_folder(tmp_path), 0, key=KEY.verifier)

    assert receipt.path == ()
    assert verify_receipt(parse_receipt(str(receipt).encode()), KEY.verifier).checkpoint.size == 1


def test_the_opening_of_another_report_is_refused(world: World) -> None:
    world.commit("r1")
    other = world.commit("another")
    world.beat()
    proven = verify_receipt(world.log.receipt(world.store.indexes["r1"]), KEY.verifier)

    with pytest.raises(VerificationError, match="does not belong"):
        verify_opening(proven, other)


def test_another_key_is_not_believed(world: World) -> None:
    world.beat()

    with pytest.raises(VerificationError):
        verify_receipt(world.log.receipt(0), OTHER_KEY.verifier)


def test_no_flipped_bit_goes_unseen(world: World) -> None:
    world.commit()
    world.beat()
    receipt = str(world.log.receipt(world.store.indexes["r1"])).encode()

    for at in range(len(receipt)):
        for bit in (0x01, 0x20, 0x80):
            changed = bytearray(receipt)
            changed[at] ^= bit
            with pytest.raises(SafeconductError):
                verify_receipt(parse_receipt(bytes(changed)), KEY.verifier)


def test_no_cut_or_doubled_line_goes_unseen(world: World) -> None:
    world.beat()
    lines = str(world.log.receipt(5)).splitlines(keepends=True)

    for at in range(len(lines)):
        for changed in (lines[:at], lines[:at] + lines[at + 1 :], [*lines[: at + 1], *lines[at:]]):
            if changed == [*lines, lines[-1]]:
                # The same good signature twice says nothing new.
                continue
            with pytest.raises(SafeconductError):
                verify_receipt(parse_receipt("".join(changed).encode()), KEY.verifier)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 01\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 1\nAAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra \xff\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v2\nextra AAAA\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 1\n" + b"AAAA\n" * 64 + b"\nx",
    ],
)
def test_what_is_no_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_receipt(data)


def test_an_oversized_receipt_is_refused() -> None:
    with pytest.raises(TooLargeError):
        parse_receipt(b"x" * 10**6)


def test_a_proven_entry_of_another_form_is_refused() -> None:
    entry = b"not one of ours"
    checkpoint = Checkpoint(origin=KEY.name, size=1, root=leaf_hash(entry))
    receipt = Receipt(index=0, path=(), entry=entry, checkpoint=sign_checkpoint(checkpoint, KEY))

    with pytest.raises(MalformedError):
        verify_receipt(receipt, KEY.verifier)


def test_a_receipt_is_made_from_static_files_by_anyone(world: World) -> None:
    world.beat()

    for key in (None, KEY.verifier):
        receipt = prove(from_folder(world.folder), 7, key=key)
        assert verify_receipt(receipt, KEY.verifier).index == 7


def test_no_receipt_is_made_from_files_that_do_not_hold(world: World) -> None:
    world.beat()
    tile = world.folder / "tile/0/000.p/16"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])

    with pytest.raises(VerificationError):
        prove(from_folder(world.folder), 7)
    with pytest.raises(VerificationError):
        prove(from_folder(world.folder), 7, key=OTHER_KEY.verifier)


def test_there_is_no_receipt_beyond_the_log(world: World) -> None:
    world.beat()

    with pytest.raises(NotFoundError):
        world.log.receipt(16)
