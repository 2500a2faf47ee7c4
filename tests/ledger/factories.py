# SPDX-License-Identifier: Apache-2.0
"""Logs for tests: seeded keys, a store in memory, a folder of public files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.crypto.seeded import entropy

from safeconduct.crypto.signing import SigningKey
from safeconduct.ledger.checkpoint import Checkpoint, sign_checkpoint
from safeconduct.ledger.commitment import Opening, commit
from safeconduct.ledger.entry import EntryKind, encode_entry
from safeconduct.ledger.log import Log
from safeconduct.ledger.merkle import leaf_hash, root_of
from safeconduct.ledger.publisher import Publisher
from safeconduct.ledger.store import LeafStore, MemoryStore, Pending
from safeconduct.ledger.tiles import CHECKPOINT

ORIGIN = "example.org/log"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = SigningKey.generate(ORIGIN, entropy(1))
OTHER_KEY = SigningKey.generate(ORIGIN, entropy(2))
REPORT = {"title": "A jailbreak", "affected": [{"model": "m", "version": "1"}], "severity": None, "n": 3}
ATTACHMENTS = ("ab" * 32, "cd" * 32)


@dataclass(kw_only=True)
class World:
    """A log with all its parts."""

    log: Log
    store: MemoryStore
    folder: Path
    memory: Path

    def beat(self, seed: int = 1) -> Checkpoint:
        """Let the log beat once with the seed's chance."""
        return self.log.beat(NOON, entropy=entropy(seed)).checkpoint

    def again(self, store: LeafStore | None = None) -> Log:
        """Return the log as a new process sees it."""
        return Log(folder=self.folder, memory=self.memory, store=store or self.store, signer=KEY)

    def commit(self, name: str = "r1") -> Opening:
        """Let the commitment to a report wait for the next beat."""
        commitment, opening = commit(REPORT, ATTACHMENTS, entropy=entropy(len(name) + 40), log_key=str(KEY.verifier))
        self.store.add(Pending(id=name, kind=EntryKind.RECEIPT, commitment=commitment))
        return opening


def make_world(folder: Path, *, batch_size: int = 16) -> World:
    """Return a log that has nothing yet."""
    store = MemoryStore()
    public, memory = folder / "log", folder / "log.signed"
    log = Log(folder=public, memory=memory, store=store, signer=KEY, batch_size=batch_size)
    return World(log=log, store=store, folder=public, memory=memory)


def make_entries(count: int, seed: int = 3) -> list[bytes]:
    """Return so many cover entries."""
    source = entropy(seed)
    return [encode_entry(source(32), EntryKind.COVER) for _ in range(count)]


def write_log(folder: Path, entries: Sequence[bytes], signer: SigningKey = KEY) -> Checkpoint:
    """Write the static files of a log with the entries, and return its checkpoint."""
    publisher = Publisher(folder)
    for entry in entries:
        publisher.add(entry)
    publisher.finish()
    checkpoint = Checkpoint(origin=signer.name, size=len(entries), root=publisher.edge.root())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CHECKPOINT).write_text(str(sign_checkpoint(checkpoint, signer)), encoding="utf-8")
    return checkpoint


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def root_over(entries: Sequence[bytes]) -> bytes:
    """Return the root over entries."""
    return root_of([leaf_hash(entry) for entry in entries])
