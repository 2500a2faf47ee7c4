# SPDX-License-Identifier: Apache-2.0
"""Reading a log from a folder and from the web."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.ledger.factories import make_entries, write_log

from safeconduct.errors import MalformedError, NotFoundError, TooLargeError, UnavailableError
from safeconduct.ledger import reader as reader_module
from safeconduct.ledger.merkle import leaf_hash, verify_inclusion
from safeconduct.ledger.reader import TileReader, fetch_hashes, from_folder, from_web
from safeconduct.ledger.tiles import Tile

SIZE = 700
ENTRIES = make_entries(SIZE)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word, and fails on request."""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Serve a file."""
        if self.path.startswith("/broken"):
            self.send_error(500)
        else:
            super().do_GET()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_log(tmp_path, ENTRIES)
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("size", [1, 2, 16, 255, 256, 257, 300, 511, 512, 513, 699, 700])
def test_every_entry_of_every_size_is_proven_from_tiles(tmp_path: Path, size: int) -> None:
    checkpoint = write_log(tmp_path, ENTRIES[:size])
    reader = TileReader(from_folder(tmp_path), size=size)

    for index in {0, 1, size // 2, 255, 256, size - 1} & set(range(size)):
        assert reader.entry(index) == ENTRIES[index]
        path = reader.inclusion_path(index)
        verify_inclusion(leaf_hash(ENTRIES[index]), index=index, size=size, path=path, root=checkpoint.root)


def test_a_log_of_three_levels_is_read(tmp_path: Path) -> None:
    entries = make_entries(300) * 220
    checkpoint = write_log(tmp_path, entries)
    reader = TileReader(from_folder(tmp_path), size=len(entries))

    for index in (0, 65_535, 65_536, len(entries) - 1):
        path = reader.inclusion_path(index)
        verify_inclusion(leaf_hash(entries[index]), index=index, size=len(entries), path=path, root=checkpoint.root)


def test_few_tiles_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "KEPT_TILES", 1)
    reader = TileReader(from_folder(folder), size=SIZE)

    reader.inclusion_path(0)

    assert len(reader._tiles) == 1


@pytest.mark.parametrize("index", [-1, SIZE, 10**9])
def test_an_entry_beyond_the_log_is_not_found(folder: Path, index: int) -> None:
    with pytest.raises(NotFoundError):
        TileReader(from_folder(folder), size=SIZE).entry(index)


def test_a_partial_tile_may_be_cut_from_the_full_one(folder: Path) -> None:
    wide = fetch_hashes(from_folder(folder), Tile(level=0, number=0))

    assert fetch_hashes(from_folder(folder), Tile(level=0, number=0, width=16)) == wide[:16]


def test_a_missing_tile_is_not_found(folder: Path) -> None:
    (folder / "tile/0/000").unlink()

    with pytest.raises(NotFoundError, match="tile/0/000"):
        TileReader(from_folder(folder), size=SIZE).inclusion_path(1)


def test_a_cut_tile_is_refused(folder: Path) -> None:
    (folder / "tile/0/000").write_bytes(b"short")

    with pytest.raises(MalformedError):
        TileReader(from_folder(folder), size=SIZE).inclusion_path(1)


def test_what_is_too_large_for_a_log_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "FILE_LIMIT", 100)

    with pytest.raises(TooLargeError):
        from_folder(folder)("tile/0/000")


def test_a_folder_in_the_place_of_a_file_is_not_a_file(folder: Path) -> None:
    with pytest.raises(NotFoundError):
        from_folder(folder)("tile/0")
    with pytest.raises(NotFoundError):
        from_folder(folder)("checkpoint/x")


def test_a_disk_that_fails_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(UnavailableError):
        from_folder(folder)("checkpoint")


def test_the_web_gives_the_same_as_the_folder(folder: Path, address: str) -> None:
    with httpx.Client() as client:
        fetch = from_web(client, f"{address}/")

        assert fetch("checkpoint") == (folder / "checkpoint").read_bytes()
        assert fetch("tile/entries/000") == (folder / "tile/entries/000").read_bytes()
        with pytest.raises(NotFoundError):
            fetch("tile/0/999")


def test_a_server_that_fails_or_is_not_there_is_told(address: str) -> None:
    with httpx.Client() as client:
        with pytest.raises(UnavailableError):
            from_web(client, f"{address}/broken")("checkpoint")
        with pytest.raises(UnavailableError):
            from_web(client, "http://127.0.0.1:9")("checkpoint")


def test_a_server_that_sends_without_end_is_cut_off(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "FILE_LIMIT", 100)

    with httpx.Client() as client, pytest.raises(TooLargeError):
        from_web(client, address)("tile/0/000")
