# SPDX-License-Identifier: Apache-2.0
"""The static files of a log: tiles, entry bundles and their paths (C2SP tlog-tiles).

    tile/<level>/<number>[.p/<width>]      up to 256 hashes of 32 bytes; level 0 holds leaf hashes, and each hash of a
                                           higher level is the root of one full tile of the level below
    tile/entries/<number>[.p/<width>]      up to 256 entries, each after its length in two bytes, big-endian

The number is written in groups of three digits, all but the last with an x before them: 1234067 is x001/x234/067. A
tile that is not full is partial and named with its width; it is needed for the sizes a checkpoint was signed for, and
may vanish once the full tile is there. No tile is empty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from safeconduct.errors import MalformedError
from safeconduct.ledger.merkle import EMPTY_ROOT, HASH_LENGTH, node_hash

WIDTH = 256
ENTRIES = "entries"
CHECKPOINT = "checkpoint"
ENTRY_LIMIT = 0xFFFF
_GROUP = 1000
_LENGTH_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The name of a tile of hashes, or of a bundle if the level is `ENTRIES`."""

    level: int | str
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Return the path below the prefix of the log."""
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{self.full_path}{partial}"

    @property
    def full_path(self) -> str:
        """Return the path that the tile has when it is full."""
        groups = [f"{self.number % _GROUP:03d}"]
        rest = self.number // _GROUP
        while rest:
            groups.append(f"x{rest % _GROUP:03d}")
            rest //= _GROUP
        return f"tile/{self.level}/{'/'.join(reversed(groups))}"


def tiles_at(size: int, level: int | str) -> Iterator[Tile]:
    """Yield every tile of the level that a tree of the size has."""
    full, width = divmod(size if level == ENTRIES else size // WIDTH ** int(level), WIDTH)
    for number in range(full):
        yield Tile(level=level, number=number)
    if width:
        yield Tile(level=level, number=full, width=width)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the bytes of an entry bundle."""
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def decode_bundle(data: bytes, *, width: int) -> tuple[bytes, ...]:
    """Return the first `width` entries of a bundle, which has at least so many.

    Raises:
        MalformedError: the bundle has fewer, or ends within an entry.
    """
    entries: list[bytes] = []
    at = 0
    while len(entries) < width and at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise MalformedError("an entry bundle ends within an entry", hint="the file was cut")
        entries.append(data[start:at])
    if len(entries) < width:
        raise MalformedError(f"an entry bundle has {len(entries)} entries instead of {width}", hint="the file was cut")
    return tuple(entries)


def decode_hashes(data: bytes, *, width: int) -> tuple[bytes, ...]:
    """Return the first `width` hashes of a tile, which has at least so many.

    Raises:
        MalformedError: the tile has fewer, or is not a row of hashes.
    """
    if len(data) % HASH_LENGTH or len(data) < width * HASH_LENGTH:
        raise MalformedError(f"a tile has {len(data)} bytes, too few or not whole hashes", hint="the file was cut")
    return tuple(data[at : at + HASH_LENGTH] for at in range(0, width * HASH_LENGTH, HASH_LENGTH))


@dataclass(slots=True)
class RightEdge:
    """The growing end of a tree: the hashes of the tiles that are not full yet, one row for each level.

    It holds at most 255 hashes a level, five levels for 10¹² entries, and yields each tile at the moment it is full.
    """

    size: int = 0
    rows: list[list[bytes]] = field(default_factory=list)

    def append(self, leaf: bytes) -> Iterator[tuple[Tile, bytes]]:
        """Add a leaf hash and return the tiles that it fills, lowest first."""
        self.size += 1
        full: list[tuple[Tile, bytes]] = []
        risen, level = leaf, 0
        while len(row := self._row(level)) == WIDTH - 1:
            row.append(risen)
            full.append((Tile(level=level, number=self.size // WIDTH ** (level + 1) - 1), b"".join(row)))
            risen, level = _root_of_full(row), level + 1
            row.clear()
        row.append(risen)
        return iter(full)

    def _row(self, level: int) -> list[bytes]:
        if level == len(self.rows):
            self.rows.append([])
        return self.rows[level]

    def partials(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield the partial tiles of the present size."""
        for level, row in enumerate(self.rows):
            if row:
                number = self.size // WIDTH ** (level + 1)
                yield Tile(level=level, number=number, width=len(row)), b"".join(row)

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        peaks = [peak for row in reversed(self.rows) for peak in _peaks(row)]
        if not peaks:
            return EMPTY_ROOT
        root = peaks.pop()
        while peaks:
            root = node_hash(peaks.pop(), root)
        return root

    def copy(self) -> "RightEdge":
        """Return an edge of its own with the same content."""
        return RightEdge(size=self.size, rows=[list(row) for row in self.rows])


def _peaks(row: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the roots of the largest perfect trees that the row falls into, from the left."""
    start = 0
    for power in reversed(range(len(row).bit_length())):
        if len(row) & 1 << power:
            yield _root_of_full(row[start : start + (1 << power)])
            start += 1 << power


def _root_of_full(row: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    level = list(row)
    while len(level) > 1:
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]
