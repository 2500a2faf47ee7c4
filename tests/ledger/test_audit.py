# SPDX-License-Identifier: Apache-2.0
"""The audit of a whole log."""

from pathlib import Path

import pytest
from tests.ledger.factories import KEY, OTHER_KEY, make_entries, write_log

from safeconduct.errors import MalformedError, NotFoundError, SafeconductError, VerificationError
from safeconduct.ledger.audit import AuditResult, audit
from safeconduct.ledger.checkpoint import Checkpoint, sign_checkpoint
from safeconduct.ledger.entry import ENTRY_LENGTH, EntryKind, encode_entry
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.tiles import CHECKPOINT, ENTRIES, Tile, decode_bundle, encode_bundle

SIZE = 600
ENTRY_LIST = make_entries(SIZE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_log(tmp_path, ENTRY_LIST)
    return tmp_path


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 600])
def test_an_honest_log_of_any_size_holds(tmp_path: Path, size: int) -> None:
    checkpoint = write_log(tmp_path, ENTRY_LIST[:size])

    result = audit(from_folder(tmp_path), KEY.verifier)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert result.checkpoint == checkpoint
    assert result.bundles + result.tiles == len(files) - 1


def test_a_log_of_three_levels_holds_and_reports_its_progress(tmp_path: Path) -> None:
    checkpoint = write_log(tmp_path, ENTRY_LIST * 110)
    told: list[tuple[int, int]] = []

    result = audit(from_folder(tmp_path), KEY.verifier, progress=lambda done, size: told.append((done, size)))

    assert result == AuditResult(checkpoint=checkpoint, bundles=258, tiles=258 + 2 + 1)
    assert told[0] == (256, 66_000)
    assert told[-1] == (66_000, 66_000)


def test_any_changed_file_is_found(folder: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        right = path.read_bytes()
        for wrong in (right[:-1], bytes([right[0] ^ 1]) + right[1:], right[:-1] + bytes([right[-1] ^ 1]), b""):
            path.write_bytes(wrong)
            with pytest.raises(SafeconductError):
                audit(from_folder(folder), KEY.verifier)
        path.unlink()
        with pytest.raises(SafeconductError):
            audit(from_folder(folder), KEY.verifier)
        path.write_bytes(right)

    assert audit(from_folder(folder), KEY.verifier).checkpoint.size == SIZE


def test_a_replaced_entry_is_found_even_with_its_tile(folder: Path, tmp_path: Path) -> None:
    forged = [*ENTRY_LIST]
    forged[300] = encode_entry(bytes(32), EntryKind.COVER)
    signed = (folder / CHECKPOINT).read_bytes()
    write_log(folder, forged)
    (folder / CHECKPOINT).write_bytes(signed)

    with pytest.raises(VerificationError, match="signed root"):
        audit(from_folder(folder), KEY.verifier)


def test_entries_of_another_form_are_found(tmp_path: Path) -> None:
    write_log(tmp_path, [*ENTRY_LIST[:5], b"x" * ENTRY_LENGTH])

    with pytest.raises(VerificationError, match="tile/entries/000"):
        audit(from_folder(tmp_path), KEY.verifier)


def test_two_entries_in_exchanged_places_are_found(folder: Path) -> None:
    path = folder / Tile(level=ENTRIES, number=0).path
    entries = list(decode_bundle(path.read_bytes(), width=256))
    entries[3], entries[4] = entries[4], entries[3]
    path.write_bytes(encode_bundle(entries))

    with pytest.raises(VerificationError, match="tile/0/000"):
        audit(from_folder(folder), KEY.verifier)


def test_another_key_is_not_believed(folder: Path) -> None:
    with pytest.raises(VerificationError):
        audit(from_folder(folder), OTHER_KEY.verifier)


def test_no_log_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        audit(from_folder(tmp_path), KEY.verifier)
    (tmp_path / CHECKPOINT).write_bytes(b"hello")
    with pytest.raises(MalformedError):
        audit(from_folder(tmp_path), KEY.verifier)


@pytest.mark.parametrize("size", [0, 1, 256, 300, 600])
def test_a_log_continues_each_of_its_own_checkpoints(folder: Path, tmp_path: Path, size: int) -> None:
    earlier = write_log(tmp_path / "then", ENTRY_LIST[:size])

    assert audit(from_folder(folder), KEY.verifier, earlier=earlier).checkpoint.size == SIZE


@pytest.mark.parametrize(
    "earlier",
    [
        Checkpoint(origin=KEY.name, size=0, root=bytes(32)),
        Checkpoint(origin=KEY.name, size=300, root=bytes(32)),
        Checkpoint(origin=KEY.name, size=600, root=bytes(32)),
        Checkpoint(origin=KEY.name, size=601, root=bytes(32)),
        Checkpoint(origin="another.example/log", size=0, root=bytes(32)),
    ],
)
def test_a_log_that_was_replaced_or_rolled_back_is_found(folder: Path, earlier: Checkpoint) -> None:
    with pytest.raises(VerificationError, match="not a continuation"):
        audit(from_folder(folder), KEY.verifier, earlier=earlier)


def test_a_checkpoint_over_more_than_there_is_does_not_hold(folder: Path) -> None:
    checkpoint = Checkpoint(origin=KEY.name, size=10**18, root=bytes(32))
    (folder / CHECKPOINT).write_text(str(sign_checkpoint(checkpoint, KEY)), encoding="utf-8")

    with pytest.raises(VerificationError):
        audit(from_folder(folder), KEY.verifier)
