# SPDX-License-Identifier: Apache-2.0
"""Our log read by tlog-scales, an implementation by unrelated authors (PyPI `tlog-scales`, Apache-2.0)."""

import dataclasses
from pathlib import Path

import pytest
from tests.crypto.seeded import entropy
from tests.ledger.factories import KEY, OTHER_KEY, make_entries, make_world, write_log

from safeconduct.crypto.signing import KeyType, SigningKey, VerifyKey
from safeconduct.ledger.merkle import leaf_hash
from safeconduct.ledger.note import Note, NoteSignature, parse_note
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.receipt import prove
from safeconduct.ledger.tiles import CHECKPOINT
from safeconduct.ledger.witness import parse_policy, verify_witnesses

backend = pytest.importorskip("tlog_scales.backend", reason="tlog-scales is not installed: pip install tlog-scales")
signing = pytest.importorskip("tlog_scales.signing")
tlog = pytest.importorskip("tlog_scales.tlog")
reader_module = pytest.importorskip("tlog_scales.reader")

ENTRY_LIST = make_entries(300)
SIZES = [1, 2, 255, 256, 257, 600, 66_000]


def entries_of(size: int) -> list[bytes]:
    return (ENTRY_LIST * (size // 300 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_it_verifies_our_checkpoint_and_recomputes_our_root_from_our_tiles(tmp_path: Path, size: int) -> None:
    ours = write_log(tmp_path, entries_of(size))
    reader = reader_module.TilesReader(backend.LocalBackend(tmp_path))

    checkpoint = reader.get_checkpoint()

    checkpoint.verify(signing.Vkey.from_string(str(KEY.verifier)))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root_hash) == (ours.origin, ours.size, ours.root)
    assert reader.calculate_root_hash() == ours.root
    assert str(signing.Vkey.from_string(str(KEY.verifier)).serialize()) == str(KEY.verifier)


@pytest.mark.parametrize("size", SIZES)
def test_it_makes_the_same_proofs_and_accepts_ours(tmp_path: Path, size: int) -> None:
    ours = write_log(tmp_path, entries_of(size))
    reader = reader_module.TilesReader(backend.LocalBackend(tmp_path))
    reader.get_checkpoint()

    for index in sorted({0, 1, 255, 256, size // 2, size - 1} & set(range(size))):
        receipt = prove(from_folder(tmp_path), index)
        assert reader.get_entry(index) == receipt.entry
        assert reader.get_inclusion_proof(index, size).node_hashes == list(receipt.path)
        tlog.InclusionProof(index, size, list(receipt.path)).check(leaf_hash(receipt.entry), ours.root)


def test_it_finds_each_beat_consistent_with_the_one_before(tmp_path: Path) -> None:
    world = make_world(tmp_path, batch_size=48)
    checkpoints = [world.beat(seed) for seed in range(8)]
    reader = reader_module.TilesReader(backend.LocalBackend(world.folder))
    reader.get_checkpoint()

    for old in checkpoints[:-1]:
        proof = reader.get_consistency_proof(old.size, checkpoints[-1].size)
        proof.check(old.root, checkpoints[-1].root)


def test_it_refuses_another_key_and_a_changed_checkpoint(tmp_path: Path) -> None:
    write_log(tmp_path, entries_of(5))
    reader = reader_module.TilesReader(backend.LocalBackend(tmp_path))
    checkpoint = reader.get_checkpoint()

    with pytest.raises(RuntimeError):
        checkpoint.verify(signing.Vkey.from_string(str(OTHER_KEY.verifier)))
    with pytest.raises(Exception):  # noqa: B017  # it lets the error of the signature library through
        dataclasses.replace(checkpoint, size=6).verify(signing.Vkey.from_string(str(KEY.verifier)))


def test_it_and_we_agree_on_what_a_witness_signs(tmp_path: Path) -> None:
    write_log(tmp_path, entries_of(5))
    note = parse_note((tmp_path / CHECKPOINT).read_bytes())
    witness = SigningKey.generate("witness.example/w1", entropy(6))
    key = VerifyKey(name=witness.name, public=witness.verifier.public, type=KeyType.COSIGNATURE)
    signature = (1_795_435_200).to_bytes(8, "big") + witness.sign(
        f"cosignature/v1\ntime 1795435200\n{note.text}".encode()
    )
    line = NoteSignature(name=key.name, key_id=key.key_id, signature=signature)
    cosigned = Note(text=note.text, signatures=(*note.signatures, line))

    theirs = tlog.Checkpoint.from_text(str(cosigned))
    theirs.verify(signing.Vkey.from_string(str(key)))
    policy = parse_policy(f"log {KEY.verifier}\nwitness W {key}\nquorum W\n".encode())

    assert verify_witnesses(cosigned, policy).since is not None
