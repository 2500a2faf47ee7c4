# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of a log: hashes and proofs of RFC 6962, section 2.1, with SHA-256; verification as in RFC 9162.

A leaf is hashed as SHA-256(0x00 ‖ entry) and a node as SHA-256(0x01 ‖ left ‖ right), so a node can never be shown as an
entry. A tree of n leaves splits at the largest power of two below n.

Proofs are computed from a function `subtree(start, stop)` that returns the root over those leaves; whether it reads a
list, tiles on a disk or tiles of a server does not matter here.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple

from safeconduct.errors import VerificationError

HASH_LENGTH = 32
EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""Returns the root over the leaves from the first number up to, not including, the second."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Return the largest power of two below the size, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    return subtree_of(leaves)(0, len(leaves))


def subtree_of(leaves: Sequence[bytes]) -> Subtree:
    """Return the function that computes subtree roots over a list of leaf hashes."""

    def subtree(start: int, stop: int) -> bytes:
        level = list(leaves[start:stop])
        while len(level) > 1:
            # An odd last hash moves up unchanged, which is what splitting at powers of two comes to.
            odd = level[-1:] if len(level) % 2 else []
            level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=False)] + odd
        return level[0] if level else EMPTY_ROOT

    return subtree


def inclusion_path(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the audit path of a leaf in the tree of that size, from the leaf's sibling up (RFC 6962, 2.1.1)."""
    steps, _ = _descend(index, size)
    return tuple(subtree(step.start, step.stop) for step in reversed(steps))


def consistency_path(old: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the proof that the tree of the old size is the beginning of the tree of the size (RFC 6962, 2.1.2)."""
    if old in {0, size}:
        return ()
    steps, start = _descend(old - 1, size, until=old)
    # The reader knows the old root, so the subtree where the descent ends is named only if it is not the old tree.
    seed = [subtree(start, old)] if start else []
    return (*seed, *(subtree(step.start, step.stop) for step in reversed(steps)))


def verify_inclusion(leaf: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf stands at the index of the tree (as RFC 9162, 2.1.3.2).

    Raises:
        VerificationError: it does not, or the path has the wrong length.
    """
    if not 0 <= index < size:
        raise VerificationError("the index lies outside the log", hint="the receipt was changed", index=index)
    steps, _ = _descend(index, size)
    computed = leaf
    if len(path) == len(steps):
        for step, sibling in zip(reversed(steps), path, strict=True):
            computed = node_hash(computed, sibling) if step.is_right else node_hash(sibling, computed)
    if len(path) != len(steps) or computed != root:
        raise VerificationError("the proof does not lead to the root of the log", hint="the receipt was changed")


def verify_consistency(old: int, old_root: bytes, *, size: int, root: bytes, path: Sequence[bytes]) -> None:
    """Check that the old tree is the beginning of the new one (as RFC 9162, 2.1.4.2).

    Raises:
        VerificationError: it is not, or the path has the wrong length.
    """
    if not 0 <= old <= size:
        raise VerificationError("the log became smaller", hint="it was rolled back or replaced", old=old, size=size)
    if old in {0, size}:
        if path or old_root != (root if old else EMPTY_ROOT):
            raise _no_consistency()
        return
    steps, start = _descend(old - 1, size, until=old)
    hashes = list(path) if start else [old_root, *path]
    if len(hashes) != len(steps) + 1:
        raise _no_consistency()
    first = second = hashes[0]
    for step, sibling in zip(reversed(steps), hashes[1:], strict=True):
        if step.is_right:
            second = node_hash(second, sibling)
        else:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
    if first != old_root or second != root:
        raise _no_consistency()


class _Step(NamedTuple):
    """A sibling passed on the way down: its leaves, and whether it lies to the right."""

    start: int
    stop: int
    is_right: bool


def _descend(index: int, size: int, *, until: int = 0) -> tuple[list[_Step], int]:
    """Go from the root toward a leaf, down to it or to the subtree that ends at `until`.

    Returns the siblings passed, from the top, and the first leaf of the subtree reached.
    """
    start, stop, steps = 0, size, list[_Step]()
    while stop - start > 1 and stop != until:
        middle = start + split(stop - start)
        if index < middle:
            steps.append(_Step(middle, stop, is_right=True))
            stop = middle
        else:
            steps.append(_Step(start, middle, is_right=False))
            start = middle
    return steps, start


def _no_consistency() -> VerificationError:
    return VerificationError(
        "the log is not a continuation of the one seen before", hint="keep both checkpoints: they are evidence"
    )
