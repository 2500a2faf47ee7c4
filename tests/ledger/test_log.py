# SPDX-License-Identifier: Apache-2.0
"""The log: beats, cover, what a kill leaves, and why it never forks."""

import copy
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.crypto.seeded import chance, entropy
from tests.ledger.factories import KEY, NOON, ORIGIN, OTHER_KEY, World, files_in, make_world, root_over, write_log

from safeconduct.errors import ConflictError, UnavailableError, VerificationError
from safeconduct.ledger import log as log_module
from safeconduct.ledger import publisher as publisher_module
from safeconduct.ledger.audit import audit
from safeconduct.ledger.checkpoint import Checkpoint, open_checkpoint
from safeconduct.ledger.entry import ENTRY_LENGTH, EntryKind, decode_entry
from safeconduct.ledger.merkle import EMPTY_ROOT
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.store import MemoryStore, NewLeaf, Pending
from safeconduct.ledger.tiles import CHECKPOINT


class Killed(BaseException):
    """Stands for kill -9: nothing in the code catches it."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def add(store: MemoryStore, count: int, *, start: int = 0) -> None:
    for number in range(start, start + count):
        store.add(Pending(id=f"p{number}", kind=EntryKind.RECEIPT, commitment=number.to_bytes(32, "big")))


def test_a_log_without_entries_has_the_empty_checkpoint(world: World) -> None:
    assert world.log.checkpoint() == Checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)
    assert world.log.check().size == 0
    assert world.log.key == KEY.verifier


@pytest.mark.parametrize(
    ("waiting", "appended"), [(0, 16), (1, 16), (16, 16), (17, 32), (32, 32), (33, 64), (100, 128)]
)
def test_a_beat_has_a_constant_number_of_entries_and_doubles_when_it_must(
    world: World, waiting: int, appended: int
) -> None:
    add(world.store, waiting)

    beat = world.log.beat(NOON, entropy=entropy())

    assert (beat.published, beat.appended, beat.checkpoint.size) == (waiting, appended, appended)
    assert beat.at == NOON
    assert world.store.pending() == ()
    assert len(world.store.indexes) == waiting


def test_the_log_does_not_tell_how_much_was_real(world: World) -> None:
    add(world.store, 3)
    world.store.add(Pending(id="a", kind=EntryKind.ATTESTATION, commitment=bytes(32)))

    world.beat()

    assert {decode_entry(leaf).kind for leaf in world.store.leaves} == {"x"}
    assert {len(leaf) for leaf in world.store.leaves} == {ENTRY_LENGTH}


def test_the_order_within_a_beat_is_one_of_chance(world: World) -> None:
    orders = set()
    for seed in range(20):
        add(world.store, 8, start=8 * seed)
        world.beat(seed)
        indexes = [world.store.indexes[f"p{number}"] % 16 for number in range(8 * seed, 8 * seed + 8)]
        orders.add(tuple(indexes))

    assert len(orders) == 20
    assert len({indexes[0] for indexes in orders}) > 8
    assert all(indexes != tuple(sorted(indexes)) for indexes in orders)


def test_every_entry_lands_where_the_store_says(world: World) -> None:
    add(world.store, 20)
    world.beat()

    for number in range(20):
        entry = decode_entry(world.store.leaves[world.store.indexes[f"p{number}"]])
        assert entry.commitment == number.to_bytes(32, "big")


def test_beats_grow_one_tree(world: World) -> None:
    earlier = []
    for seed in range(20):
        add(world.store, seed, start=1000 * seed)
        earlier.append(world.beat(seed))

    for checkpoint in earlier:
        assert audit(from_folder(world.folder), KEY.verifier, earlier=checkpoint).checkpoint == earlier[-1]
        assert checkpoint.root == root_over(world.store.leaves[: checkpoint.size])


def test_a_new_process_goes_on_where_the_old_one_was(world: World) -> None:
    world.beat(1)
    before = world.log.checkpoint()

    beat = world.again().beat(NOON, entropy=entropy(2))

    assert beat.checkpoint.size == 32
    assert audit(from_folder(world.folder), KEY.verifier, earlier=before).checkpoint == beat.checkpoint


def test_a_process_notices_that_another_one_published(world: World) -> None:
    world.beat(1)
    world.again().beat(NOON, entropy=entropy(2))

    assert world.beat(3).size == 48
    assert audit(from_folder(world.folder), KEY.verifier).checkpoint.size == 48


def test_two_processes_do_not_publish_at_once(world: World) -> None:
    world.beat(1)

    with world.memory.with_name("log.signed.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="another process"):
            world.beat(2)

    assert world.store.size() == 16
    assert world.beat(2).size == 32


def test_what_is_signed_is_remembered_beside_the_keys(world: World) -> None:
    checkpoint = world.beat()

    assert open_checkpoint(world.memory.read_bytes(), KEY.verifier) == checkpoint
    assert world.memory.stat().st_mode & 0o777 == 0o600
    assert (world.folder / CHECKPOINT).stat().st_mode & 0o777 == 0o644


def steps_of_a_beat(world: World, monkeypatch: pytest.MonkeyPatch, *, die_at: int) -> int:
    """Beat, and die before the given step that changes a disk; return how many steps there were."""
    steps = 0

    def step() -> None:
        nonlocal steps
        if steps == die_at:
            raise Killed
        steps += 1

    def before(call):
        def wrapped(*arguments, **named):
            step()
            return call(*arguments, **named)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(publisher_module, "write_durably", before(publisher_module.write_durably))
        patch.setattr(log_module, "write_durably", before(log_module.write_durably))
        patch.setattr(publisher_module.shutil, "rmtree", before(publisher_module.shutil.rmtree))
        patch.setattr(MemoryStore, "append", before(MemoryStore.append))
        try:
            world.log.beat(NOON, entropy=entropy(7))
        except Killed:
            return -1
    return steps


def test_a_beat_that_was_killed_at_any_step_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def world_before(name: str) -> World:
        """Return a log of 240 entries, so that the next beat fills tiles."""
        world = make_world(tmp_path / name)
        for seed in range(15):
            world.beat(seed)
        add(world.store, 5)
        return world

    steps = steps_of_a_beat(world_before("whole"), monkeypatch, die_at=-1)
    assert steps > 6

    for die_at in range(steps):
        world = world_before(f"killed-{die_at}")
        before = world.log.checkpoint()
        assert steps_of_a_beat(world, monkeypatch, die_at=die_at) == -1
        left = list(world.store.leaves)
        public = world.log.checkpoint()
        assert audit(from_folder(world.folder), KEY.verifier, earlier=before).checkpoint == public

        after = world.again().beat(NOON, entropy=entropy(8)).checkpoint

        assert audit(from_folder(world.folder), KEY.verifier, earlier=public).checkpoint == after
        assert world.store.leaves[: len(left)] == left
        assert set(world.store.indexes) == {f"p{number}" for number in range(5)}
        rebuilt = tmp_path / f"rebuilt-{die_at}"
        write_log(rebuilt, world.store.leaves)
        assert files_in(rebuilt).items() <= files_in(world.folder).items()


def test_a_full_disk_loses_nothing_and_heaps_nothing_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.beat(1)
    add(world.store, 3)

    def full(*_arguments: object, **_named: object) -> None:
        raise UnavailableError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(publisher_module, "write_durably", full)
        for seed in range(2, 6):
            with pytest.raises(UnavailableError):
                world.beat(seed)
    assert world.log.checkpoint().size == 16
    assert world.store.size() == 32

    assert world.beat(9).size == 48
    assert audit(from_folder(world.folder), KEY.verifier).checkpoint.size == 48


def test_lost_public_files_are_made_again_from_the_store(world: World, tmp_path: Path) -> None:
    for seed in range(20):
        world.beat(seed)
    (world.folder).rename(tmp_path / "lost")

    checkpoint = world.again().beat(NOON, entropy=entropy(30)).checkpoint

    assert audit(from_folder(world.folder), KEY.verifier).checkpoint == checkpoint


def test_an_old_backup_of_the_store_is_refused(world: World) -> None:
    world.beat(1)
    backup = copy.deepcopy(world.store)
    world.beat(2)
    before = files_in(world.folder)

    with pytest.raises(ConflictError, match="fork the log") as caught:
        world.again(backup).beat(NOON, entropy=entropy(3))

    assert caught.value.facts == {"signed": 32, "stored": 16}
    assert files_in(world.folder) == before
    assert backup.size() == 16


def test_an_old_backup_that_grew_again_is_refused(world: World) -> None:
    world.beat(1)
    backup = copy.deepcopy(world.store)
    world.beat(2)
    world.beat(3)
    source = entropy(4)
    for _ in range(3):
        leaves = [NewLeaf(entry=source(ENTRY_LENGTH)) for _ in range(16)]
        backup.append(leaves, at=backup.size())
    before = files_in(world.folder)

    with pytest.raises(ConflictError, match="fork the log"):
        world.again(backup).check()
    with pytest.raises(ConflictError, match="fork the log"):
        world.again(backup).beat(NOON, entropy=entropy(5))

    assert files_in(world.folder) == before


@pytest.mark.parametrize("at", [0, 15, 16, 31])
def test_a_changed_entry_is_refused(world: World, at: int) -> None:
    world.beat(1)
    world.beat(2)
    world.store.leaves[at] = world.store.leaves[at - 1]

    with pytest.raises(ConflictError):
        world.again().check()


def test_old_public_files_are_no_excuse_while_the_keys_remember(world: World, tmp_path: Path) -> None:
    world.beat(1)
    backup, checkpoint = copy.deepcopy(world.store), (world.folder / CHECKPOINT).read_bytes()
    world.beat(2)
    (world.folder / CHECKPOINT).write_bytes(checkpoint)

    with pytest.raises(ConflictError):
        world.again(backup).beat(NOON, entropy=entropy(3))
    leaves = [NewLeaf(entry=bytes(ENTRY_LENGTH))] * 16
    backup.append(leaves, at=16)
    with pytest.raises(ConflictError):
        world.again(backup).beat(NOON, entropy=entropy(3))

    assert world.again().beat(NOON, entropy=entropy(3)).checkpoint.size == 48


def test_a_lost_memory_is_no_excuse_while_the_public_files_remember(world: World) -> None:
    world.beat(1)
    backup = copy.deepcopy(world.store)
    world.beat(2)
    world.memory.unlink()

    with pytest.raises(ConflictError):
        world.again(backup).beat(NOON, entropy=entropy(3))


def test_a_checkpoint_of_another_key_is_not_taken_for_ours(world: World) -> None:
    world.beat(1)
    write_log(world.folder, world.store.leaves, OTHER_KEY)

    with pytest.raises(VerificationError):
        world.again().beat(NOON, entropy=entropy(3))


def test_the_store_in_memory_keeps_the_rule_of_one_writer() -> None:
    store = MemoryStore()

    with pytest.raises(ConflictError):
        store.append([NewLeaf(entry=b"x")], at=1)

    assert store.size() == 0


WORKER = """
import os, sys
from pathlib import Path
from tests.crypto.seeded import entropy
from tests.ledger.test_log import FileStore
from tests.ledger.factories import KEY, NOON
from safeconduct.ledger.log import Log
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
log = Log(folder=folder / "log", memory=folder / "log.signed", store=FileStore(folder / "leaves"), signer=KEY)
while True:
    log.beat(NOON, entropy=lambda count: os.urandom(count))
