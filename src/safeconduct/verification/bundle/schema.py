# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema (dialect 2020-12) of every file of a bundle, written down by the readers themselves.

There is one source of truth: the functions that read the files. Here they read an outline, which holds no values but
notes what is asked of it: names, kinds, limits, vocabularies and defaults. So a schema can never drift from its reader.
The files under `schemas` are this output, held equal by a test; `benign.schema.json` is of one line.

What a schema cannot say, the reader refuses all the same: a time that does not exist, a name that is not in Unicode's
composed form, a phrase that repeats its slot, nesting beyond its bounds, a number such as 1.0 where a whole one is due,
and everything that is wrong with the bytes (encoding, repeated keys, depth). Whether a bundle makes sense is the
question of `bundle.checks`.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from safeconduct.domain.safe_json import Json
from safeconduct.verification.bundle import reading, scripts
from safeconduct.verification.fields import INSTANT, MAX_TEXT, Fields, Form

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = Path(__file__).with_name("schemas")
READERS: Final[Mapping[str, Callable[[Fields], object]]] = {
    "bundle.json": reading.read_about,
    "target.json": reading.read_target,
    "attack.json": scripts.read_attack,
    "oracle.json": reading.read_oracle,
    "benign.jsonl": reading.read_control,
    "criterion.json": reading.read_criterion,
    "limits.json": reading.read_limits,
    "env.json": reading.read_environment,
}
_SAMPLE: Final = "a/b/c {{text}}"
_Member = TypeVar("_Member", bound=StrEnum)
_Item = TypeVar("_Item")


def schema_file(name: str) -> str:
    """Return the name of the schema of a bundle's file."""
    return f"{name.partition('.')[0]}.schema.json"


def bundle_schema(name: str) -> dict[str, Json]:
    """Return the schema of one file of a bundle."""
    known: dict[str, _Definition] = {}
    outline = _Outline(at=name, values={}, known=known)
    result = READERS[name](outline)
    return {
        "$schema": DIALECT,
        "$id": f"urn:safeconduct:schema:bundle-1:{name.partition('.')[0]}",
        "title": f"one line of {name}" if name.endswith(".jsonl") else name,
        "description": _told(type(result)),
        **outline.body(),
        "$defs": {one: known[one].body for one in sorted(known)},
    }


def schema_text(name: str) -> str:
    """Return the schema of one file of a bundle, as it is published."""
    return json.dumps(bundle_schema(name), indent=2, ensure_ascii=True) + "\n"


@dataclass(slots=True)
class _Definition:
    """What a named part of a schema is, and what its reader returned."""

    body: dict[str, Json] = field(default_factory=dict)
    result: object = None


