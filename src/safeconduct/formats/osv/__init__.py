# SPDX-License-Identifier: Apache-2.0
"""OSV, the Open Source Vulnerability format, version 1.7.5: advisories that package scanners read."""

from safeconduct.formats.base import Reading, Record, Remark, Writing
from safeconduct.formats.osv.checking import check
from safeconduct.formats.osv.reading import read
from safeconduct.formats.osv.writing import NAME, osv_id, write

__all__ = ["OsvFormat", "check", "osv_id", "read", "write"]


class OsvFormat:
    """The OSV format; it carries every advisory without loss through its extension point."""

    name = NAME
    title = "OSV 1.7.5"

    def read(self, data: bytes) -> Reading:
        """Return the advisory; see `Format.read`."""
        return read(data)

    def write(self, record: Record) -> Writing:
        """Return the document; see `Format.write`."""
        return write(record)

    def check(self, data: bytes) -> tuple[Remark, ...]:
        """Return what is wrong or doubtful; see `Format.check`."""
        return check(data)
