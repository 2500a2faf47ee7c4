# SPDX-License-Identifier: Apache-2.0
"""CSAF 2.0 (OASIS Standard, 18 November 2022): advisories of the profile Security Advisory."""

from safeconduct.formats.base import Reading, Record, Remark, Writing
from safeconduct.formats.csaf.checking import check
from safeconduct.formats.csaf.reading import read
from safeconduct.formats.csaf.words import NAME
from safeconduct.formats.csaf.writing import file_name, write

__all__ = ["CsafFormat", "check", "file_name", "read", "write"]


class CsafFormat:
    """The CSAF 2.0 format; what has no field stands in notes and is lost to machines."""

    name = NAME
    title = "CSAF 2.0"

    def read(self, data: bytes) -> Reading:
        """Return the advisory; see `Format.read`."""
        return read(data)

    def write(self, record: Record) -> Writing:
        """Return the document; see `Format.write`."""
        return write(record)

    def check(self, data: bytes) -> tuple[Remark, ...]:
        """Return what is wrong; see `Format.check`."""
        return check(data)
