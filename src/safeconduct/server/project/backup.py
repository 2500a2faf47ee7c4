# SPDX-License-Identifier: Apache-2.0
"""Backup while the service runs, and restore into an empty home.

A backup is one tar file: the public files of the log, `database` (a consistent copy made by the engine itself), the
sealed files, and `manifest.json` with the SHA-256 of each. The order matters while the service runs: the keys remember
a checkpoint, the log's files come after it, the database after them, so none is ahead of the database; sealed files
are only ever added, so all that the database names are there. The keys are never in the archive: they go into a file of
their own, sealed to age recipients, because either one alone must tell nothing.

A restore checks every digest before it writes, refuses a home that has anything, and compares the log with the last
checkpoint that the keys remember: a database older than that may be read, and signs nothing.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from safeconduct.crypto.durable import write_durably
from safeconduct.crypto.keyring_copy import export_ring, restore_ring
from safeconduct.crypto.keys import KeyRing
from safeconduct.crypto.secret import Secret
from safeconduct.domain.safe_json import read_object
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, UnavailableError
from safeconduct.ledger.log import MEMORY_FILE
from safeconduct.server.project.config import Config

SQLITE = "safeconduct.sqlite3"
DATABASE = "database"
MANIFEST = "manifest.json"
FOLDERS = ("sealed", "log")
PART = ".part"
READ_AT_ONCE = 1 << 20
LONGEST_MANIFEST = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a backup wrote."""

    archive: Path
    keys: Path
    files: int
    sha256: str


def make(config: Config, *, folder: Path, recipients: Sequence[str], now: datetime) -> Made:
    """Write a backup of a home, running or not.

    Raises:
        IncompleteError: the keys have no recipient to be sealed to but the one that lies beside them.
        UnavailableError: the disk is full, or the database tool is missing.
    """
    ring = KeyRing.load(config.keys)
    outside = tuple(dict.fromkeys((*ring.further_recipients, *recipients)))
    if not outside:
        raise IncompleteError(
            "the copy of the keys needs a recipient whose identity is kept elsewhere",
            hint="make one with `age-keygen`, and give its public part with --recipient",
        )
    exported = export_ring(ring, recipients=outside)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    archive, keys = folder / f"safeconduct-{stamp}.tar", folder / f"safeconduct-{stamp}.keys.age"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".backup-") as place:
            files = _write_archive(config, Path(place), now=now)
            (Path(place) / "archive").rename(archive)
        write_durably(keys, exported)
    except OSError as error:
        raise UnavailableError("the backup could not be written", hint=str(error.strerror)) from error
    return Made(archive=archive, keys=keys, files=files, sha256=_digest(archive))


def restore(
    config: Config, *, archive: Path, keys: Path, identities: Sequence[Secret], checkpoint: bytes | None = None
) -> int:
    """Write a backup into an empty home, and return how many files it had.

    `checkpoint` is the newest public checkpoint of the log that anyone kept: with it, a backup from before it signs
    nothing.

    Raises:
        ConflictError: the home has a database or keys already.
        MalformedError: the archive is not a backup, or a digest does not hold.
        SealError: none of the identities opens the keys.
    """
    if (config.home / SQLITE).exists() or config.keys.exists():
        raise ConflictError("this home is not empty", hint="restore into an empty home; nothing is overwritten")
    config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.home, prefix=".restore-") as place:
        unpacked = Path(place)
        files = _unpack(archive, unpacked)
        restore_ring(config.keys, keys.read_bytes(), identities=identities)
        if checkpoint is not None:
            write_durably(config.keys / MEMORY_FILE, checkpoint)
        _put_database(config, unpacked / DATABASE)
        for name in FOLDERS:
            if (unpacked / name).exists():
                shutil.move(unpacked / name, config.home / name)
    return files


