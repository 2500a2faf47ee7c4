# SPDX-License-Identifier: Apache-2.0
"""One JSON object of a stranger, read by name and type.

The bytes have passed `domain.safe_json` before. Every reader names the place in its message, and `done` refuses names
that nobody asked for, so that a misspelled limit is an error and not a default.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from safeconduct.domain.instants import parse_instant
from safeconduct.domain.safe_json import Json
from safeconduct.errors import IncompleteError, MalformedError, TooLargeError, UnknownValueError

_Member = TypeVar("_Member", bound=StrEnum)
_Item = TypeVar("_Item")
MAX_TEXT: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of a text: an expression that Python and JSON Schema read alike, and what it wants in words."""

    pattern: str
    wanted: str


# No control characters, and none that turn the direction of writing: a name is shown to people who decide by it.
NAME: Final = Form(
    pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+$",
    wanted="a name on one line without control characters",
)
INSTANT: Final = Form(
    pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$",
    wanted="a time with its zone, such as 2026-11-23T12:00:00Z",
)


@dataclass(slots=True)
class Fields:
    """One JSON object read by name and type; `done` refuses what was not asked for."""

    at: str
    values: Mapping[str, Json]
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: Json, *, at: str) -> "Fields":
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

    def value(self, name: str) -> Json:
        """Return the raw value.

        Raises:
            IncompleteError: the name is absent or null.
        """
        if not self.has(name):
            raise IncompleteError(f"{self.at} lacks “{name}”", hint=f"add “{name}”", missing=[name])
        return self.values[name]

    def text(self, name: str, default: str | None = None, *, limit: int = MAX_TEXT, form: Form | None = None) -> str:
        """Return a text of at most `limit` characters, in the given form."""
        if default is not None and not self.has(name):
            return default
        return self._text(name, self.value(name), limit, form)

    def name(self, name: str, *, limit: int = 200) -> str:
        """Return a name by which people and files tell things apart: one line, composed as Unicode composes (NFC)."""
        text = self.text(name, limit=limit, form=NAME)
        if not unicodedata.is_normalized("NFC", text):
            raise self.wrong(name, "in the composed form of Unicode (NFC)")
        return text

    def constant(self, name: str, wanted: str) -> str:
        """Return the one text that may stand here.

        Raises:
            UnknownValueError: it is another one.
        """
        if self.text(name, limit=200) != wanted:
            raise UnknownValueError(f"{self.at}: “{name}” is not what this tool reads", hint=f"it reads {wanted}")
        return wanted

    def tagged(self, name: str, readers: Mapping[str, Callable[["Fields"], _Item]]) -> _Item:
        """Return the object as the reader of its kind reads it, where the text under `name` tells the kind.

        Raises:
            UnknownValueError: no kind is called so.
        """
        kind = self.text(name, limit=50)
        if kind not in readers:
            raise UnknownValueError(
                f"{self.at}: “{name}” is not in the vocabulary", hint=f"one of {', '.join(sorted(readers))}"
            )
        return readers[kind](self)

    def table(self, name: str, *, most: int, limit: int = MAX_TEXT, least: int = 0) -> dict[str, str]:
        """Return a table from texts to texts; with `least` 0 an absent one is empty."""
        if not least and not self.has(name):
            return {}
        table = Fields.of(self.value(name), at=f"{self.at}: “{name}”")
        if len(table.values) > most:
            raise TooLargeError(f"{self.at}: “{name}” has more than {most} entries", limit=most)
        if len(table.values) < least or any(not 0 < len(key) <= limit for key in table.values):
            raise self.wrong(name, f"a table with at least {least} entries and names of 1 to {limit} characters")
        return {key: table.text(key, limit=limit) for key in table.values}

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
        text = self.text(name, limit=40, form=INSTANT)
        try:
            return parse_instant(text)
        except MalformedError as error:
            raise self.wrong(name, INSTANT.wanted) from error

    def items(self, name: str, *, most: int, default: bool = False) -> list[Json]:
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
        self, name: str, read: Callable[["Fields"], _Item], *, most: int, default: bool = False, least: int = 0
    ) -> tuple[_Item, ...]:
        """Return every object of a list, read by the given function and closed with `done`."""
        values = self.items(name, most=most, default=default)
        if len(values) < least:
            raise self.wrong(name, f"a list of at least {least} entries")
        return tuple(
            self._closed(value, read, f"{self.at}: “{name}” {number}") for number, value in enumerate(values, start=1)
        )

    def one(self, name: str, read: Callable[["Fields"], _Item], default: _Item | None = None) -> _Item:
        """Return one object, read by the given function and closed with `done`."""
        if default is not None and not self.has(name):
            return default
        return self._closed(self.value(name), read, f"{self.at}: “{name}”")

    def texts(
        self,
        name: str,
        *,
        most: int,
        default: bool = False,
        limit: int = MAX_TEXT,
        least: int = 0,
        form: Form | None = None,
    ) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.items(name, most=most, default=default)
        if len(values) < least:
            raise self.wrong(name, f"a list of at least {least} texts")
        return tuple(self._text(name, value, limit, form) for value in values)

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

    def _text(self, name: str, value: Json, limit: int, form: Form | None) -> str:
        """Return the value as a text within its limit and in its form."""
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        if len(value) > limit:
            raise TooLargeError(f"{self.at}: “{name}” is longer than {limit} characters", limit=limit)
        if form is not None and not re.fullmatch(form.pattern, value):
            raise self.wrong(name, form.wanted)
        return value

    @staticmethod
    def _closed(value: Json, read: Callable[["Fields"], _Item], at: str) -> _Item:
        """Read one object and refuse what was not asked for."""
        fields = Fields.of(value, at=at)
        result = read(fields)
        fields.done()
        return result
