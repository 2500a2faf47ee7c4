# SPDX-License-Identifier: Apache-2.0
"""Paths into a JSON document: names and indexes only (`$.tool.arguments[0]`), a small part of RFC 9535.

No filter, no wildcard, no slice: a path finds one value or none, in time proportional to its length.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from safeconduct.domain.safe_json import Json, JsonLimits, read_json
from safeconduct.errors import MalformedError, TooLargeError

MAX_DOCUMENT: Final = 4 << 20
_LIMITS: Final = JsonLimits(document_bytes=MAX_DOCUMENT)
_PATH: Final = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]{1,6}\])*")
_PART: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,6})\]")

Find = Callable[[Json], Json]


def prepare_path(text: str) -> Find:
    """Return what finds the value at the path; null where there is none.

    Raises:
        MalformedError: the path cannot be read.
    """
    if not _PATH.fullmatch(text):
        raise MalformedError("a path cannot be read", hint="names and indexes only, such as $.tool.arguments[0]")
    parts = tuple(name or int(index) for name, index in _PART.findall(text))
    return lambda document: _follow(document, parts)


def document_of(text: str) -> Json:
    """Return the text as JSON; null where it is none, or more than may be read.

    A text that says null cannot be told from one that is no JSON: in neither is there a value at any path.
    """
    try:
        return read_json(text.encode(), limits=_LIMITS)
    except (MalformedError, TooLargeError, UnicodeEncodeError):
        return None


def as_text(value: Json) -> str | None:
    """Return a scalar as JSON writes it, a text as it is; nothing for null, lists and objects."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return None


def _follow(document: Json, parts: Sequence[str | int]) -> Json:
    for part in parts:
        if isinstance(part, str) and isinstance(document, dict):
            document = document.get(part)
        elif isinstance(part, int) and isinstance(document, list) and part < len(document):
            document = document[part]
        else:
            return None
    return document
