# SPDX-License-Identifier: Apache-2.0
"""Sealed files in the home folder: a file is written as ciphertext only, and is there whole or not at all.

A file grows under a name that ends in `.part`; it is flushed to the disk and renamed when it is whole. Names are random
and say nothing, and the time of a whole file is set to the full hour. What a crash leaves behind is either a `.part` or
a whole file that no row names; `abandoned` finds both after a day.
"""

import errno
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from safeconduct.crypto.sealing import DataKey, Place
from safeconduct.errors import NotFoundError, TooLargeError, UnavailableError
from safeconduct.server.audit import vault

FOLDER = "sealed"
PART = ".part"
TABLE = "intake_attachment"
NAME_BYTES = 20
HOUR = 3600
ABANDONED = timedelta(days=1)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A whole sealed file: its random name, and what is to be known of the plaintext (for the sealed manifest)."""

    blob: str
    name: str
    media_type: str
    size: int
    sha256: str
    sealed_bytes: int
    is_bundle: bool = False


def place_of(blob: str) -> Place:
    """Return the place to which a file's seal is bound."""
    return Place(table=TABLE, column="blob", row=blob)


class SealedFile:
    """A file that is being received. `write` takes plaintext; only ciphertext leaves the process."""

    def __init__(self, *, key: DataKey, name: str, media_type: str, limit: int, is_bundle: bool = False) -> None:
        """Begin a file.

        Raises:
            UnavailableError: the disk does not take it.
        """
        self.blob = secrets.token_hex(NAME_BYTES)
        self._name, self._media_type, self._limit, self._is_bundle = name, media_type, limit, is_bundle
        self._whole = path_of(self.blob)
        self._part = self._whole.with_name(self._whole.name + PART)
        try:
            self._part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._stream: BinaryIO = os.fdopen(handle, "wb", buffering=0)
            self._writer = vault.writer(self._stream, key=key, place=place_of(self.blob))
        except OSError as error:
            raise _refused(error) from error

    def write(self, chunk: bytes) -> None:
        """Seal the next bytes.

        Raises:
            TooLargeError: the file passes its limit.
            UnavailableError: the disk is full.
        """
        if self._writer.size + len(chunk) > self._limit:
            raise TooLargeError(
                f"a file may have {self._limit // (1024 * 1024)} MiB at most",
                hint="split it, or send the part that shows the flaw",
                limit=self._limit,
            )
        try:
            self._writer.write(chunk)
        except OSError as error:
            raise _refused(error) from error

    def finish(self) -> StoredFile:
        """Make the file whole and durable.

        Raises:
            UnavailableError: the disk is full.
        """
        try:
            self._writer.close()
            os.fsync(self._stream.fileno())
            sealed_bytes = os.fstat(self._stream.fileno()).st_size
            self._stream.close()
            _round_time(self._part)
            self._part.rename(self._whole)
            _flush_folder(self._whole.parent)
        except OSError as error:
            raise _refused(error) from error
        return StoredFile(
            blob=self.blob,
            name=self._name,
            media_type=self._media_type,
            size=self._writer.size,
            sha256=self._writer.sha256,
            sealed_bytes=sealed_bytes,
            is_bundle=self._is_bundle,
        )

    def discard(self) -> None:
        """Forget what was received so far."""
        self._stream.close()
        self._part.unlink(missing_ok=True)


def path_of(blob: str) -> Path:
    """Return where a sealed file is."""
    home: Path = settings.SAFECONDUCT.home
    return home / FOLDER / blob[:2] / blob


def open_blob(blob: str) -> BinaryIO:
    """Open a sealed file for reading ciphertext.

    Raises:
        NotFoundError: the file is not there.
    """
    try:
        return path_of(blob).open("rb")
    except FileNotFoundError as error:
        raise NotFoundError("the attachment is not there any more", hint="restore it from a backup") from error


def remove(blob: str) -> None:
    """Remove a sealed file; a missing one is no error."""
    path_of(blob).unlink(missing_ok=True)


def abandoned(*, named: frozenset[str], now: datetime) -> list[Path]:
    """Return the files that a crash left: parts, and whole files that no row names, older than a day."""
    home: Path = settings.SAFECONDUCT.home
    oldest = (now - ABANDONED).timestamp()
    return [
        path
        for path in sorted((home / FOLDER).glob("*/*"))
        if (path.suffix == PART or path.name not in named) and path.stat().st_mtime < oldest
    ]


def _round_time(path: Path) -> None:
    hour = int(path.stat().st_mtime) // HOUR * HOUR
    os.utime(path, (hour, hour))


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(error: OSError) -> UnavailableError:
    why = "the disk is full" if error.errno in FULL else "the disk does not take the file"
    return UnavailableError(f"nothing was saved: {why}", hint="try again later; keep your copy")
