# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from safeconduct.crypto.durable import PUBLIC, create_durably, write_durably
from safeconduct.errors import ConflictError, UnavailableError


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"

    write_durably(path, b"old")
    write_durably(path, b"new", mode=PUBLIC)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert names_in(tmp_path) == ["file"]


def test_a_file_is_private_unless_told_otherwise(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", b"x")

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_file_is_created_once(tmp_path: Path) -> None:
    create_durably(tmp_path / "file", b"first")

    with pytest.raises(ConflictError):
        create_durably(tmp_path / "file", b"second")

    assert (tmp_path / "file").read_bytes() == b"first"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("write", [write_durably, create_durably])
def test_a_full_disk_is_one_error_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write) -> None:
    path = tmp_path / "file"
    if write is write_durably:
        path.write_bytes(b"old")
    before = names_in(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="No space left on device"):
        write(path, b"new")

    assert names_in(tmp_path) == before
    assert not before or path.read_bytes() == b"old"


def test_a_missing_folder_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        write_durably(tmp_path / "none" / "file", b"x")


def test_an_error_without_a_number_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_handle: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(UnavailableError, match="unknown reason"):
        write_durably(tmp_path / "file", b"x")
