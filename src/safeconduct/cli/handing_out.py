# SPDX-License-Identifier: Apache-2.0
"""Folders of files that a command writes: each appears whole or not at all."""

import shutil
import tempfile
from pathlib import Path

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.formats.handout import Folder


def write_folder(made: Folder, path: Path) -> None:
    """Write the folder so that it is either whole or not there.

    Raises:
        ConflictError: there is something at the path.
        UnavailableError: the disk does not take it.
    """
    if path.exists() or path.is_symlink():
        raise ConflictError("there is something at the path already", hint="name a new folder")
    try:
        place = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            for name, data in made.files.items():
                (place / name).write_bytes(data)
            place.chmod(0o755)
            place.rename(path)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise UnavailableError(f"{path.name} cannot be written", hint="look at the folder and the disk") from error
