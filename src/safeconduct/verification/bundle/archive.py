# SPDX-License-Identifier: Apache-2.0
"""The files of a bundle as a folder or a ZIP archive from a stranger, read into memory and never unpacked to disk.

A bundle has a fixed set of file names (`contents`), so everything that archives are abused for is refused rather than
repaired: other names (and with them `..`, absolute paths and folders), links, names twice, encryption, members without
end, ratios no text reaches, a directory that does not fit the end record, contents that are not text. Writing is all or
nothing: the bytes are complete beside their destination before the name appears.
"""

import contextlib
import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safeconduct.errors import ConflictError, MalformedError, NotFoundError, TooLargeError, UnavailableError
from safeconduct.verification.bundle.contents import CODE_FOLDER, ONLY_THESE, require_known, require_text

MAX_ARCHIVE: Final = 32 << 20
MAX_FILE: Final = 8 << 20
MAX_TOTAL: Final = 32 << 20
MAX_RATIO: Final = 200
MAX_MEMBERS: Final = 10_000
_END_RECORD: Final = struct.Struct("<4s4H2LH")
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_files(source: Path | bytes) -> dict[str, bytes]:
    """Return the files of a bundle by name, from a folder, a ZIP file or the bytes of one.

    Raises:
        NotFoundError: there is nothing at the path.
        MalformedError: the archive or a name in it is not acceptable.
        TooLargeError: a limit on members, bytes or ratio is passed.
    """
    if isinstance(source, bytes):
        return _read_zip(source)
    try:
        mode = source.lstat().st_mode
        if stat.S_ISDIR(mode):
            return _read_folder(source)
        if not stat.S_ISREG(mode):
            raise MalformedError("a bundle is a folder or a ZIP file", hint="not a link or a device")
        with source.open("rb") as file:
            return _read_zip(file.read(MAX_ARCHIVE + 1))
    except FileNotFoundError as error:
        raise NotFoundError("there is no bundle at this path", hint="look at the path") from error
    except OSError as error:
        raise UnavailableError("the bundle cannot be read", hint=os.strerror(error.errno or 0)) from error


