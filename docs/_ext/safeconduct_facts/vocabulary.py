# SPDX-License-Identifier: Apache-2.0
"""Words that scripts rely on: error codes, event tags, settings."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from http import HTTPStatus
from itertools import groupby
from pathlib import Path

import safeconduct
from safeconduct.domain.event import EventTag
from safeconduct.errors import SafeconductError
from safeconduct.server.project.config import PREFIX, Config
from safeconduct_facts.markdown import cell, code, first_sentence, section, table

MIB = 1024 * 1024
DOOR = Path(safeconduct.__file__).parent / "server" / "parties" / "access.py"
_SINGLE = {"str": "text", "int": "whole number", "float": "number", "Path": "folder"}


def errors(root: type[SafeconductError] = SafeconductError) -> Iterator[type[SafeconductError]]:
    """Yield the root and all that descend from it, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from errors(child)


def error_codes() -> str:
    """Return every error with its code, its meaning and what it is a kind of."""
    answers = statuses()
    found = [error for error in errors() if error.__module__ == "safeconduct.errors"]
    return "\n".join(_error_section(error, answers) for error in found)


def _error_section(error: type[SafeconductError], answers: Mapping[str, HTTPStatus]) -> str:
    parents = [kind for kind in error.__bases__ if issubclass(kind, SafeconductError)]
    kind_of = "".join(f"A kind of [`{parent.code}`](#error-{parent.code}). " for parent in parents)
    return (
        section(2, f"`{error.code}`", anchor=f"error-{error.code}")
        + f"\n{first_sentence(error.__doc__)}\n\n{kind_of}"
        + f"In code: `{error.__name__}`. Over HTTP: {_status(error, answers)}.\n"
    )


def statuses() -> Mapping[str, HTTPStatus]:
    """Return the status of each error as the door of the pages keeps it, read without starting Django."""
    tree = ast.parse(DOOR.read_text(encoding="utf-8"))
    table_node = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "STATUS"
    )
    if not isinstance(table_node, ast.Dict):
        raise TypeError("the table of statuses is no dictionary any more")
    return {
        key.id: HTTPStatus[value.attr]
        for key, value in zip(table_node.keys, table_node.values, strict=True)
        if isinstance(key, ast.Name) and isinstance(value, ast.Attribute)
    }


def _status(error: type[SafeconductError], answers: Mapping[str, HTTPStatus]) -> str:
    kinds = (answers[kind.__name__] for kind in error.__mro__ if kind.__name__ in answers)
    status = next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR)
    return f"{status.value} {status.phrase}"


def event_tags() -> str:
    """Return every tag, by the part of the server that records it."""
    parts = []
    for source, tags in groupby(sorted(EventTag, key=_place), key=lambda tag: tag.split(":")[0]):
        rows = [(code(tag), cell(tag.split(":")[1]), cell(tag.split(":")[2].replace("_", " "))) for tag in tags]
        parts.append(section(2, f"`{source}`") + "\n" + table(("tag", "subject", "act"), rows))
    return "\n".join(parts)


def _place(tag: EventTag) -> str:
    return tag.split(":")[0]


def settings() -> str:
    """Return every setting with its name in the file and in the environment, kind, default and meaning."""
    rows = [
        (
            code(entry.name if entry.name != "home" else ""),
            code(PREFIX + entry.name.upper()),
            kind(str(entry.type)),
            default(entry),
            cell(entry.metadata["help"]),
        )
        for entry in fields(Config)
    ]
    return table(("key in the file", "environment", "kind", "default", "meaning"), rows)


def kind(annotation: str) -> str:
    """Return the kind of a setting in words."""
    name = annotation.removeprefix("<class '").removesuffix("'>").removeprefix("pathlib.")
    if "Literal" in name:
        return " or ".join(code(value.strip("' ")) for value in name.partition("[")[2].rstrip("]").split(","))
    if name.startswith("tuple"):
        return "list of texts"
    if "bool" in name:
        return "yes or no"
    return _SINGLE[name]


def default(entry: "Field[object]") -> str:
    """Return the default of a setting as the file would say it."""
    value = entry.default
    if value is MISSING:
        return "`var`"
    match value:
        case None | "" | ():
            return ""
        case bool():
            return code(str(value).lower())
        case tuple():
            return code("[" + ", ".join(f'"{item}"' for item in value) + "]")
        case int() if value % MIB == 0 and value:
            return f"`{value}` ({value // MIB} MiB)"
        case _:
            return code(value)
