# SPDX-License-Identifier: Apache-2.0
"""Files that commands write: each is whole or not there, whatever happens in between."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from safeconduct.errors import UnavailableError


def write_whole(path: Path, data: bytes) -> None:
    """Write the file so that it is either whole or not there.

    Raises:
        UnavailableError: the disk does not take it.
    """
    with whole_file(path) as stream:
        stream.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose bytes become the file when the block ends well, and vanish when it does not.

    Raises:
        UnavailableError: the disk does not take it.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{path.name} cannot be written", hint="look at the folder and the disk") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
