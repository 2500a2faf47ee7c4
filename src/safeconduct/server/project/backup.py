# SPDX-License-Identifier: Apache-2.0
"""Backup while the service runs, and restore into an empty home.

A backup is one tar file: the public files of the log, `database` (a consistent copy made by the engine itself), the
sealed files, and `manifest.json` with the SHA-256 of each. The order matters while the service runs: the keys remember
a checkpoint, the log's files come after it, the database after them, so none is ahead of the database; the sealed files
come last, so all that the database names are there unless they were destroyed meanwhile. The keys are never in the
archive: they go into a file of their own, sealed to age recipients, because either one alone must tell nothing. The
secrets of targets and the settings file are in neither.

A restore checks every digest and opens the keys before it writes anything, refuses a home that has anything, and
compares the log with the last checkpoint that the keys remember: a database older than that may be read, and signs
nothing.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from safeconduct.crypto.age import checked_recipient
from safeconduct.crypto.durable import sync_folder, write_durably
from safeconduct.crypto.keyring_copy import export_ring, restore_ring
from safeconduct.crypto.keys import KeyRing
from safeconduct.crypto.secret import Secret
from safeconduct.errors import ConflictError, IncompleteError, UnavailableError
from safeconduct.ledger.log import MEMORY_FILE
from safeconduct.server.project.archive import DATABASE, FOLDERS, members_of, unpack, write_archive
from safeconduct.server.project.config import Config
from safeconduct.server.project.dumps import copy_database, engine_of, put_database, require_empty

CHECKPOINT = "log/checkpoint"
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a backup wrote."""

    archive: Path
    keys: Path
    files: int
    sha256: str


def make(config: Config, *, folder: Path, recipients: Sequence[str], now: datetime) -> Made:
    """Write a backup of a home, running or not: both files whole, or neither.

    Raises:
        IncompleteError: the keys have no recipient to be sealed to but the one that lies beside them.
        MalformedError: a recipient is none.
        ConflictError: there is a backup of this second already.
        UnavailableError: the disk is full, or the database tool is missing.
    """
    ring = KeyRing.load(config.keys)
    outside = _outside(ring, recipients)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    archive, keys = folder / f"safeconduct-{stamp}.tar", folder / f"safeconduct-{stamp}.keys.age"
    if archive.exists() or keys.exists():
        raise ConflictError("there is a backup of this second already", hint="wait a moment; none is overwritten")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".backup-") as place:
            files, written = _write_both(config, ring, Path(place), outside=outside, now=now)
            for part, whole in zip(written, (keys, archive), strict=True):
                part.rename(whole)
        sync_folder(folder)
        sha256 = _digest(archive)
    except OSError as error:
        raise _unwritten("the backup could not be written", error) from error
    return Made(archive=archive, keys=keys, files=files, sha256=sha256)


def restore(
    config: Config, *, archive: Path, keys: Path, identities: Sequence[Secret], checkpoint: bytes | None = None
) -> int:
    """Write a backup into an empty home, and return how many files it had.

    `checkpoint` is the newest public checkpoint of the log that anyone kept: with it, a backup from before it signs
    nothing.

    Raises:
        ConflictError: the home or the database has something already, or the backup is of another kind of database.
        MalformedError: the archive is not a backup, or a digest does not hold.
        SealError: none of the identities opens the keys.
        UnavailableError: the disk is full, the database is out of reach, or its tool is missing.
    """
    if any((config.home / name).exists() for name in (*FOLDERS, config.keys.name)):
        raise ConflictError("this home is not empty", hint="restore into an empty home; nothing is overwritten")
    require_empty(config)
    try:
        config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=config.home, prefix=".restore-") as place:
            unpacked, ring = Path(place) / "files", Path(place) / "keys"
            unpacked.mkdir()
            listed = unpack(archive, unpacked)
            if listed.engine != engine_of(config):
                raise ConflictError(
                    f"the backup is of {listed.engine} and this home uses {engine_of(config)}",
                    hint="see the setting database",
                )
            restore_ring(ring, keys.read_bytes(), identities=identities)
            if checkpoint is not None:
                write_durably(ring / MEMORY_FILE, checkpoint)
            _put_in_place(config, unpacked, ring)
    except OSError as error:
        raise _unwritten("the backup could not be restored", error) from error
    return len(listed.files)


def _outside(ring: KeyRing, recipients: Sequence[str]) -> tuple[str, ...]:
    """Return the recipients whose identity does not lie beside the keys."""
    own, *further = ring.recipients
    named = dict.fromkeys((*further, *(checked_recipient(one) for one in recipients)))
    outside = tuple(one for one in named if one != own)
    if not outside:
        raise IncompleteError(
            "the copy of the keys needs a recipient whose identity is kept elsewhere",
            hint="make one with `age-keygen` on another machine, and give its public part with --recipient",
        )
    return outside


def _write_both(
    config: Config, ring: KeyRing, place: Path, *, outside: Sequence[str], now: datetime
) -> tuple[int, tuple[Path, Path]]:
    """Write keys and archive. A key made meanwhile may be needed by the copied database, so then it is done again."""
    for number in range(TRIES):
        keys, archive = place / f"keys-{number}", place / f"archive-{number}"
        epochs = ring.epoch_ids()
        write_durably(keys, export_ring(ring, recipients=outside))
        files = write_archive(archive, _contents(config, place / f"copy-{number}"), engine=engine_of(config), now=now)
        if ring.epoch_ids() == epochs:
            return files, (keys, archive)
        archive.unlink()
    raise UnavailableError("the keys kept changing during the backup", hint="try again")


def _contents(config: Config, copy: Path) -> Iterator[tuple[str, Path]]:
    # The checkpoint is read before the tiles are listed, so that none it covers can be missing.
    yield CHECKPOINT, config.home / CHECKPOINT
    yield from (member for member in members_of(config.home, "log") if member[0] != CHECKPOINT)
    copy_database(config, copy)
    yield DATABASE, copy
    copy.unlink()
    yield from members_of(config.home, "sealed")


def _put_in_place(config: Config, unpacked: Path, ring: Path) -> None:
    """Move everything to its place. What can fail comes first: on PostgreSQL the database, and it is whole or not."""
    if not config.on_sqlite:
        put_database(config, unpacked / DATABASE)
    for name in FOLDERS:
        if (unpacked / name).exists():
            (unpacked / name).rename(config.home / name)
    ring.rename(config.keys)
    if config.on_sqlite:
        put_database(config, unpacked / DATABASE)
    sync_folder(config.home)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unwritten(message: str, error: OSError) -> UnavailableError:
    return UnavailableError(message, hint=error.strerror or type(error).__name__)
