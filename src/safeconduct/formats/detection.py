# SPDX-License-Identifier: Apache-2.0
"""What a file seems to be, from its first bytes and the names at its top; never from its file name.

Only the first value is looked at: a line of JSON Lines, or a whole document where it is one. A guess is told and can be
overruled; where nothing fits, or more than one thing does, there is no guess.
"""

from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from safeconduct.domain.safe_json import Json, JsonLimits, read_json
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.catalog import TITLES, FormatName
from safeconduct.formats.evidence.reader import DOCUMENT_LIMIT, document_of
from safeconduct.formats.evidence.values import inside, table_of
from safeconduct.formats.inspect.archive import LogArchive
from safeconduct.formats.modelscan import HINT as SCAN_HINT
from safeconduct.formats.picklescan import SUMMARY
from safeconduct.formats.pyrit.memory import MAGIC

BUNDLE_FILE: Final = "bundle.json"
_HEAD: Final = 8 << 20
_LIMITS: Final = JsonLimits(document_bytes=DOCUMENT_LIMIT, depth=256)
_RESULT: Final = frozenset({"conversation_id", "objective", "outcome"})

# What the names at the top of the first value tell, in the order in which they are asked.
_SIGNS: Final[Mapping[FormatName, Callable[[Mapping[str, Json]], bool]]] = {
    FormatName.GARAK: lambda top: "entry_type" in top or {"attempt_id", "detector", "probe"} <= top.keys(),
    FormatName.INSPECT: lambda top: {"version", "eval"} <= top.keys(),
    FormatName.PROMPTFOO: lambda top: (
        {"promptIdx", "testIdx", "success"} <= top.keys() or isinstance(inside(top, "results", "results"), list)
    ),
    FormatName.MODELSCAN: lambda top: "modelscan_version" in table_of(top.get("summary")),
    FormatName.PYRIT: lambda top: "attack_results" in top or top.keys() >= _RESULT,
    FormatName.CSAF: lambda top: "csaf_version" in table_of(top.get("document")),
    FormatName.OSV: lambda top: {"id", "modified"} <= top.keys(),
    FormatName.NATIVE: lambda top: "record_version" in top or {"schema_version", "affects"} <= top.keys(),
    FormatName.JSONL: lambda top: bool({"outcome", "hit", "score"} & top.keys()),
}


def detected(stream: BinaryIO) -> FormatName:
    """Return what the stream seems to hold, and go back to its start.

    Raises:
        MalformedError: nothing fits; the hint names every format.
    """
    head = stream.read(_HEAD)
    stream.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return FormatName.INSPECT
    if head.startswith(MAGIC):
        return FormatName.PYRIT
    if SUMMARY.encode() in head and not head.lstrip().startswith((b"{", b"[")):
        return FormatName.PICKLESCAN
    top = _top(head, stream)
    stream.seek(0)
    found = next((name for name, fits in _SIGNS.items() if fits(top)), None)
    if found is None:
        known = ", ".join(f"{name.value} ({title})" for name, title in TITLES.items())
        hint = SCAN_HINT if b"modelscan" in head else f"say --from; known are {known}"
        raise MalformedError("it is not known what the file is", hint=hint)
    return found


def holds_bundle(stream: BinaryIO) -> bool:
    """Say whether the stream is a ZIP file that holds a reproduction bundle, and go back to its start."""
    is_archive = stream.read(4) == b"PK\x03\x04"
    try:
        return is_archive and BUNDLE_FILE in LogArchive(stream).members
    except (MalformedError, TooLargeError):
        return False
    finally:
        stream.seek(0)


def _top(head: bytes, stream: BinaryIO) -> Mapping[str, Json]:
    """Return the names at the top of the first value, or of the first entry of a list; nothing where it is no JSON."""
    line, _, rest = head.partition(b"\n")
    value = _value(line)
    if value is None and rest:
        value = _value(document_of(stream, hint="say --from"))
    if isinstance(value, list):
        value = value[0] if value else None
    return table_of(value)


def _value(data: bytes) -> Json:
    try:
        return read_json(data.rstrip(), limits=_LIMITS, nan_is_null=True)
    except (MalformedError, TooLargeError):
        return None
