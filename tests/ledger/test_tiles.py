# SPDX-License-Identifier: Apache-2.0
"""Tiles, bundles and their paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.errors import MalformedError
from safeconduct.ledger.merkle import leaf_hash, root_of
from safeconduct.ledger.tiles import (
    ENTRIES,
    RightEdge,
    Tile,
    decode_bundle,
    decode_hashes,
    encode_bundle,
    tiles_at,
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(level=0, number=0), "tile/0/000"),
        (Tile(level=0, number=999), "tile/0/999"),
        (Tile(level=2, number=1000), "tile/2/x001/000"),
        (Tile(level=0, number=1234067), "tile/0/x001/x234/067"),
        (Tile(level=63, number=5, width=1), "tile/63/005.p/1"),
        (Tile(level=ENTRIES, number=1234067, width=255), "tile/entries/x001/x234/067.p/255"),
    ],
)
def test_a_tile_has_the_path_of_the_standard(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tile.full_path == path.partition(".p/")[0]


def test_seventy_thousand_entries_have_the_tiles_that_the_standard_counts() -> None:
    counts = {level: [tile.width for tile in tiles_at(70_000, level)] for level in range(4)}

    assert counts[0] == [256] * 273 + [112]
    assert counts[1] == [256, 17]
    assert counts[2] == [1]
    assert counts[3] == []
    assert [tile.path for tile in tiles_at(256, 1)] == ["tile/1/000.p/1"]
    assert len(list(tiles_at(70_000, ENTRIES))) == 274


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), width=len(entries)) == tuple(entries)


def test_a_partial_bundle_is_cut_from_a_wider_one() -> None:
    assert decode_bundle(encode_bundle([b"a", b"b", b"c"]), width=2) == (b"a", b"b")


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x05abc", encode_bundle([b"a"]), encode_bundle([b"a"]) + b"\x00"])
def test_a_cut_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_bundle(data, width=2)


def test_hashes_are_read_whole() -> None:
    assert decode_hashes(b"a" * 32 + b"b" * 32, width=1) == (b"a" * 32,)
    for data, width in ((b"a" * 33, 1), (b"a" * 32, 2), (b"", 1)):
        with pytest.raises(MalformedError):
            decode_hashes(data, width=width)


def tiles_by_definition(leaves: list[bytes]) -> dict[str, bytes]:
    """Return every tile of the tree, each hash computed from the leaves it stands for."""
    return {
        tile.path: b"".join(
            root_of(leaves[place * 256**level : (place + 1) * 256**level])
            for place in range(tile.number * 256, tile.number * 256 + tile.width)
        )
        for level in range(3)
        for tile in tiles_at(len(leaves), level)
    }


def test_the_right_edge_grows_the_tiles_of_the_definition() -> None:
    leaves = [leaf_hash(number.to_bytes(3, "big")) for number in range(65_600)]
    edge, full = RightEdge(), dict[str, bytes]()

    for size, leaf in enumerate(leaves, start=1):
        full.update((tile.path, data) for tile, data in edge.append(leaf))
        if size <= 600 or size in {65_535, 65_536, 65_537, 65_600}:
            assert edge.size == size
            assert edge.root() == root_of(leaves[:size])
        if size in {1, 255, 256, 257, 512, 600, 65_536, 65_600}:
            now = full | {tile.path: data for tile, data in edge.partials()}
            assert now == tiles_by_definition(leaves[:size])


def test_an_empty_edge_has_no_tiles_and_the_empty_root() -> None:
    edge = RightEdge()

    assert list(edge.partials()) == []
    assert edge.root() == root_of([])


def test_a_copy_of_the_edge_grows_alone() -> None:
    edge = RightEdge()
    edge.append(bytes(32))
    copy = edge.copy()

    copy.append(bytes(32))

    assert (edge.size, copy.size) == (1, 2)
    assert edge.root() == bytes(32)
