# SPDX-License-Identifier: Apache-2.0
"""Writes the static files of a growing log into a folder: entry bundles and tiles first, each whole and durable.

The publisher holds only the right edge of the tree. It is told entries in their order; those that are public already
are passed with `skip`, so that their files are not written again. Writing the same entries twice writes the same files,
which is what makes a beat that was interrupted safe to repeat. The checkpoint is not its business.
"""

import shutil
from pathlib import Path

from safeconduct.crypto.durable import PUBLIC, write_durably
from safeconduct.ledger.merkle import leaf_hash
from safeconduct.ledger.tiles import ENTRIES, WIDTH, RightEdge, Tile, encode_bundle


class Publisher:
    """The files of one log, from a first entry on."""

    def __init__(self, folder: Path) -> None:
        """Begin with an empty tree; nothing is written yet."""
        self.edge = RightEdge()
        self._folder = folder
        self._bundle: list[bytes] = []
        self._filled: list[Tile] = []

    def skip(self, entry: bytes) -> None:
        """Take an entry whose full tiles are public already."""
        self._take(entry)

    def add(self, entry: bytes) -> None:
        """Take a new entry and write the bundle and the tiles that it fills.

        Raises:
            UnavailableError: the disk does not take a file.
        """
        for tile, data in self._take(entry):
            self._write(tile, data)
            self._filled.append(tile)

    def finish(self) -> None:
        """Write the partial bundle and tiles of the present size.

        Raises:
            UnavailableError: the disk does not take a file.
        """
        if self._bundle:
            number = self.edge.size // WIDTH
            partial = Tile(level=ENTRIES, number=number, width=len(self._bundle))
            self._write(partial, encode_bundle(self._bundle))
        for tile, data in self.edge.partials():
            self._write(tile, data)

    def tidy(self) -> None:
        """Remove the partial forms of tiles that became full; the checkpoint over the full ones is public by now."""
        while self._filled:
            partials = self._folder / f"{self._filled.pop().full_path}.p"
            shutil.rmtree(partials, ignore_errors=True)

    def sweep(self) -> None:
        """Remove temporary files that a killed process left."""
        for leftover in self._folder.rglob(".*.tmp"):
            leftover.unlink(missing_ok=True)

    def _take(self, entry: bytes) -> list[tuple[Tile, bytes]]:
        self._bundle.append(entry)
        full = list(self.edge.append(leaf_hash(entry)))
        if len(self._bundle) == WIDTH:
            full.insert(0, (Tile(level=ENTRIES, number=self.edge.size // WIDTH - 1), encode_bundle(self._bundle)))
            self._bundle.clear()
        return full

    def _write(self, tile: Tile, data: bytes) -> None:
        path = self._folder / tile.path
        if not (path.is_file() and path.read_bytes() == data):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, data, mode=PUBLIC)
