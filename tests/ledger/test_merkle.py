# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree against its definition, for every size up to 300."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.errors import VerificationError
from safeconduct.ledger.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    subtree_of,
    verify_consistency,
    verify_inclusion,
)

MOST = 300
LEAVES = [leaf_hash(number.to_bytes(2, "big")) for number in range(MOST)]
SIZES = st.integers(1, MOST)


@cache
def naive(start: int, stop: int) -> bytes:
    """Return the Merkle tree hash as RFC 6962, section 2.1, writes it."""
    count = stop - start
    if count == 0:
        return sha256(b"").digest()
    if count == 1:
        return LEAVES[start]
    k = 1
    while k * 2 < count:
        k *= 2
    return sha256(b"\x01" + naive(start, start + k) + naive(start + k, stop)).digest()


def test_the_roots_are_the_published_ones() -> None:
    # The leaves and roots of the Certificate Transparency reference implementation.
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in leaves]

    assert [root_of(hashes[: count + 1]).hex() for count in range(8)] == roots
    assert root_of([]) == EMPTY_ROOT


def test_every_subtree_is_that_of_the_definition() -> None:
    subtree = subtree_of(LEAVES)

    assert all(subtree(0, size) == naive(0, size) for size in range(MOST + 1))
    assert subtree(64, 100) == naive(64, 100)


def test_every_leaf_of_every_tree_is_proven() -> None:
    for size in range(1, MOST + 1):
        root = naive(0, size)
        for index in range(size):
            path = inclusion_path(index, size, naive)
            verify_inclusion(LEAVES[index], index=index, size=size, path=path, root=root)


def test_every_tree_is_the_beginning_of_every_larger_one() -> None:
    for size in range(MOST + 1):
        for old in range(size + 1):
            path = consistency_path(old, size, naive)
            verify_consistency(old, naive(0, old), size=size, root=naive(0, size), path=path)


@given(SIZES, st.data())
def test_no_other_leaf_index_size_or_path_is_proven(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, naive)
    right = {"leaf": LEAVES[index], "index": index, "size": size, "path": path, "root": naive(0, size)}
    at = data.draw(st.integers(0, max(len(path) - 1, 0)))
    other = data.draw(st.integers(0, MOST - 1).filter(lambda one: one != index))

    for wrong in (
        {"leaf": LEAVES[other]},
        {"index": other},
        {"path": path[:at] + path[at + 1 :]} if path else {"index": -1},
        {"path": (*path[:at], LEAVES[0], *path[at:])},
        {"path": (*path[:at], bytes(32), *path[at + 1 :])},
        {"root": bytes(32)},
        {"size": index},
    ):
        given_now = right | wrong
        leaf = given_now.pop("leaf")
        with pytest.raises(VerificationError):
            verify_inclusion(leaf, **given_now)


@given(SIZES, st.data())
def test_no_other_history_is_proven(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, size))
    path = consistency_path(old, size, naive)
    right = {"old": old, "old_root": naive(0, old), "size": size, "root": naive(0, size), "path": path}
    at = data.draw(st.integers(0, max(len(path) - 1, 0)))

    for wrong in (
        {"old_root": bytes(32)},
        {"root": bytes(32)} if old else {"old": -1},
        {"path": path[:at] + path[at + 1 :]} if path else {"path": (bytes(32),)},
        {"path": (*path[:at], bytes(32), *path[at + 1 :])},
        {"path": (*path, bytes(32))},
        {"old": size + 1},
    ):
        given_now = right | wrong
        first, second = given_now.pop("old"), given_now.pop("old_root")
        with pytest.raises(VerificationError):
            verify_consistency(first, second, **given_now)


def test_an_entry_cannot_be_shown_as_a_node() -> None:
    left, right = LEAVES[:2]

    assert leaf_hash(left + right) != root_of([left, right])
