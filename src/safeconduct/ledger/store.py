# SPDX-License-Identifier: Apache-2.0
"""Where the log's entries are durable before anything is signed: a narrow store, and one in memory for tests.

The store knows entries in their order and commitments that wait for the next beat. It knows no tiles, no proofs and no
signatures: those follow from the entries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from safeconduct.errors import ConflictError
from safeconduct.ledger.entry import EntryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A commitment that waits for the next beat; `id` is the store's own name for it."""

    id: str
    kind: EntryKind
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLeaf:
    """An entry to append, and the pending commitment that it settles; a cover entry settles none."""

    entry: bytes
    settles: str | None = None


class LeafStore(Protocol):
    """What the log asks of a database; deleting and changing entries is left out on purpose."""

    def size(self) -> int:
        """Return the number of entries."""

    def pending(self) -> Sequence[Pending]:
        """Return the commitments that wait, oldest first."""

    def append(self, leaves: Sequence[NewLeaf], *, at: int) -> None:
        """Append the entries from the index on and settle their commitments: all or nothing, durable on return.

        Raises:
            ConflictError: the store has not exactly `at` entries.
        """

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries from start up to stop, in their order."""


class MemoryStore:
    """A store that forgets everything when the process ends."""

    def __init__(self) -> None:
        """Begin empty."""
        self.leaves: list[bytes] = []
        self.indexes: dict[str, int] = {}
        self._waiting: dict[str, Pending] = {}

    def add(self, pending: Pending) -> None:
        """Let a commitment wait for the next beat."""
        self._waiting[pending.id] = pending

    def size(self) -> int:
        """Return the number of entries."""
        return len(self.leaves)

    def pending(self) -> Sequence[Pending]:
        """Return the commitments that wait, oldest first."""
        return tuple(self._waiting.values())

    def append(self, leaves: Sequence[NewLeaf], *, at: int) -> None:
        """Append the entries and settle their commitments.

        Raises:
            ConflictError: the store has not exactly `at` entries.
        """
        if at != len(self.leaves):
            raise ConflictError("the log grew in between", hint="only one process may append", size=len(self.leaves))
        for index, leaf in enumerate(leaves, start=at):
            self.leaves.append(leaf.entry)
            if leaf.settles is not None:
                self.indexes[leaf.settles] = index
                del self._waiting[leaf.settles]

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries from start up to stop."""
        return iter(self.leaves[start:stop])
