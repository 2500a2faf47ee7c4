# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema (draft 2020-12) of a dataclass, derived from the same type hints as the codec.

The schema says what `codec.decode` accepts, as far as a schema can: it does not know that two instants must stand in
order. The files under `data/` are its output, held equal by a test.
"""

import inspect
import types
from dataclasses import is_dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, get_args, get_origin

from safeconduct.domain.safe_json import Json
from safeconduct.formats.codec import ITEMS_LIMIT, TEXT_LIMIT, WHOLE_LIMIT, FieldSpec, encode, fields_of

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_SCALARS: Final[dict[type, dict[str, Json]]] = {
    str: {"type": "string", "maxLength": TEXT_LIMIT},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -WHOLE_LIMIT, "maximum": WHOLE_LIMIT},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time", "pattern": "(Z|[+-][0-9]{2}:[0-9]{2})$"},
    date: {"type": "string", "format": "date"},
}


def json_schema(kind: type, *, title: str, version: str) -> dict[str, Json]:
    """Return the schema of the dataclass; `version` is that of the record, by semantic versioning."""
    definitions: dict[str, Json] = {}
    body = _object(kind, definitions)
    return {
        "$schema": DIALECT,
        "$id": f"urn:safeconduct:schema:{title.lower().replace(' ', '-')}:{version}",
        "title": title,
        **body,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _object(kind: type, definitions: dict[str, Json]) -> dict[str, Json]:
    specs = fields_of(kind)
    return {
        "description": _first_paragraph(kind),
        "type": "object",
        "properties": {spec.name: _property(spec, definitions) for spec in specs},
        "required": [spec.name for spec in specs if spec.required],
        "additionalProperties": False,
    }


def _property(spec: FieldSpec, definitions: dict[str, Json]) -> dict[str, Json]:
    body = _hint(spec.hint, definitions)
    return body if spec.required else {**body, "default": encode(spec.default)}


def _hint(hint: object, definitions: dict[str, Json]) -> dict[str, Json]:
    if get_origin(hint) is tuple:
        return _list(get_args(hint), definitions)
    if isinstance(hint, types.UnionType):
        (inner,) = (item for item in get_args(hint) if item is not types.NoneType)
        return {"anyOf": [_hint(inner, definitions), {"type": "null"}]}
    if not isinstance(hint, type):
        raise TypeError(f"no schema for {hint}")
    return _SCALARS[hint] if hint in _SCALARS else _named(hint, definitions)


def _list(hints: tuple[object, ...], definitions: dict[str, Json]) -> dict[str, Json]:
    if Ellipsis in hints:
        return {"type": "array", "items": _hint(hints[0], definitions), "maxItems": ITEMS_LIMIT}
    items: list[Json] = [_hint(hint, definitions) for hint in hints]
    return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}


def _named(kind: type, definitions: dict[str, Json]) -> dict[str, Json]:
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # The name is taken before the body is made, so that a type may hold itself.
        definitions[name] = _definition(kind, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _definition(kind: type, definitions: dict[str, Json]) -> dict[str, Json]:
    if is_dataclass(kind):
        return _object(kind, definitions)
    if issubclass(kind, StrEnum):
        values: list[Json] = [member.value for member in kind]
        return {"description": _first_paragraph(kind), "type": "string", "enum": values}
    raise TypeError(f"no schema for {kind.__name__}")


def _first_paragraph(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
