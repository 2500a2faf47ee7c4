# SPDX-License-Identifier: Apache-2.0
"""Reads a log from its static files, wherever they are: a folder or a web address.

A reader believes nothing it was told: proofs made from tiles are verified against the signed checkpoint by whoever asks
for them (`receipt.prove`, `audit`). Files are bounded in size, and only few tiles are kept in memory.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import httpx

from safeconduct.errors import NotFoundError, TooLargeError, UnavailableError
from safeconduct.ledger.merkle import inclusion_path, node_hash, split
from safeconduct.ledger.tiles import ENTRIES, ENTRY_LIMIT, WIDTH, Tile, decode_bundle, decode_hashes

FILE_LIMIT = WIDTH * (ENTRY_LIMIT + 2)
KEPT_TILES = 64
_GONE = frozenset({404, 410})

Fetch = Callable[[str], bytes]
"""Returns the content of a file of the log by its path below the prefix.

Raises `NotFoundError` if there is none, and `UnavailableError` if it cannot be had now.
"""


def from_folder(folder: Path) -> Fetch:
    """Return how to read a log from a folder."""

    def fetch(path: str) -> bytes:
        try:
            with (folder / path).open("rb") as stream:
                data = stream.read(FILE_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise _missing(path) from error
        except OSError as error:
            raise UnavailableError(f"{path} cannot be read", hint="check the folder's permissions") from error
        _refuse_oversized(len(data), path)
        return data

    return fetch


def from_web(client: httpx.Client, prefix: str) -> Fetch:
    """Return how to read a log from a web address with the given client."""

    def fetch(path: str) -> bytes:
        try:
            with client.stream("GET", f"{prefix.rstrip('/')}/{path}") as response:
                if response.status_code in _GONE:
                    raise _missing(path)
                response.raise_for_status()
                data = bytearray()
                for part in response.iter_bytes():
                    data += part
                    _refuse_oversized(len(data), path)
                return bytes(data)
        except httpx.HTTPError as error:
            raise UnavailableError(f"{path} cannot be fetched", hint="check the address, then retry") from error

    return fetch


def fetch_hashes(fetch: Fetch, tile: Tile) -> tuple[bytes, ...]:
    """Return the hashes of a tile; a partial one may be cut from the full tile that replaced it.

    Raises:
        NotFoundError: the log has neither.
        MalformedError: the tile is not whole.
    """
    return decode_hashes(_partial_or_full(fetch, tile), width=tile.width)


def fetch_bundle(fetch: Fetch, tile: Tile) -> tuple[bytes, ...]:
    """Return the entries of a bundle; a partial one may be cut from the full bundle that replaced it.

    Raises:
        NotFoundError: the log has neither.
        MalformedError: the bundle is not whole.
    """
    return decode_bundle(_partial_or_full(fetch, tile), width=tile.width)


class TileReader:
    """Entries and proofs of a log at one size."""

    def __init__(self, fetch: Fetch, *, size: int) -> None:
        """Read with the function; nothing is fetched yet."""
        self._fetch = fetch
        self._size = size
        self._tiles: OrderedDict[Tile, tuple[bytes, ...]] = OrderedDict()

    def entry(self, index: int) -> bytes:
        """Return the entry at the index.

        Raises:
            NotFoundError: the log has no entry there.
            MalformedError: the bundle is not whole.
        """
        if not 0 <= index < self._size:
            raise NotFoundError(f"the log has no entry {index}", hint=f"its size is {self._size}", size=self._size)
        return fetch_bundle(self._fetch, self._tile(ENTRIES, index // WIDTH, self._size))[index % WIDTH]

    def inclusion_path(self, index: int) -> tuple[bytes, ...]:
        """Return the audit path of the entry at the index.

        Raises:
            NotFoundError: a tile is missing.
            MalformedError: a tile is not whole.
        """
        return inclusion_path(index, self._size, self.subtree)

    def subtree(self, start: int, stop: int) -> bytes:
        """Return the root over the leaves from start up to stop, a subtree that the tree of this size has."""
        span = stop - start
        level = (span.bit_length() - 1) // 8
        if span == WIDTH**level:
            place = start // span
            return self._hashes(self._tile(level, place // WIDTH, self._size // span))[place % WIDTH]
        middle = start + split(span)
        return node_hash(self.subtree(start, middle), self.subtree(middle, stop))

    def _tile(self, level: int | str, number: int, count: int) -> Tile:
        return Tile(level=level, number=number, width=min(WIDTH, count - number * WIDTH))

    def _hashes(self, tile: Tile) -> tuple[bytes, ...]:
        if tile not in self._tiles:
            self._tiles[tile] = fetch_hashes(self._fetch, tile)
            if len(self._tiles) > KEPT_TILES:
                self._tiles.popitem(last=False)
        self._tiles.move_to_end(tile)
        return self._tiles[tile]


def _partial_or_full(fetch: Fetch, tile: Tile) -> bytes:
    try:
        return fetch(tile.path)
    except NotFoundError:
        if tile.width == WIDTH:
            raise
        return fetch(tile.full_path)


def _refuse_oversized(size: int, path: str) -> None:
    if size > FILE_LIMIT:
        raise TooLargeError(f"{path} is larger than any file of a log", hint="this is not a log", limit=FILE_LIMIT)


def _missing(path: str) -> NotFoundError:
    return NotFoundError(f"the log has no {path}", hint="check the folder or address of the log", path=path)
