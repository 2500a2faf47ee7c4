# SPDX-License-Identifier: Apache-2.0
"""Single values out of garak's entries: leniently what describes a run, strictly what is counted."""

from collections.abc import Mapping
from typing import Final, NoReturn, cast

from safeconduct.domain.safe_json import Json, shown
from safeconduct.errors import MalformedError
from safeconduct.formats.evidence.values import table_of, text_of

Entry = Mapping[str, Json]
TRIGGER_LIMIT: Final = 50


def refuse(message: str, *, line: int) -> NoReturn:
    """Refuse the file for one line of it.

    Raises:
        MalformedError: always; `facts["line"]` is the number.
    """
    raise MalformedError(f"line {line}: {message}", hint="give the file as garak wrote it", line=line)


def options_of(value: object, plugin: str) -> Mapping[str, Json]:
    """Return the options of a plugin `module.Class` from garak's nested table; the class's own win."""
    module, _, name = plugin.partition(".")
    outer = value.get(module) if isinstance(value, Mapping) else None
    table = table_of(outer)
    return {**{key: item for key, item in table.items() if not isinstance(item, dict)}, **table_of(table.get(name))}


def scores_of(value: Json, *, line: int) -> list[float | None]:
    """Return the scores of one detector.

    Raises:
        MalformedError: they are no list of numbers and nulls.
    """
    if not isinstance(value, list):
        refuse("the scores of a detector are a list", line=line)
    for score in value:
        if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
            refuse(f"a score is a number or null, not {shown(str(score))}", line=line)
    return cast("list[float | None]", value)


def message_of(value: Json) -> str | None:
    """Return the text of an output, which older versions write as text and newer ones as an object."""
    text = value.get("text") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def triggers_of(value: Json) -> tuple[str, ...]:
    """Return what an attempt was made to provoke: garak notes one text or a list of them."""
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(item for item in items[:TRIGGER_LIMIT] if isinstance(item, str) and item))


def prompt_of(value: Json) -> tuple[tuple[tuple[str, str], ...], str] | None:
    """Return the turns before the last one, and the text of the last, or None where there is no text."""
    turns = value.get("turns") if isinstance(value, dict) else None
    if not isinstance(turns, list):
        text = message_of(value)
        return None if text is None else ((), text)
    said = [(text_of(turn, "role"), message_of(turn.get("content"))) for turn in turns if isinstance(turn, dict)]
    texts = [(role, text) for role, text in said if text is not None]
    if not texts or len(texts) != len(turns) or texts[-1][0] != "user":
        return None
    return tuple(texts[:-1]), texts[-1][1]