def _read_folder(folder: Path) -> dict[str, bytes]:
    """Return the regular files of a folder, without following a link."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        files = _read_level(handle, prefix="")
    finally:
        os.close(handle)
    return _require_whole(files)


def _read_level(handle: int, *, prefix: str) -> dict[str, bytes]:
    """Return the regular files of an open folder; of the folders in it, only that of the code."""
    files: dict[str, bytes] = {}
    with os.scandir(handle) as entries:
        for entry in entries:
            if not prefix and entry.name == CODE_FOLDER and entry.is_dir(follow_symlinks=False):
                inner = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                try:
                    files |= _read_level(inner, prefix=f"{CODE_FOLDER}/")
                finally:
                    os.close(inner)
                continue
            require_known(prefix + entry.name)
            if not entry.is_file(follow_symlinks=False):
                raise MalformedError("a bundle holds regular files only", hint=ONLY_THESE)
            files[prefix + entry.name] = _read_regular(entry.name, handle)
    return files


def _read_regular(name: str, folder: int) -> bytes:
    """Return the bytes of one file in an open folder."""
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
        data = file.read(MAX_FILE + 1)
    _require_size(len(data))
    return data


def _read_zip(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive after looking at every one of them."""
    _require_plain_end(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not _is_code_folder(member)]
            for member in members:
                _require_plain_member(member)
            if len({member.orig_filename for member in members}) != len(members):
                raise MalformedError("the archive holds a name twice", hint="make it anew from the folder")
            files = {member.filename: _read_member(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError) as error:
        raise MalformedError("the archive is damaged", hint="make it anew from the folder") from error
    return _require_whole(files)


def _is_code_folder(member: zipfile.ZipInfo) -> bool:
    """Say whether the member is the entry that some tools write for the folder of the code."""
    return member.orig_filename == f"{CODE_FOLDER}/" and member.file_size == 0


def _require_plain_end(data: bytes) -> None:
    """Refuse what would make the reader allocate without limit, before the reader sees it.

    The end record must close the file, without comment, and the directory must lie directly before it.
    """
    if len(data) > MAX_ARCHIVE:
        raise TooLargeError("the archive is too large", hint=f"at most {MAX_ARCHIVE} bytes", limit=MAX_ARCHIVE)
    if len(data) < _END_RECORD.size:
        raise MalformedError("this is not a ZIP archive", hint="a bundle is a folder or a ZIP file")
    magic, _, _, _, count, size, offset, _ = _END_RECORD.unpack(data[-_END_RECORD.size :])
    if magic != b"PK\x05\x06":
        raise MalformedError("this is not a plain ZIP archive", hint="no comment and nothing after its end")
    if count > MAX_MEMBERS:
        raise TooLargeError("the archive has too many members", hint=ONLY_THESE, limit=MAX_MEMBERS)
    if size + offset + _END_RECORD.size != len(data) or size > 1 << 20:
        raise MalformedError("the directory of the archive does not fit", hint="make it anew from the folder")


def _require_plain_member(member: zipfile.ZipInfo) -> None:
    """Refuse a member by its name, kind, flags or stated sizes."""
    require_known(member.orig_filename)
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise MalformedError("a bundle holds regular files only", hint=ONLY_THESE)
    if member.flag_bits & _ENCRYPTED:
        raise MalformedError("the archive is encrypted", hint="seal the report instead, the bundle stays plain")
    if member.compress_type not in _METHODS:
        raise MalformedError("the archive uses another compression", hint="store or deflate")
    _require_size(member.file_size)
    if member.file_size > MAX_RATIO * max(member.compress_size, 1) and member.file_size > 1 << 16:
        raise TooLargeError("a member of the archive unpacks to far more than it is", hint=f"ratio over {MAX_RATIO}")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the bytes of one member and never more than the limit."""
    with archive.open(member) as file:
        data = file.read(MAX_FILE + 1)
    _require_size(len(data))
    return data


def _require_size(size: int) -> None:
    """Refuse a file beyond the limit."""
    if size > MAX_FILE:
        raise TooLargeError("a file of the bundle is too large", hint=f"at most {MAX_FILE} bytes", limit=MAX_FILE)


def _require_whole(files: dict[str, bytes]) -> dict[str, bytes]:
    """Refuse a bundle beyond the limit on all its files together, and one that holds other things than text."""
    if sum(map(len, files.values())) > MAX_TOTAL:
        raise TooLargeError("the bundle is too large", hint=f"at most {MAX_TOTAL} bytes", limit=MAX_TOTAL)
    require_text(files)
    return files


def zip_files(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a ZIP archive: the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            member.create_system = 3
            archive.writestr(member, files[name], compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write_files(files: Mapping[str, bytes], destination: Path) -> None:
    """Write a ZIP file if the name ends in `.zip`, a new folder otherwise; nothing half-written is left.

    Raises:
        ConflictError: there is already something at the destination.
        UnavailableError: the disk does not take it.
    """
    if destination.exists() or destination.is_symlink():
        raise ConflictError("there is already something at this path", hint="choose another path")
    try:
        if destination.suffix == ".zip":
            _write_zip(zip_files(files), destination)
        else:
            _write_folder(files, destination)
    except OSError as error:
        raise UnavailableError("the bundle cannot be written", hint=os.strerror(error.errno or 0)) from error


def _write_zip(data: bytes, destination: Path) -> None:
    """Write the archive beside its destination, then give it its name."""
    handle, name = tempfile.mkstemp(dir=destination.parent, prefix=".bundle-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(destination)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _write_folder(files: Mapping[str, bytes], destination: Path) -> None:
    """Write the folder beside its destination, then give it its name."""
    waiting = Path(tempfile.mkdtemp(dir=destination.parent, prefix=".bundle-"))
    try:
        for name, data in files.items():
            (waiting / name).parent.mkdir(mode=0o755, exist_ok=True)
            (waiting / name).write_bytes(data)
        waiting.chmod(0o755)
        waiting.rename(destination)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
