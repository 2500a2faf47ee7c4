# SPDX-License-Identifier: Apache-2.0
"""The ZIP of an Inspect log from a stranger: members compressed with Zstandard (method 93), read one at a time.

Python 3.11's `zipfile` lists such members and refuses to read them, so the directory is read with it and the bytes are
taken raw: stored, deflated or Zstandard. Nothing is unpacked to disk. Refused are encryption, links, names twice, names
that climb, members that overlap (one stream told a thousand times), sizes and checksums that do not hold, and output
without end: a member and the whole log have limits, and decompression stops at them.
"""

import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final, NoReturn

import zstandard

from safeconduct.domain.safe_json import shown
from safeconduct.errors import MalformedError, TooLargeError

ZSTANDARD: Final = 93
MEMBER_LIMIT: Final = 64 << 20
TOTAL_LIMIT: Final = 4 << 30
DIRECTORY_LIMIT: Final = 64 << 20
WINDOW_LIMIT: Final = 64 << 20
"""The largest window of a Zstandard frame: what a decompressor must hold in memory."""
_ENCRYPTED: Final = 0x1
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_TAIL: Final = 66_000
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """The most bytes of one member and of all."""

    member: int = MEMBER_LIMIT
    total: int = TOTAL_LIMIT


class LogArchive:
    """The members of a log, by name."""

    def __init__(self, stream: BinaryIO, *, limits: ArchiveLimits | None = None) -> None:
        """Read the directory and look at every member.

        Raises:
            MalformedError: it is no ZIP file, or a member is not acceptable.
            TooLargeError: the directory or the members pass a limit.
        """
        self._stream = stream
        self._limits = limits or ArchiveLimits()
        self._read = 0
        _require_directory(stream)
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, struct.error) as error:
            raise MalformedError("the file is no ZIP archive that can be read", hint=_HINT) from error
        for member in members:
            self._look_at(member)
        _require_apart(members)
        self.members = {member.filename: member for member in members}
        if len(self.members) != len(members):
            _refuse("the archive holds a name twice")

    def read(self, name: str) -> bytes:
        """Return the bytes of one member.

        Raises:
            MalformedError: there is no such member, or its bytes do not hold what the directory says.
            TooLargeError: all members together pass the limit.
        """
        member = self.members.get(name)
        if member is None:
            _refuse(f"the log has no {shown(name)}: it was not finished, or is no Inspect log")
        data = _decompressed(self._raw(member), member)
        if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
            _refuse(f"the member {shown(name)} is damaged: size or checksum differ")
        self._read += len(data)
        if self._read > self._limits.total:
            raise TooLargeError(f"the log has more than {self._limits.total} bytes", hint="split the run")
        return data

    def _look_at(self, member: zipfile.ZipInfo) -> None:
        """Refuse a member that no log holds."""
        name = member.filename
        if member.orig_filename != name or not name.isprintable() or "\\" in name or name.startswith("/"):
            _refuse(f"the member {shown(member.orig_filename)} has a name that no log holds")
        if ".." in name.split("/") or stat.S_ISLNK(member.external_attr >> 16):
            _refuse(f"the member {shown(name)} climbs or is a link")
        if member.flag_bits & _ENCRYPTED:
            _refuse(f"the member {shown(name)} is encrypted")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, ZSTANDARD}:
            _refuse(f"the member {shown(name)} is compressed with method {member.compress_type}")
        if member.file_size > self._limits.member:
            raise TooLargeError(
                f"the member {shown(name)} has more than {self._limits.member} bytes",
                hint="log fewer events, or split the run",
                limit=self._limits.member,
            )

    def _raw(self, member: zipfile.ZipInfo) -> bytes:
        """Return the compressed bytes, which begin behind the local header."""
        self._stream.seek(member.header_offset)
        head = self._stream.read(_LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
            _refuse(f"the member {shown(member.filename)} is not where the directory says")
        *_, name_length, extra_length = _LOCAL.unpack(head)
        name = self._stream.read(name_length)
        if name.decode("utf-8", "replace") != member.filename:
            _refuse(f"the member {shown(member.filename)} has another name in its place")
        self._stream.seek(extra_length, 1)
        data = self._stream.read(member.compress_size)
        if len(data) != member.compress_size:
            _refuse(f"the member {shown(member.filename)} is cut")
        return data


_HINT: Final = "give the log as Inspect wrote it, or ask Inspect for --log-format json"


def _refuse(message: str) -> NoReturn:
    raise MalformedError(message, hint=_HINT)


def _require_directory(stream: BinaryIO) -> None:
    """Refuse a directory that is too large to be held, before it is read."""
    size = stream.seek(0, 2)
    start = max(0, size - _TAIL)
    stream.seek(start)
    tail = stream.read(_TAIL)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        _refuse("the file is no ZIP archive, or its end is missing")
    directory = _END.unpack_from(tail, at)[5]
    locator = at - _LOCATOR.size
    if locator >= 0 and tail[locator:at].startswith(b"PK\x06\x07"):
        stream.seek(min(_LOCATOR.unpack_from(tail, locator)[2], size))
        record = stream.read(_END_64.size)
        if len(record) < _END_64.size or not record.startswith(b"PK\x06\x06"):
            _refuse("the end of the archive does not hold together")
        directory = _END_64.unpack(record)[8]
    if directory > DIRECTORY_LIMIT:
        raise TooLargeError("the archive has too many members", hint="split the run", limit=DIRECTORY_LIMIT)


def _require_apart(members: list[zipfile.ZipInfo]) -> None:
    """Refuse members that share bytes."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    for before, after in pairwise(ordered):
        if before.header_offset + _LOCAL.size + before.compress_size > after.header_offset:
            _refuse("members of the archive overlap")


def _decompressed(raw: bytes, member: zipfile.ZipInfo) -> bytes:
    """Return what the member holds, and at most one byte more than the directory promises."""
    most = member.file_size + 1
    try:
        match member.compress_type:
            case zipfile.ZIP_STORED:
                return raw
            case zipfile.ZIP_DEFLATED:
                return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, most)
            case _:
                return _unpacked(raw, most)
    except (zlib.error, zstandard.ZstdError, MemoryError) as error:
        raise MalformedError(f"the member {shown(member.filename)} cannot be decompressed", hint=_HINT) from error


def _unpacked(raw: bytes, most: int) -> bytes:
    """Return at most so many bytes of Zstandard frames, of which a member may have several."""
    made = bytearray()
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT)
    with unpacker.stream_reader(raw, read_across_frames=True, closefd=False) as reader:
        while len(made) < most and (block := reader.read(min(_BLOCK, most - len(made)))):
            made += block
    return bytes(made)