@dataclass(slots=True)
class _Outline(Fields):
    """An object without values, which notes what its reader asks for; every answer is a sample."""

    known: dict[str, _Definition] = field(default_factory=dict)
    properties: dict[str, Json] = field(default_factory=dict)
    required: list[Json] = field(default_factory=list)
    optional: set[str] = field(default_factory=set)
    kinds: list[Json] = field(default_factory=list)

    def body(self) -> dict[str, Json]:
        """Return what was asked for, as a schema."""
        if self.kinds:
            return {"oneOf": self.kinds}
        return {
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": False,
        }

    def has(self, name: str) -> bool:
        """Note that the name may be absent."""
        self.optional.add(name)
        return True

    def _note(self, name: str, schema: dict[str, Json], *, default: Json = None, needed: bool) -> None:
        """Note one name; a null stands for an absent value."""
        if needed and name not in self.optional:
            self.properties[name] = schema
            self.required.append(name)
            return
        told: dict[str, Json] = {"anyOf": [schema, {"type": "null"}]}
        self.properties[name] = told if default is None else {**told, "default": default}

    def text(self, name: str, default: str | None = None, *, limit: int = MAX_TEXT, form: Form | None = None) -> str:
        """Note a text."""
        self._note(name, _text(limit, form), default=default, needed=default is None)
        return _SAMPLE if default is None else default

    def constant(self, name: str, wanted: str) -> str:
        """Note the one text."""
        self._note(name, {"const": wanted}, needed=True)
        return wanted

    def tagged(self, name: str, readers: Mapping[str, Callable[[Fields], _Item]]) -> _Item:
        """Note what each kind asks for."""
        results = []
        for kind, read in readers.items():
            branch = _Outline(at=self.at, values={}, known=self.known)
            branch.constant(name, kind)
            results.append(read(branch))
            self.kinds.append({"title": kind, **branch.body()})
        return results[0]

    def table(self, name: str, *, most: int, limit: int = MAX_TEXT, least: int = 0) -> dict[str, str]:
        """Note a table of texts."""
        schema: dict[str, Json] = {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": limit},
            "additionalProperties": _text(limit, None),
            "minProperties": least,
            "maxProperties": most,
        }
        self._note(name, schema, needed=bool(least))
        return {_SAMPLE: _SAMPLE}

    def flag(self, name: str, *, default: bool) -> bool:
        """Note true or false."""
        self._note(name, {"type": "boolean"}, default=default, needed=False)
        return default

    def whole(self, name: str, default: int | None = None, *, least: int = 0, most: int = 1 << 53) -> int:
        """Note a whole number."""
        schema: dict[str, Json] = {"type": "integer", "minimum": least, "maximum": most}
        self._note(name, schema, default=default, needed=default is None)
        return least if default is None else default

    def real(self, name: str, default: float | None = None, *, least: float = 0.0, most: float = 1e12) -> float:
        """Note a number."""
        schema: dict[str, Json] = {"type": "number", "minimum": least, "maximum": most}
        self._note(name, schema, default=default, needed=default is None)
        return least if default is None else default

    def choice(self, name: str, kind: type[_Member], default: _Member | None = None) -> _Member:
        """Note a vocabulary."""
        members: list[Json] = [member.value for member in kind]
        told = None if default is None else default.value
        self._note(name, {"enum": members}, default=told, needed=default is None)
        return next(iter(kind)) if default is None else default

    def moment(self, name: str) -> datetime:
        """Note an instant."""
        self._note(name, _text(40, INSTANT), needed=True)
        return datetime.min.replace(tzinfo=UTC)

    def each(
        self, name: str, read: Callable[[Fields], _Item], *, most: int, default: bool = False, least: int = 0
    ) -> tuple[_Item, ...]:
        """Note a list of objects; the objects are described once, also where they hold their own kind."""
        schema: dict[str, Json] = {"type": "array", "items": self._part(read)[0], "minItems": least, "maxItems": most}
        self._note(name, schema, needed=not default)
        return ()

    def one(self, name: str, read: Callable[[Fields], _Item], default: _Item | None = None) -> _Item:
        """Note an object."""
        schema, sample = self._part(read)
        self._note(name, schema, needed=default is None)
        result: _Item = sample
        return result

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
        """Note a list of texts."""
        schema: dict[str, Json] = {"type": "array", "items": _text(limit, form), "minItems": least, "maxItems": most}
        self._note(name, schema, needed=not default)
        return ()

    def _part(self, read: Callable[[Fields], _Item]) -> tuple[dict[str, Json], Any]:
        """Return the schema of what the function reads, by reference if the function has a name, and a sample."""
        called = getattr(read, "__name__", "").removeprefix("_").removeprefix("read_")
        if not called:
            inline = _Outline(at=self.at, values={}, known=self.known)
            result = read(inline)
            return inline.body(), result
        if called not in self.known:
            known = self.known[called] = _Definition()
            outline = _Outline(at=called, values={}, known=self.known)
            known.result = read(outline)
            about = _told(get_type_hints(read).get("return"))
            known.body = {"description": about, **outline.body()} if about else outline.body()
        return {"$ref": f"#/$defs/{called}"}, self.known[called].result


def _text(limit: int, form: Form | None) -> dict[str, Json]:
    """Return the schema of a text."""
    schema: dict[str, Json] = {"type": "string", "maxLength": limit}
    return schema if form is None else {**schema, "pattern": form.pattern, "description": form.wanted}


def _told(kind: object) -> str:
    """Return the first paragraph of a record's docstring."""
    if not is_dataclass(kind):
        return ""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
