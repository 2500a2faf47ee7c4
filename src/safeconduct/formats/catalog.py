# SPDX-License-Identifier: Apache-2.0
"""Every format by its name, as commands and pages offer them."""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from safeconduct.formats.base import Format
from safeconduct.formats.csaf import CsafFormat
from safeconduct.formats.garak import GarakFormat
from safeconduct.formats.native import NativeFormat
from safeconduct.formats.osv import OsvFormat


class FormatName(StrEnum):
    """The name of a format."""

    NATIVE = "native"
    CSAF = "csaf"
    OSV = "osv"
    GARAK = "garak"


def format_of(name: FormatName, *, now: datetime) -> Format:
    """Return the format of the name; `now` stands in where a file tells no time."""
    match name:
        case FormatName.NATIVE:
            return NativeFormat()
        case FormatName.CSAF:
            return CsafFormat()
        case FormatName.OSV:
            return OsvFormat()
        case FormatName.GARAK:
            return GarakFormat(now=now)
        case _:  # pragma: no cover
            assert_never(name)
