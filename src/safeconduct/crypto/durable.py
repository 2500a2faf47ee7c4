# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all, and are on the disk when the call returns.

Write to a temporary file beside the target, fsync it, rename it over the target, fsync the folder. A process that is
killed between two steps leaves the old file or the new one, and at worst a temporary file whose name starts with a dot.
A full disk is one error of ours and changes nothing.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safeconduct.errors import ConflictError, UnavailableError

PRIVATE = 0o600
PUBLIC = 0o644
PRIVATE_FOLDER = 0o700


def write_durably(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write the file, replacing what was there.

    Raises:
        UnavailableError: the disk is full or does not take the file.
    """
    with _explained(path), _temporary(path, data, mode=mode) as temporary:
        temporary.replace(path)
        sync_folder(path.parent)


def create_durably(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Write a file that must not be there yet; of several processes that try at once, one succeeds.

    Raises:
        ConflictError: the file is there already.
        UnavailableError: the disk is full or does not take the file.
    """
    with _explained(path), _temporary(path, data, mode=mode) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError as error:
            raise ConflictError(f"{path.name} is there already", hint="it is never replaced") from error
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _temporary(path: Path, data: bytes, *, mode: int) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown reason"
        raise UnavailableError(f"{path.name} cannot be written: {reason}", hint="free the disk, then retry") from error
