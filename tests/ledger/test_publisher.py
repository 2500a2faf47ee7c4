# SPDX-License-Identifier: Apache-2.0
"""Writing the static files."""

from pathlib import Path

import pytest
from tests.ledger.factories import files_in, make_entries, root_over

from safeconduct.errors import UnavailableError
from safeconduct.ledger import publisher as publisher_module
from safeconduct.ledger.publisher import Publisher
from safeconduct.ledger.tiles import ENTRIES, encode_bundle, tiles_at

ENTRY_LIST = make_entries(600)


def test_the_files_are_those_of_the_standard(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    for entry in ENTRY_LIST:
        publisher.add(entry)
    publisher.finish()

    files = files_in(tmp_path)

    expected = {tile.path for level in (ENTRIES, 0, 1, 2) for tile in tiles_at(600, level)}
    assert set(files) == expected
    assert files["tile/entries/002.p/88"] == encode_bundle(ENTRY_LIST[512:])
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in files} == {0o644}
    assert publisher.edge.root() == root_over(ENTRY_LIST)


@pytest.mark.parametrize("step", [1, 16, 255, 256, 257])
def test_many_small_steps_write_what_one_large_step_writes(tmp_path: Path, step: int) -> None:
    slow, fast = Publisher(tmp_path / "slow"), Publisher(tmp_path / "fast")
    for start in range(0, 600, step):
        for entry in ENTRY_LIST[start : start + step]:
            slow.add(entry)
        slow.finish()
    for entry in ENTRY_LIST:
        fast.add(entry)
    fast.finish()
    slow.tidy()

    assert files_in(tmp_path / "fast").items() <= files_in(tmp_path / "slow").items()
    leftover = set(files_in(tmp_path / "slow")) - set(files_in(tmp_path / "fast"))
    # What is left are partial forms of the tiles that are still partial.
    assert {name.partition(".p/")[0] for name in leftover} <= {"tile/entries/002", "tile/0/002", "tile/1/000"}


def test_what_is_public_is_not_written_again(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    for entry in ENTRY_LIST[:300]:
        publisher.skip(entry)
    publisher.add(ENTRY_LIST[300])
    publisher.finish()

    assert set(files_in(tmp_path)) == {"tile/entries/001.p/45", "tile/0/001.p/45", "tile/1/000.p/1"}


def test_a_damaged_file_of_an_unfinished_beat_is_written_again(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.add(ENTRY_LIST[0])
    publisher.finish()
    (tmp_path / "tile/0/000.p/1").write_bytes(b"")

    publisher.finish()

    assert len((tmp_path / "tile/0/000.p/1").read_bytes()) == 32


def test_partial_forms_go_when_the_full_tile_is_public(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    for number, entry in enumerate(ENTRY_LIST[:256], start=1):
        publisher.add(entry)
        if number % 64 == 0:
            publisher.finish()
    before = set(files_in(tmp_path))

    publisher.tidy()

    assert "tile/0/000.p/192" in before
    assert set(files_in(tmp_path)) == {"tile/entries/000", "tile/0/000", "tile/1/000.p/1"}


def test_leftovers_of_a_killed_process_are_swept(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.add(ENTRY_LIST[0])
    publisher.finish()
    (tmp_path / "tile/0/.000.abc.tmp").write_bytes(b"half")

    publisher.sweep()

    assert set(files_in(tmp_path)) == {"tile/entries/000.p/1", "tile/0/000.p/1"}


def test_a_full_disk_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_named: object) -> None:
        raise UnavailableError("no space")

    monkeypatch.setattr(publisher_module, "write_durably", full)
    publisher = Publisher(tmp_path)
    publisher.add(ENTRY_LIST[0])

    with pytest.raises(UnavailableError):
        publisher.finish()