def _write_archive(config: Config, place: Path, *, now: datetime) -> int:
    copy, listed = place / DATABASE, place / MANIFEST
    digests: dict[str, str] = {}
    with tarfile.open(place / "archive", "w") as archive:
        for name, path in _members(config.home, "log"):
            _add(archive, name, path, digests)
        _copy_database(config, copy)
        _add(archive, DATABASE, copy, digests)
        for name, path in _members(config.home, "sealed"):
            _add(archive, name, path, digests)
        manifest = {"at": now.isoformat(), "engine": _engine(config), "v": 1, "files": digests}
        listed.write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
        archive.add(listed, arcname=MANIFEST)
    return len(digests)


def _add(archive: tarfile.TarFile, name: str, path: Path, digests: dict[str, str]) -> None:
    digests[name] = _digest(path)
    archive.add(path, arcname=name, recursive=False)


def _members(home: Path, folder: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((home / folder).rglob("*")):
        if path.is_file() and path.suffix != PART:
            yield path.relative_to(home).as_posix(), path


def _engine(config: Config) -> str:
    return "sqlite" if config.on_sqlite else "postgresql"


def _copy_database(config: Config, destination: Path) -> None:
    if not config.on_sqlite:
        _run("pg_dump", "--format=custom", f"--file={destination}", config.database)
        return
    source = config.home / SQLITE
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(destination)) as copy,
    ):
        live.backup(copy)
    destination.chmod(0o600)


def _put_database(config: Config, copy: Path) -> None:
    if not config.on_sqlite:
        _run(
            "pg_restore",
            "--no-owner",
            "--exit-on-error",
            "--single-transaction",
            f"--dbname={config.database}",
            str(copy),
        )
        return
    copy.chmod(0o600)
    copy.rename(config.home / SQLITE)


def _run(tool: str, *arguments: str) -> None:
    found = shutil.which(tool)
    if found is None:
        raise UnavailableError(f"{tool} is not installed", hint="install the client tools of PostgreSQL")
    done = subprocess.run([found, *arguments], capture_output=True, check=False)
    if done.returncode:
        # Standard error may hold the address with its password, so it is not repeated.
        raise UnavailableError(f"{tool} failed with exit code {done.returncode}", hint="is the database reachable?")


def _unpack(archive: Path, place: Path) -> int:
    try:
        with tarfile.open(archive, "r:") as opened:
            members = {member.name: member for member in opened}
            listed = members.pop(MANIFEST, None)
            if listed is None or listed.size > LONGEST_MANIFEST:
                raise MalformedError("this is not a backup", hint="use the file that `safeconduct backup` wrote")
            digests = _listed(opened, listed)
            if set(digests) != set(members) or DATABASE not in members:
                raise MalformedError("the backup holds other files than it lists", hint="use another copy")
            for name, member in members.items():
                _unpack_one(opened, member, place, wanted=digests[name])
    except (tarfile.TarError, EOFError) as error:
        raise MalformedError("the backup cannot be read", hint="it was cut or changed: use another copy") from error
    return len(members)


def _listed(opened: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, str]:
    stream = opened.extractfile(member)
    if stream is None:
        raise MalformedError("the backup's list is not a file")
    files = read_object(stream.read()).get("files")
    if not isinstance(files, dict):
        raise MalformedError("the backup's list names no files")
    return {name: str(digest) for name, digest in files.items()}


def _unpack_one(opened: tarfile.TarFile, member: tarfile.TarInfo, place: Path, *, wanted: str) -> None:
    parts = PurePosixPath(member.name).parts
    stream = opened.extractfile(member) if member.isreg() else None
    if stream is None or member.name.startswith("/") or ".." in parts:
        raise MalformedError("the backup holds something that is not a plain file", hint="use another copy")
    path = place / member.name
    path.parent.mkdir(mode=0o755 if parts[0] == "log" else 0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as out:
        while chunk := stream.read(READ_AT_ONCE):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != wanted:
        raise MalformedError(f"a file of the backup was changed: {member.name}", hint="use another copy")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
