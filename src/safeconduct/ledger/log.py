# SPDX-License-Identifier: Apache-2.0
"""The log: at each beat it takes what waits, mixes it with cover entries, publishes the files and signs a checkpoint.

The order of a beat makes it safe to be killed at any point and repeated:

1. the batch is appended to the store, in one transaction, and is durable;
2. entry bundles and tiles are written, each to the disk and whole;
3. the new checkpoint is remembered beside the keys (`memory`), then renamed into place for the public.

What a killed beat left undone follows from the store, so the next beat finishes it and comes to the same tree. A
batch has a constant number of entries (16, doubled until all that waits fits), random order inside, so neither the
number of reports nor their order within a beat can be read from the log.

Never a fork: before anything is signed, the store is compared with the last checkpoint that was signed, both the public
one and the remembered one. A store that is shorter or differs, as after restoring an old backup, is refused. A fork is
not seen if store, public files and keys were all set back together: only a witness or a reader's copy can see that.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from safeconduct.crypto.durable import PRIVATE, PUBLIC, write_durably
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.ids import Entropy
from safeconduct.errors import ConflictError
from safeconduct.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from safeconduct.ledger.entry import COMMITMENT_LENGTH, EntryKind, encode_entry
from safeconduct.ledger.merkle import leaf_hash
from safeconduct.ledger.publisher import Publisher
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.receipt import Receipt, prove
from safeconduct.ledger.store import LeafStore, NewLeaf, Pending
from safeconduct.ledger.tiles import CHECKPOINT, RightEdge

BATCH_SIZE = 16
MEMORY_FILE = "log.signed"
_ORDER_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a beat did: how many commitments it published, among how many entries, and the new checkpoint."""

    at: datetime
    published: int
    appended: int
    checkpoint: Checkpoint


class Log:
    """One log: a store of entries, a folder of public files, and the key that signs."""

    def __init__(
        self, *, folder: Path, memory: Path, store: LeafStore, signer: SigningKey, batch_size: int = BATCH_SIZE
    ) -> None:
        """Keep the parts; nothing is read or written yet.

        Args:
            folder: where the public files go, served as they are below the prefix of the log.
            memory: file that remembers the last signed checkpoint, kept with the keys and not with the database.
            store: where entries are durable.
            signer: the key of the log, whose name is the origin.
            batch_size: entries of a beat.
        """
        self._folder = folder
        self._memory = memory
        self._store = store
        self._signer = signer
        self._batch_size = batch_size
        self._publisher: Publisher | None = None
        self._last: Checkpoint | None = None

    @property
    def key(self) -> VerifyKey:
        """Return the verifier key of the log."""
        return self._signer.verifier

    def checkpoint(self) -> Checkpoint:
        """Return the public checkpoint; of a log without any, the one of the empty tree.

        Raises:
            MalformedError: the file is not a checkpoint.
            VerificationError: the key of this log did not sign it.
        """
        return self._read(self._folder / CHECKPOINT)

    def check(self) -> Checkpoint:
        """Compare the store with the last signed checkpoints and return the later one, signing nothing.

        Raises:
            ConflictError: the store was set back or changed, so signing would make a fork.
            MalformedError: a signed checkpoint on the disk is not one.
            VerificationError: the key of this log did not sign it.
        """
        _, signed = self._resume()
        return signed

    def beat(self, now: datetime, *, entropy: Entropy) -> Beat:
        """Publish what waits, and cover, under a new checkpoint.

        Raises:
            ConflictError: the store was set back or changed, or another process is publishing.
            UnavailableError: the disk does not take a file; nothing was signed, and the next beat goes on.
            MalformedError: a signed checkpoint on the disk is not one.
            VerificationError: the key of this log did not sign it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            publisher = self._ready()
            if self._store.size() > publisher.edge.size:
                # What an interrupted beat left comes first, so that a full disk does not heap batch upon batch.
                self._publish(publisher)
            waiting = self._store.pending()
            batch = self._batch(waiting, entropy)
            self._store.append(batch, at=self._store.size())
            checkpoint = self._publish(publisher)
        return Beat(at=now, published=len(waiting), appended=len(batch), checkpoint=checkpoint)

    def receipt(self, index: int) -> Receipt:
        """Return the receipt of the entry at the index, at the public checkpoint.

        Raises:
            NotFoundError: the public log has no such entry yet.
            VerificationError: the public files were damaged.
        """
        return prove(from_folder(self._folder), index, key=self.key)

    def _ready(self) -> Publisher:
        """Return the publisher at the public size, after the fork check where it is due."""
        if self._publisher is None or self._last != self.checkpoint():
            self._publisher, _ = self._resume()
            self._publisher.sweep()
        return self._publisher

    def _batch(self, waiting: Sequence[Pending], entropy: Entropy) -> list[NewLeaf]:
        count = self._batch_size
        while count < len(waiting):
            count *= 2
        leaves = [NewLeaf(entry=encode_entry(one.commitment, one.kind), settles=one.id) for one in waiting]
        covers = [encode_entry(entropy(COMMITMENT_LENGTH), EntryKind.COVER) for _ in range(count - len(waiting))]
        leaves += [NewLeaf(entry=entry) for entry in covers]
        return sorted(leaves, key=lambda _: entropy(_ORDER_BYTES))

    def _publish(self, publisher: Publisher) -> Checkpoint:
        # A beat that fails from here on leaves the publisher behind the store, so the next one starts afresh.
        self._publisher = None
        for entry in self._store.entries(publisher.edge.size, self._store.size()):
            publisher.add(entry)
        publisher.finish()
        checkpoint = self._checkpoint_of(publisher.edge)
        note = str(sign_checkpoint(checkpoint, self._signer)).encode()
        write_durably(self._memory, note, mode=PRIVATE)
        write_durably(self._folder / CHECKPOINT, note, mode=PUBLIC)
        publisher.tidy()
        self._publisher, self._last = publisher, checkpoint
        return checkpoint

    def _resume(self) -> tuple[Publisher, Checkpoint]:
        """Rebuild the tree up to the public size from the store and compare it with all that was signed."""
        public, remembered = self.checkpoint(), self._read(self._memory)
        signed = max(public, remembered, key=lambda one: one.size)
        if self._store.size() < signed.size:
            raise self._fork(signed)
        publisher = Publisher(self._folder)
        for entry in self._store.entries(0, public.size):
            publisher.skip(entry)
        edge = publisher.edge.copy()
        self._compare(edge, public)
        if remembered.size > public.size:
            for entry in self._store.entries(public.size, remembered.size):
                edge.append(leaf_hash(entry))
            self._compare(edge, remembered)
        return publisher, signed

    def _compare(self, edge: RightEdge, signed: Checkpoint) -> None:
        if self._checkpoint_of(edge) != signed:
            raise self._fork(signed)

    def _fork(self, signed: Checkpoint) -> ConflictError:
        return ConflictError(
            "the entries at hand are not those that were signed: signing now would fork the log",
            hint="restore the newest backup of the database; see the chapter on restoring",
            signed=signed.size,
            stored=self._store.size(),
        )

    def _checkpoint_of(self, edge: RightEdge) -> Checkpoint:
        return Checkpoint(origin=self._signer.name, size=edge.size, root=edge.root())

    def _read(self, path: Path) -> Checkpoint:
        if not path.exists():
            return self._checkpoint_of(RightEdge())
        return open_checkpoint(path.read_bytes(), self.key)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._memory.with_name(f"{self._memory.name}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConflictError("another process is publishing the log", hint="run one worker only") from error
            yield