"""


class FileStore:
    """A store in a file of entries of one length; what a kill cut in the middle is dropped at the next start."""

    def __init__(self, path: Path) -> None:
        """Open the file and drop a batch that was not written whole."""
        self._path = path
        path.touch()
        os.truncate(path, path.stat().st_size // (16 * ENTRY_LENGTH) * 16 * ENTRY_LENGTH)

    def size(self) -> int:
        """Return the number of entries."""
        return self._path.stat().st_size // ENTRY_LENGTH

    def pending(self) -> Sequence[Pending]:
        """Return nothing: cover entries are enough here."""
        return ()

    def append(self, leaves: Sequence[NewLeaf], *, at: int) -> None:
        """Append the entries durably."""
        assert at == self.size()
        with self._path.open("ab", buffering=0) as stream:
            for leaf in leaves:
                stream.write(leaf.entry)
            os.fsync(stream.fileno())

    def entries(self, start: int, stop: int):
        """Yield the entries from start up to stop."""
        data = self._path.read_bytes()
        return (data[at * ENTRY_LENGTH : (at + 1) * ENTRY_LENGTH] for at in range(start, stop))


def test_a_log_that_is_killed_again_and_again_stays_one_tree(tmp_path: Path) -> None:
    seen = None
    rng = chance(11)
    for round_number in range(4):
        before = (tmp_path / "leaves").stat().st_size if round_number else 0
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(round_number)],
            cwd=Path(__file__).parents[2],
        )
        deadline = time.monotonic() + 60
        leaves = tmp_path / "leaves"
        while not (leaves.exists() and leaves.stat().st_size > before + 40 * ENTRY_LENGTH * 16):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(rng.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()

        result = audit(from_folder(tmp_path / "log"), KEY.verifier, earlier=seen)

        assert result.checkpoint.size > (seen.size if seen else 0)
        seen = result.checkpoint
