# SPDX-License-Identifier: Apache-2.0
"""The transparency log of this instance: its entries in the database, its public files in the home folder.

An act calls `commit` in its own transaction, so that neither the act nor its commitment exists without the other; the
next beat publishes what waits. The receipt of a commitment exists from then on.
"""

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db.models import Max

from safeconduct.errors import ConflictError
from safeconduct.ledger.entry import EntryKind
from safeconduct.ledger.log import MEMORY_FILE, Beat, Log
from safeconduct.ledger.receipt import Receipt
from safeconduct.ledger.store import NewLeaf, Pending
from safeconduct.server.audit.models import Commitment, Leaf
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.audit.writes import atomic_write

FOLDER = "log"
READ_AT_ONCE = 4096


class DatabaseStore:
    """The entries of the log in the database (a `LeafStore`)."""

    def size(self) -> int:
        """Return the number of entries."""
        last: int | None = Leaf.objects.aggregate(last=Max("index"))["last"]
        return 0 if last is None else last + 1

    def pending(self) -> Sequence[Pending]:
        """Return the commitments that wait, oldest first."""
        rows = Commitment.objects.filter(index__isnull=True)
        return [Pending(id=str(row.pk), kind=EntryKind(row.kind), commitment=bytes(row.value)) for row in rows]

    @atomic_write
    def append(self, leaves: Sequence[NewLeaf], *, at: int) -> None:
        """Append the entries from the index on and settle their commitments, all or nothing.

        Raises:
            ConflictError: the store has not exactly `at` entries.
        """
        if self.size() != at:
            raise ConflictError("the log grew in between", hint="only one process may append", size=self.size())
        Leaf.objects.bulk_create(Leaf(index=index, entry=leaf.entry) for index, leaf in enumerate(leaves, start=at))
        settled = {leaf.settles: index for index, leaf in enumerate(leaves, start=at) if leaf.settles is not None}
        rows = list(Commitment.objects.filter(pk__in=settled, index__isnull=True))
        for row in rows:
            row.index = settled[str(row.pk)]
        Commitment.objects.bulk_update(rows, ["index"])

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries from start up to stop, in their order."""
        rows = Leaf.objects.filter(index__gte=start, index__lt=stop).values_list("entry", flat=True)
        return (bytes(entry) for entry in rows.iterator(chunk_size=READ_AT_ONCE))


def log() -> Log:
    """Return the log of this instance.

    Raises:
        ConfigurationError: the keys are missing or open to others.
    """
    return _log(settings.SAFECONDUCT.home)


@lru_cache(maxsize=8)
def _log(home: Path) -> Log:
    keys = settings.SAFECONDUCT.keys
    return Log(folder=home / FOLDER, memory=keys / MEMORY_FILE, store=DatabaseStore(), signer=key_ring().log)


def log_key() -> str:
    """Return the verifier key of the log, as receipts are checked with it."""
    return str(log().key)


def commit(*, kind: EntryKind, value: bytes, now: datetime) -> None:
    """Let a commitment wait for the next beat. Call it inside the act's `atomic_write`."""
    Commitment.objects.create(kind=kind, value=value, added_at=now)


def beat(*, now: datetime) -> Beat:
    """Publish what waits, and cover, under a new checkpoint.

    Raises:
        ConflictError: the database was set back or changed, so signing would make a fork.
        UnavailableError: the disk does not take the files.
    """
    return log().beat(now, entropy=secrets.token_bytes)


def is_logged(value: bytes) -> bool:
    """Tell whether the log holds a commitment under its checkpoint, so that a receipt can be made."""
    return _index_of(value) is not None


def receipt_of(value: bytes) -> Receipt | None:
    """Return the receipt of a commitment, or nothing before its beat.

    Raises:
        VerificationError: the public files of the log were damaged.
    """
    index = _index_of(value)
    return None if index is None else log().receipt(index)


def _index_of(value: bytes) -> int | None:
    row = Commitment.objects.filter(value=value, index__isnull=False).first()
    if row is None or row.index is None or row.index >= log().checkpoint().size:
        return None
    return row.index
