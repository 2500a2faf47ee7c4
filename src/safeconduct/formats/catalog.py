# SPDX-License-Identifier: Apache-2.0
"""Every format by its name, as commands and pages offer them."""

from datetime import datetime

from safeconduct.errors import UnknownValueError
from safeconduct.formats.base import Format
from safeconduct.formats.csaf import CsafFormat
from safeconduct.formats.garak import GarakFormat
from safeconduct.formats.native import NativeFormat
from safeconduct.formats.osv import OsvFormat

NAMES = ("csaf", "garak", "native", "osv")


def format_of(name: str, *, now: datetime) -> Format:
    """Return the format of the name; `now` stands in where a file tells no time.

    Raises:
        UnknownValueError: there is no such format.
    """
    match name:
        case "csaf":
            return CsafFormat()
        case "garak":
            return GarakFormat(now=now)
        case "native":
            return NativeFormat()
        case "osv":
            return OsvFormat()
        case _:
            raise UnknownValueError("there is no such format", hint=f"one of {', '.join(NAMES)}")
