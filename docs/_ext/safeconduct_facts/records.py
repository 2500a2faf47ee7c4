# SPDX-License-Identifier: Apache-2.0
"""Records: the dataclasses and enumerations of the domain as tables of fields and values."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from safeconduct.domain import bundle
from safeconduct.domain.evidence import Criterion, Trial
from safeconduct.domain.report import Report
from safeconduct_facts.markdown import cell, code, paragraphs, section, table

_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    bytes: "bytes",
    datetime: "instant with zone",
    date: "date",
    type(None): "nothing",
    Any: "anything",
    object: "anything",
}


def report_schema() -> str:
    """Return the report and everything it is made of."""
    return described(Report, prefix="report")


def bundle_format() -> str:
    """Return the parts of a bundle and everything they are made of."""
    roots = [bundle.About, bundle.TargetSpec, bundle.AttackScript, bundle.Oracle, bundle.BenignControl]
    return described(*roots, Criterion, bundle.Limits, bundle.Environment, prefix="bundle")


def trial_format() -> str:
    """Return one trial and its values."""
    return described(Trial, prefix="trial")


def described(*roots: type, prefix: str) -> str:
    """Return a section for each record and each list of values that the roots reach, roots first."""
    reached = list(dict.fromkeys(part for root in roots for part in reach(root)))
    records = [part for part in reached if is_dataclass(part)]
    values = [part for part in reached if not is_dataclass(part)]
    return "\n".join([*(_record(part, prefix) for part in records), *(_values(part, prefix) for part in values)])


def reach(part: type, seen: frozenset[type] = frozenset()) -> Iterator[type]:
    """Yield a record and what its fields are made of, each before its own parts."""
    yield part
    if not is_dataclass(part):
        return
    for hint in get_type_hints(part).values():
        for inner in _named(hint):
            if inner is not part and inner not in seen:
                yield from reach(inner, seen | {part})


def _named(hint: Any) -> Iterator[type]:
    """Yield the records and enumerations that a type names."""
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, StrEnum)):
        yield hint
    for argument in get_args(hint):
        yield from _named(argument)


def _record(part: type, prefix: str) -> str:
    hints = get_type_hints(part)
    rows = [(code(entry.name), words(hints[entry.name], prefix), _default(entry)) for entry in fields(part)]
    title = section(2, part.__name__, anchor=f"{prefix}-{part.__name__.lower()}")
    return f"{title}\n{paragraphs(part.__doc__)}\n\n" + table(("field", "kind", "default"), rows)


def _values(part: type, prefix: str) -> str:
    title = section(2, part.__name__, anchor=f"{prefix}-{part.__name__.lower()}")
    listed = ", ".join(code(value) for value in part)  # type: ignore[attr-defined]  # an enumeration is iterable
    return f"{title}\n{paragraphs(part.__doc__)}\n\nValues: {listed}.\n"


def words(hint: Any, prefix: str) -> str:
    """Return a type in words; records and enumerations are links to their section."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return " or ".join(words(argument, prefix) for argument in arguments)
    if origin in {tuple, frozenset, list}:
        return f"list of {words(arguments[0], prefix)}"
    if origin is not None and issubclass(origin, Mapping):
        return f"table from {words(arguments[0], prefix)} to {words(arguments[1], prefix)}"
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, StrEnum)):
        return f"[{hint.__name__}](#{prefix}-{hint.__name__.lower()})"
    return words(hint.__supertype__, prefix) if hasattr(hint, "__supertype__") else cell(hint)


def _default(entry: "Field[object]") -> str:
    value = entry.default
    if value is MISSING:
        return "*required*" if entry.default_factory is MISSING else "empty"
    if value is None or value in ("", ()):
        return "empty"
    if is_dataclass(value):
        return "its defaults"
    return code(str(value).lower() if isinstance(value, bool) else value)
