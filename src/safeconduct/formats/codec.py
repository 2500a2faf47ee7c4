# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses to plain JSON and back, driven by their type hints and by nothing else.

Written: a field that holds its default is left out, so a record of an older minor version and the same record of a
newer one have the same canonical form; the version fields are always written. Instants are UTC with `Z`.

Read: strictly. An unknown field, a value outside its enumeration, an instant without zone, a number written as text or
an integer beyond 53 bits is refused; text holds no NUL, because PostgreSQL cannot keep one. All problems of a document
are found in one pass and told together, each with its JSON Pointer (RFC 6901) in `facts["problems"]`.

Understood are: dataclasses, string enumerations, str, bool, int, float, datetime, date, `T | None`, `tuple[T, ...]` and
tuples of fixed length. A hint outside this list is a mistake of the program and fails as `TypeError`.
"""

import difflib
import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Final, TypeVar, get_args, get_origin, get_type_hints

from safeconduct.domain.instants import parse_instant, utc
from safeconduct.domain.safe_json import Json, printable, shown
from safeconduct.errors import (
    IncompleteError,
    MalformedError,
    SafeconductError,
    TooLargeError,
    UnknownValueError,
)

TEXT_LIMIT: Final = 100_000
ITEMS_LIMIT: Final = 1_000
WHOLE_LIMIT: Final = 2**53 - 1
PROBLEMS_LIMIT: Final = 50
ALWAYS_WRITTEN: Final = frozenset({"schema_version", "record_version"})

_T = TypeVar("_T")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class ProblemKind(StrEnum):
    """What is wrong with one place of a document."""

    MISSING = "missing"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_VALUE = "unknown_value"
    TOO_LARGE = "too_large"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem: the JSON Pointer of the place, what kind it is, and what it is in words."""

    at: str
    kind: ProblemKind
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the problem as plain data."""
        return {"at": self.at, "kind": self.kind.value, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a dataclass: its name, its resolved hint, and its default if it has one."""

    name: str
    hint: object
    required: bool
    default: object


@cache
def fields_of(kind: type) -> tuple[FieldSpec, ...]:
    """Return the fields of a dataclass in their order."""
    hints = get_type_hints(kind)
    return tuple(
        FieldSpec(name=item.name, hint=hints[item.name], required=item.default is MISSING, default=item.default)
        for item in fields(kind)
    )


@cache
def _by_name(kind: type) -> Mapping[str, FieldSpec]:
    return {spec.name: spec for spec in fields_of(kind)}


def pointer(at: str, step: str | int) -> str:
    """Return the JSON Pointer one step deeper."""
    return f"{at}/{str(step).replace('~', '~0').replace('/', '~1')}"


