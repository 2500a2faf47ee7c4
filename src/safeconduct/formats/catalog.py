# SPDX-License-Identifier: Apache-2.0
"""Every format by its name, as commands and pages offer them, and what a file seems to be."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never

from safeconduct.formats.base import Format
from safeconduct.formats.csaf import CsafFormat
from safeconduct.formats.evidence.reader import EvidenceFormat, Reader
from safeconduct.formats.garak import GarakFormat
from safeconduct.formats.inspect import read_log
from safeconduct.formats.jsonl import read_rows
from safeconduct.formats.modelscan import read_scan
from safeconduct.formats.native import NativeFormat
from safeconduct.formats.osv import OsvFormat
from safeconduct.formats.picklescan import read_output
from safeconduct.formats.promptfoo import read_results
from safeconduct.formats.pyrit import read_memory


class FormatName(StrEnum):
    """The name of a format."""

    NATIVE = "native"
    CSAF = "csaf"
    OSV = "osv"
    GARAK = "garak"
    INSPECT = "inspect"
    PROMPTFOO = "promptfoo"
    PYRIT = "pyrit"
    MODELSCAN = "modelscan"
    PICKLESCAN = "picklescan"
    JSONL = "jsonl"


READERS: Final[Mapping[FormatName, Reader]] = MappingProxyType(
    {
        FormatName.INSPECT: read_log,
        FormatName.PROMPTFOO: read_results,
        FormatName.PYRIT: read_memory,
        FormatName.MODELSCAN: read_scan,
        FormatName.PICKLESCAN: read_output,
        FormatName.JSONL: read_rows,
    }
)
"""The readers of evidence; garak's has facts of its own and stands apart."""

TITLES: Final[Mapping[FormatName, str]] = MappingProxyType(
    {
        FormatName.NATIVE: "native record",
        FormatName.CSAF: "CSAF 2.0 advisory",
        FormatName.OSV: "OSV record",
        FormatName.GARAK: "garak report or hit log",
        FormatName.INSPECT: "Inspect log",
        FormatName.PROMPTFOO: "promptfoo results",
        FormatName.PYRIT: "PyRIT memory",
        FormatName.MODELSCAN: "modelscan report",
        FormatName.PICKLESCAN: "picklescan output",
        FormatName.JSONL: "rows of evidence",
    }
)


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
        case (
            FormatName.INSPECT
            | FormatName.PROMPTFOO
            | FormatName.PYRIT
            | FormatName.MODELSCAN
            | FormatName.PICKLESCAN
            | FormatName.JSONL
        ):
            return EvidenceFormat(READERS[name], name=name.value, title=TITLES[name], now=now)
        case _:
            assert_never(name)
