# SPDX-License-Identifier: Apache-2.0
"""Re-derives a whole log from its static files and trusts nothing but the verifier key.

Every entry is read from its bundle, checked for its form and hashed; every tile at every level must be exactly what
these hashes give; the root must be the signed one. Entries stream through in order, so a log of any length takes the
memory of a few tiles. With an earlier checkpoint the log must also be its continuation, which an auditor who comes back
needs: one look alone cannot see that others are shown another log.
"""

from collections.abc import Callable
from dataclasses import dataclass

from safeconduct.crypto.signing import VerifyKey
from safeconduct.errors import MalformedError, NotFoundError, VerificationError
from safeconduct.ledger.checkpoint import Checkpoint, open_checkpoint
from safeconduct.ledger.entry import decode_entry
from safeconduct.ledger.merkle import leaf_hash
from safeconduct.ledger.reader import Fetch, fetch_bundle, fetch_hashes
from safeconduct.ledger.tiles import CHECKPOINT, ENTRIES, RightEdge, Tile, tiles_at

Progress = Callable[[int, int], None]
"""Is told how many entries of how many have been checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What was checked and held."""

    checkpoint: Checkpoint
    bundles: int
    tiles: int


def audit(
    fetch: Fetch, key: VerifyKey, *, earlier: Checkpoint | None = None, progress: Progress = lambda _done, _all: None
) -> AuditResult:
    """Check every file of the log against its signed checkpoint.

    Raises:
        NotFoundError: the log has no checkpoint.
        MalformedError: the checkpoint is not one.
        VerificationError: a signature, file, size or root does not hold, or the log does not continue the earlier one.
    """
    checkpoint = open_checkpoint(fetch(CHECKPOINT), key)
    if earlier and (earlier.origin != checkpoint.origin or earlier.size > checkpoint.size):
        raise _not_continued(earlier)
    edge = RightEdge()
    bundles = tiles = 0
    _compare_earlier(edge, earlier)
    for bundle in tiles_at(checkpoint.size, ENTRIES):
        for entry in _entries(fetch, bundle):
            for tile, data in edge.append(leaf_hash(entry)):
                _compare_tile(fetch, tile, data)
                tiles += 1
            _compare_earlier(edge, earlier)
        bundles += 1
        progress(edge.size, checkpoint.size)
    for tile, data in edge.partials():
        _compare_tile(fetch, tile, data)
        tiles += 1
    if edge.root() != checkpoint.root:
        raise VerificationError("the entries do not lead to the signed root", hint="keep the files: they are evidence")
    return AuditResult(checkpoint=checkpoint, bundles=bundles, tiles=tiles)


def _entries(fetch: Fetch, bundle: Tile) -> tuple[bytes, ...]:
    try:
        entries = fetch_bundle(fetch, bundle)
        for entry in entries:
            decode_entry(entry)
    except (MalformedError, NotFoundError) as error:
        raise _damaged(bundle, error.message) from error
    return entries


def _compare_tile(fetch: Fetch, tile: Tile, data: bytes) -> None:
    try:
        served = b"".join(fetch_hashes(fetch, tile))
    except (MalformedError, NotFoundError) as error:
        raise _damaged(tile, error.message) from error
    if served != data:
        raise _damaged(tile, "its hashes are not those of the entries")


def _compare_earlier(edge: RightEdge, earlier: Checkpoint | None) -> None:
    if earlier and edge.size == earlier.size and edge.root() != earlier.root:
        raise _not_continued(earlier)


def _damaged(tile: Tile, what: str) -> VerificationError:
    return VerificationError(f"{tile.path} does not hold: {what}", hint="keep the files: they are evidence")


def _not_continued(earlier: Checkpoint) -> VerificationError:
    return VerificationError(
        "the log is not a continuation of the earlier checkpoint",
        hint="keep both checkpoints: they are evidence",
        earlier=earlier.size,
    )