def encode(value: object) -> Json:
    """Return the value as plain JSON data; defaults are left out.

    Raises:
        MalformedError: an instant names no zone.
    """
    match value:
        case StrEnum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return utc(value).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case tuple():
            return [encode(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return encode_fields(value)
        case _:
            raise TypeError(f"no JSON form for {type(value).__name__}")


def encode_fields(value: object) -> dict[str, Json]:
    """Return a dataclass as a JSON object; defaults are left out."""
    kind: type = type(value)
    return {
        spec.name: encode(item)
        for spec in fields_of(kind)
        if (item := getattr(value, spec.name)) != spec.default or spec.required or spec.name in ALWAYS_WRITTEN
    }


def decode(kind: type[_T], data: Json) -> _T:
    """Return the dataclass that the plain data hold.

    Raises:
        IncompleteError: required fields are absent and nothing else is wrong; `facts["missing"]` names them.
        UnknownValueError: values are outside their enumeration and nothing else is wrong.
        TooLargeError: texts or lists are too long and nothing else is wrong.
        MalformedError: everything else, or several kinds at once.
    """
    reader = _Reader()
    value = reader.read(kind, data, "")
    if reader.count or not isinstance(value, kind):
        raise reader.error()
    return value


class _Bad:
    """Stands for a value that could not be read; the problem is already noted."""


_BAD = _Bad()


class _Reader:
    """Reads one document and gathers its problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.count = 0

    def note(self, at: str, message: str, kind: ProblemKind = ProblemKind.WRONG) -> _Bad:
        self.count += 1
        if self.count <= PROBLEMS_LIMIT:
            self.problems.append(Problem(at=at, kind=kind, message=message))
        return _BAD

    def read(self, hint: object, data: Json, at: str) -> object:
        """Return the value for the hint, or note why there is none."""
        if get_origin(hint) is tuple:
            return self._tuple(get_args(hint), data, at)
        if isinstance(hint, types.UnionType):
            return self._optional(hint, data, at)
        if not isinstance(hint, type):
            raise TypeError(f"no reading for {hint}")
        if is_dataclass(hint):
            return self._object(hint, data, at)
        if issubclass(hint, StrEnum):
            return self._member(hint, data, at)
        return self._scalar(hint, data, at)

    def _optional(self, hint: types.UnionType, data: Json, at: str) -> object:
        (inner,) = (item for item in get_args(hint) if item is not types.NoneType)
        return None if data is None else self.read(inner, data, at)

    def _tuple(self, hints: tuple[object, ...], data: Json, at: str) -> object:
        if not isinstance(data, list):
            return self.note(at, "a list is expected")
        if len(data) > ITEMS_LIMIT:
            return self.note(at, f"more than {ITEMS_LIMIT} entries", ProblemKind.TOO_LARGE)
        kinds = [hints[0]] * len(data) if Ellipsis in hints else list(hints)
        if len(kinds) != len(data):
            return self.note(at, f"a list of {len(kinds)} entries is expected")
        return tuple(
            self.read(kind, item, pointer(at, i)) for i, (kind, item) in enumerate(zip(kinds, data, strict=True))
        )

    def _object(self, kind: type, data: Json, at: str) -> object:
        if not isinstance(data, dict):
            return self.note(at, "an object is expected")
        specs = _by_name(kind)
        for name in data:
            if name not in specs:
                self._unknown(name, specs, at)
        values = {}
        for name, spec in specs.items():
            if name in data:
                values[name] = self.read(spec.hint, data[name], pointer(at, name))
            elif spec.required:
                values[name] = self.note(pointer(at, name), "an answer is required", ProblemKind.MISSING)
        return self._build(kind, values, at)

    def _build(self, kind: type, values: Mapping[str, object], at: str) -> object:
        if any(item is _BAD for item in values.values()):
            return _BAD
        try:
            made: object = kind(**values)
        except SafeconductError as error:
            return self.note(at, error.message)
        return made

    def _unknown(self, name: str, specs: Mapping[str, FieldSpec], at: str) -> None:
        near = difflib.get_close_matches(name[:64], specs, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        place = pointer(at, printable(name[:64]))
        self.note(place, f"the field {shown(name)} is unknown{hint}", ProblemKind.UNKNOWN_FIELD)

    def _member(self, kind: type[StrEnum], data: Json, at: str) -> object:
        if isinstance(data, str) and data in kind._value2member_map_:
            return kind(data)
        return self.note(at, f"one of {', '.join(kind)} is expected", ProblemKind.UNKNOWN_VALUE)

    def _scalar(self, kind: type, data: Json, at: str) -> object:
        if kind is str:
            return self._text(data, at)
        if kind is bool:
            return data if isinstance(data, bool) else self.note(at, "true or false is expected")
        if kind in (int, float):
            return self._number(kind, data, at)
        if kind is datetime:
            return self._instant(data, at)
        if kind is date:
            return self._day(data, at)
        raise TypeError(f"no reading for {kind.__name__}")

    def _text(self, data: Json, at: str) -> object:
        if not isinstance(data, str):
            return self.note(at, "a text is expected")
        if len(data) > TEXT_LIMIT:
            return self.note(at, f"longer than {TEXT_LIMIT} characters", ProblemKind.TOO_LARGE)
        return self.note(at, "a text may not hold the character NUL") if "\0" in data else data

    def _number(self, kind: type, data: Json, at: str) -> object:
        if isinstance(data, bool) or not isinstance(data, int | float) or not isinstance(data, (int, kind)):
            return self.note(at, "a whole number is expected" if kind is int else "a number is expected")
        if not math.isfinite(data) or (kind is int and abs(data) > WHOLE_LIMIT):
            return self.note(at, "the number is out of range")
        return kind(data)

    def _instant(self, data: Json, at: str) -> object:
        if not isinstance(data, str) or not _INSTANT.fullmatch(data):
            return self.note(at, "an instant with zone is expected, like 2026-12-07T09:00:00+01:00")
        try:
            return parse_instant(data)
        except MalformedError as error:
            return self.note(at, error.message)

    def _day(self, data: Json, at: str) -> object:
        if isinstance(data, str) and _DAY.fullmatch(data):
            try:
                return date.fromisoformat(data)
            except ValueError:
                pass  # The 30th of February has the right form and is told like any other text.
        return self.note(at, "a date is expected, like 2026-12-07")

    def error(self) -> SafeconductError:
        """Return the one error that tells all problems."""
        first = self.problems[0]
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        facts = {"problems": [problem.as_dict() for problem in self.problems], "count": self.count}
        match {problem.kind for problem in self.problems}:
            case kinds if kinds == {ProblemKind.MISSING}:
                missing = [problem.at[1:] for problem in self.problems]
                return IncompleteError(
                    f"required answers are missing: {', '.join(missing)}", hint="answer them", missing=missing, **facts
                )
            case kinds if kinds == {ProblemKind.UNKNOWN_VALUE}:
                found: type[SafeconductError] = UnknownValueError
            case kinds if kinds == {ProblemKind.TOO_LARGE}:
                found = TooLargeError
            case _:
                found = MalformedError
        return found(
            f"{first.at or 'the document'}: {first.message}{more}", hint="mend each place that is named", **facts
        )
