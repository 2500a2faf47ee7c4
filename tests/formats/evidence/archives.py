# SPDX-License-Identifier: Apache-2.0
"""ZIP archives for tests, with members of method 93, which Python 3.11 does not write: and with every kind of lie."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import zstandard


def _compressed(data: bytes, method: int) -> bytes:
    if method == 0:
        return data
    if method == 8:
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(data) + packer.flush()
    return zstandard.ZstdCompressor().compress(data)


class Packer:
    """Writes a ZIP member by member; each field of a member can be made to lie."""

    def __init__(self) -> None:
        self.body = io.BytesIO()
        self.entries: list[bytes] = []

    def add(
        self, name: str, data: bytes, *, method: int = 93, raw: bytes | None = None, size: int | None = None,
        crc: int | None = None, flags: int = 0, mode: int = 0o100600, at: int | None = None, local: str | None = None,
    ) -> None:  # fmt: skip
        stored = _compressed(data, method) if raw is None else raw
        told = struct.pack(
            "<HHHHHLLL", 20, flags, method, 0, 0x5800, zlib.crc32(data) if crc is None else crc, len(stored),
            len(data) if size is None else size,
        )  # fmt: skip
        encoded, shown = name.encode(), (local or name).encode()
        offset = self.body.tell() if at is None else at
        if at is None:
            self.body.write(b"PK\x03\x04" + told + struct.pack("<HH", len(shown), 0) + shown + stored)
        self.entries.append(
            b"PK\x01\x02\x14\x03"
            + told
            + struct.pack("<HHHHHLL", len(encoded), 0, 0, 0, 0, mode << 16, offset)
            + encoded
        )

    def close(self, *, count: int | None = None) -> bytes:
        directory = b"".join(self.entries)
        start = self.body.tell()
        number = len(self.entries) if count is None else count
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, number, number, len(directory), start, 0)
        return self.body.getvalue() + directory + end


def packed(members: Mapping[str, bytes], *, method: int = 93) -> bytes:
    packer = Packer()
    for name, data in members.items():
        packer.add(name, data, method=method)
    return packer.close()


def unpacked(data: bytes) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            length, extra = struct.unpack_from("<HH", data, member.header_offset + 26)
            start = member.header_offset + 30 + length + extra
            raw = data[start : start + member.compress_size]
            members[member.filename] = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    return members
