# SPDX-License-Identifier: Apache-2.0
"""The archive of a backup: one tar file of plain files, with `manifest.json` that lists the SHA-256 of each.

Every member is read once, from one open file, so its digest is that of the bytes in the archive also while the service
replaces files. Owner, group and times are not kept. Unpacking trusts nothing: only plain files at their places, each
with the digest it is listed with.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from safeconduct.domain.safe_json import JsonLimits, read_object
from safeconduct.errors import MalformedError

DATABASE = "database"
MANIFEST = "manifest.json"
FOLDERS = ("sealed", "log")
VERSION = 1
READ_AT_ONCE = 1 << 20
LONGEST_MANIFEST = 256 << 20
_LIMITS = JsonLimits(document_bytes=LONGEST_MANIFEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What an archive says it holds: the engine of its database, and the digest of each file."""

    engine: str
    files: Mapping[str, str]


def write_archive(path: Path, members: Iterable[tuple[str, Path]], *, engine: str, now: datetime) -> int:
    """Write the members into a new archive and return how many they were; one that vanished meanwhile is left out."""
    digests: dict[str, str] = {}
    with path.open("xb") as out:
        path.chmod(0o600)
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, member in members:
                _add(archive, name, member, digests)
            manifest = {"at": now.isoformat(), "engine": engine, "v": VERSION, "files": digests}
            content = json.dumps(manifest, indent=1, sort_keys=True).encode()
            archive.addfile(_info(MANIFEST, len(content)), io.BytesIO(content))
        out.flush()
        os.fsync(out.fileno())
    return len(digests)


def members_of(home: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the whole files of a folder, in the order of their names."""
    for path in sorted((home / folder).rglob("*")):
        if path.is_file() and path.suffix != ".part" and not path.name.startswith("."):
            yield path.relative_to(home).as_posix(), path


def unpack(archive: Path, place: Path) -> Listed:
    """Unpack an archive into a folder and return what it lists.

    Raises:
        MalformedError: it is no backup, or holds anything but the files it lists, as they were.
    """
    try:
        with tarfile.open(archive, "r:") as opened:
            members = _members(opened)
            listed = _listed(opened, members.pop(MANIFEST, None))
            if set(listed.files) != set(members) or DATABASE not in members:
                raise MalformedError("the backup holds other files than it lists", hint="use another copy")
            for name, member in members.items():
                _unpack_one(opened, member, place, wanted=listed.files[name])
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise MalformedError("the backup cannot be read", hint="it was cut or changed: use another copy") from error
    return listed


class _Hashing(io.RawIOBase):
    """A stream that remembers the digest of what was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Begin."""
        super().__init__()
        self._stream, self._digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        chunk = self._stream.read(size)
        self._digest.update(chunk)
        return chunk

    @property
    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _add(archive: tarfile.TarFile, name: str, path: Path, digests: dict[str, str]) -> None:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        # The service goes on: a file may be replaced or destroyed after it was listed.
        return
    with stream:
        reader = _Hashing(stream)
        archive.addfile(_info(name, os.fstat(stream.fileno()).st_size), reader)
    digests[name] = reader.hexdigest


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _members(opened: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    for member in opened:
        if member.name in members:
            raise MalformedError("the backup holds a file twice", hint="use another copy")
        members[member.name] = member
    return members


def _listed(opened: tarfile.TarFile, member: tarfile.TarInfo | None) -> Listed:
    if member is None or not member.isreg() or member.size > LONGEST_MANIFEST:
        raise MalformedError("this is not a backup", hint="use the file that `safeconduct backup` wrote")
    manifest = read_object(_stream(opened, member).read(), limits=_LIMITS)
    files = manifest.get("files")
    if manifest.get("v") != VERSION or not isinstance(files, dict):
        raise MalformedError("the backup is of a kind that is not known here", hint="use a newer safeconduct")
    return Listed(engine=str(manifest.get("engine")), files={name: str(digest) for name, digest in files.items()})


def _unpack_one(opened: tarfile.TarFile, member: tarfile.TarInfo, place: Path, *, wanted: str) -> None:
    if not member.isreg() or not _is_at_its_place(member.name):
        raise MalformedError("the backup holds something that is not a plain file", hint="use another copy")
    path, stream = place / member.name, _stream(opened, member)
    is_public = PurePosixPath(member.name).parts[0] == "log"
    path.parent.mkdir(mode=0o755 if is_public else 0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as out:
        path.chmod(0o644 if is_public else 0o600)
        while chunk := stream.read(READ_AT_ONCE):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != wanted:
        raise MalformedError(f"a file of the backup was changed: {member.name}", hint="use another copy")


def _is_at_its_place(name: str) -> bool:
    """Tell whether a member is the database, or lies inside one of the folders and nowhere else."""
    path = PurePosixPath(name)
    is_inside = len(path.parts) > 1 and path.parts[0] in FOLDERS and ".." not in path.parts
    return name == DATABASE or (is_inside and path.as_posix() == name)


def _stream(opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = opened.extractfile(member)
    if stream is None:
        raise MalformedError("the backup holds something that is not a plain file", hint="use another copy")
    return stream
