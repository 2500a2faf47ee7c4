# SPDX-License-Identifier: Apache-2.0
"""Single values out of another tool's documents: leniently what describes a run, strictly what is counted."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from safeconduct.domain.instants import parse_instant
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError

Table = Mapping[str, Json]
TEXT_SHOWN: Final = 500
NAME_SHOWN: Final = 100


def text_of(table: Table, name: str) -> str:
    """Return a short text in printable characters, or an empty one."""
    return plain(table.get(name))


def plain(value: Json) -> str:
    """Return a text, or a whole number as one, short and in printable characters; anything else is empty."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else " " for char in value[:TEXT_SHOWN]).strip()


def name_of(value: Json) -> str:
    """Return a name that rows go by: as it is where it is short, otherwise its beginning and a digest of all of it."""
    text = value if isinstance(value, str) else plain(value)
    if len(text) <= NAME_SHOWN and plain(text) == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{plain(text)[:NAME_SHOWN]} {digest}"


def digest_of(*parts: str) -> str:
    """Return a name for a text that rows may not show."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def whole_of(table: Table, name: str) -> int | None:
    """Return a whole number, or None where there is none."""
    value = table.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def table_of(value: Json) -> Table:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Json) -> list[Json]:
    """Return a list, or an empty one."""
    return value if isinstance(value, list) else []


def inside(table: Table | None, *path: str) -> Json:
    """Return what stands at the path of names, or None where there is nothing."""
    *way, last = path
    here: Table = table or {}
    for name in way:
        here = table_of(here.get(name))
    return here.get(last)


def instant_of(value: Json) -> datetime | None:
    """Return an instant, or None where there is none; without a zone it is taken as UTC."""
    try:
        found = datetime.fromisoformat(plain(value))
        return parse_instant((found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat())
    except (ValueError, MalformedError):
        return None
