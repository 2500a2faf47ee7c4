# SPDX-License-Identifier: Apache-2.0
"""One JSON object of a stranger, read by name and type.

The bytes have passed `domain.safe_json` before. Every reader names the place in its message, and `done` refuses names
that nobody asked for, so that a misspelled limit is an error and not a default.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from safeconduct.domain.instants import parse_instant
from safeconduct.domain.safe_json import Json
from safeconduct.errors import IncompleteError, MalformedError, TooLargeError, UnknownValueError

_Member = TypeVar("_Member", bound=StrEnum)
_Item = TypeVar("_Item")


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
        try:
            return parse_instant(self.text(name, limit=40))
        except MalformedError as error:
            raise self.wrong(name, "a time with its zone, such as 2026-11-23T12:00:00Z") from error

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
    def _closed(value: Json, read: Callable[["Fields"], _Item], at: str) -> _Item:
        """Read one object and refuse what was not asked for."""
        fields = Fields.of(value, at=at)
        result = read(fields)
        fields.done()
        return result
