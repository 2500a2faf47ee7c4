# SPDX-License-Identifier: Apache-2.0
"""JSON from strangers: RFC 8259 with what I-JSON (RFC 7493) adds, and limits on size and depth.

Refused with an error of ours: another encoding than UTF-8, a byte-order mark, a name twice in one object, NaN and
infinities, numbers that overflow, lone surrogates, nesting beyond a limit, and bytes beyond a limit. `Fields` then
reads an object by name and type, and complains about names that nobody asked for.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NoReturn, TypeVar

from safeconduct.errors import IncompleteError, MalformedError, TooLargeError, UnknownValueError

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

MAX_BYTES: Final = 8 << 20
MAX_DEPTH: Final = 64

_Member = TypeVar("_Member", bound=StrEnum)
_Item = TypeVar("_Item")


def read_json(data: bytes, *, at: str, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> JsonValue:
    """Return the JSON document; `at` names it in messages.

    Raises:
        MalformedError: not UTF-8, not JSON, a name twice, NaN, a lone surrogate, or too deep.
        TooLargeError: more bytes than allowed.
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"{at} is larger than {max_bytes} bytes", hint="send less", limit=max_bytes)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"{at} is not UTF-8 text", hint="save it as UTF-8", byte=error.start) from error
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise MalformedError(f"{at} is nested too deeply", hint=f"at most {max_depth} levels") from error
    except json.JSONDecodeError as error:
        raise MalformedError(
            f"{at} is not JSON: {error.msg}", hint=f"look at line {error.lineno}, column {error.colno}"
        ) from error
    except ValueError as error:
        raise MalformedError(f"{at} is not acceptable JSON: {error}", hint="see RFC 7493") from error
    _check(value, at=at, max_depth=max_depth)
    return value


def read_json_lines(
    data: bytes, *, at: str, max_bytes: int = MAX_BYTES, max_lines: int = 100_000
) -> Iterable[tuple[str, JsonValue]]:
    """Yield `(place, document)` for every line that is not blank; the place names file and line.

    Raises:
        MalformedError: a line is not acceptable JSON.
        TooLargeError: too many bytes or lines.
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"{at} is larger than {max_bytes} bytes", hint="send less", limit=max_bytes)
    lines = data.split(b"\n")
    if len(lines) > max_lines:
        raise TooLargeError(f"{at} has more than {max_lines} lines", hint="send less", limit=max_lines)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            place = f"{at}, line {number}"
            yield place, read_json(line, at=place, max_bytes=max_bytes)


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Build an object and refuse a name that comes twice, because readers disagree on which one counts."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return result


def _no_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which are not JSON."""
    message = f"{name} is not a number"
    raise ValueError(message)


def _finite(text: str) -> float:
    """Refuse a number that overflows into infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _check(value: JsonValue, *, at: str, max_depth: int) -> None:
    """Refuse nesting beyond the limit and text that is not Unicode, without recursion of our own."""
    waiting: list[tuple[JsonValue, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > max_depth:
            raise MalformedError(f"{at} is nested too deeply", hint=f"at most {max_depth} levels")
        if isinstance(item, str) and not item.isascii() and not _is_unicode(item):
            raise MalformedError(f"{at} holds half a character (a lone surrogate)", hint="remove the \\ud800 escape")
        if isinstance(item, dict):
            waiting.extend((name, depth) for name in item)
            waiting.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list):
            waiting.extend((child, depth + 1) for child in item)


def _is_unicode(text: str) -> bool:
    """Say whether the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(slots=True)
class Fields:
    """One JSON object read by name and type; `done` refuses what was not asked for."""

    at: str
    values: Mapping[str, JsonValue]
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: JsonValue, *, at: str) -> "Fields":
        """Return the reader of an object.

        Raises:
            MalformedError: the value is not an object.
        """
        if not isinstance(value, dict):
            raise MalformedError(f"{at} is not an object", hint="write { … }")
        return cls(at, value)

    def has(self, name: str) -> bool:
        """Say whether the name is there and not null."""
        self.asked.add(name)
        return self.values.get(name) is not None

    def value(self, name: str) -> JsonValue:
        """Return the raw value.

        Raises:
            IncompleteError: the name is absent or null.
        """
        if not self.has(name):
            raise IncompleteError(f"{self.at} lacks “{name}”", hint=f"add “{name}”", missing=[name])
        return self.values[name]

    def text(self, name: str, default: str | None = None, *, limit: int = 100_000) -> str:
        """Return a text of at most `limit` characters."""
        if default is not None and not self.has(name):
            return default
        value = self.value(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        if len(value) > limit:
            raise TooLargeError(f"{self.at}: “{name}” is longer than {limit} characters", limit=limit)
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.value(name) if self.has(name) else default
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def whole(self, name: str, default: int | None = None, *, least: int = 0, most: int = 1 << 53) -> int:
        """Return a whole number within the bounds."""
        value = default if default is not None and not self.has(name) else self.value(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, "a whole number")
        if not least <= value <= most:
            raise self.wrong(name, f"between {least} and {most}")
        return value

    def real(self, name: str, default: float | None = None, *, least: float = 0.0, most: float = 1e12) -> float:
        """Return a number within the bounds."""
        value = default if default is not None and not self.has(name) else self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "a number")
        if not least <= value <= most:
            raise self.wrong(name, f"between {least} and {most}")
        return float(value)

    def choice(self, name: str, kind: type[_Member], default: _Member | None = None) -> _Member:
        """Return a member of the enumeration.

        Raises:
            UnknownValueError: the text is not in the vocabulary.
        """
        if default is not None and not self.has(name):
            return default
        text = self.text(name, limit=200)
        if text not in {member.value for member in kind}:
            raise UnknownValueError(
                f"{self.at}: “{name}” is not in the vocabulary", hint=f"one of {', '.join(sorted(kind))}"
            )
        return kind(text)

    def moment(self, name: str) -> datetime:
        """Return an RFC 3339 time with a zone."""
        text = self.text(name, limit=40)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise self.wrong(name, "a time such as 2026-11-23T12:00:00Z") from error
        if moment.tzinfo is None:
            raise self.wrong(name, "a time with its zone, such as 2026-11-23T12:00:00Z")
        return moment

    def items(self, name: str, *, most: int, default: bool = False) -> list[JsonValue]:
        """Return a list of at most `most` entries; with `default` an absent list is empty."""
        if default and not self.has(name):
            return []
        value = self.value(name)
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        if len(value) > most:
            raise TooLargeError(f"{self.at}: “{name}” has more than {most} entries", limit=most)
        return value

    def each(
        self, name: str, read: Callable[["Fields"], _Item], *, most: int, default: bool = False
    ) -> tuple[_Item, ...]:
        """Return every object of a list, read by the given function and closed with `done`."""
        return tuple(
            self._closed(value, read, f"{self.at}: “{name}” {number}")
            for number, value in enumerate(self.items(name, most=most, default=default), start=1)
        )

    def one(self, name: str, read: Callable[["Fields"], _Item], default: _Item | None = None) -> _Item:
        """Return one object, read by the given function and closed with `done`."""
        if default is not None and not self.has(name):
            return default
        return self._closed(self.value(name), read, f"{self.at}: “{name}”")

    def texts(self, name: str, *, most: int, default: bool = False) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.items(name, most=most, default=default)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            raise self.wrong(name, "a list of texts")
        return texts

    def done(self) -> None:
        """Refuse names that nobody asked for.

        Raises:
            MalformedError: there is an unknown name.
        """
        unknown = sorted(set(self.values) - self.asked)
        if unknown:
            raise MalformedError(f"{self.at} has an unknown name", hint="remove it", unknown=unknown[:10])

    def wrong(self, name: str, wanted: str) -> MalformedError:
        """Return the error for a value of another kind than wanted."""
        return MalformedError(f"{self.at}: “{name}” is not as expected", hint=f"it must be {wanted}")

    @staticmethod
    def _closed(value: JsonValue, read: Callable[["Fields"], _Item], at: str) -> _Item:
        """Read one object and refuse what was not asked for."""
        fields = Fields.of(value, at=at)
        result = read(fields)
        fields.done()
        return result
