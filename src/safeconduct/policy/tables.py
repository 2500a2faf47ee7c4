# SPDX-License-Identifier: Apache-2.0
"""The tables of the rules: dated JSON and TOML beside the code, read and checked once.

Every table says what it is before it says anything else: `table` (its name), `version`, `dated`, `source` and
`license`. A table that lacks one of these, cannot be read, or does not hold what its rule needs is a
`ConfigurationError`, found at the first use and never half-way through a case.
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, TypeVar

from safeconduct.errors import ConfigurationError, SafeconductError

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as read: its header, and its content as plain data for the rule that owns it."""

    name: str
    version: str
    dated: date
    source: str
    license: str
    content: Mapping[str, Any]

    @property
    def edition(self) -> str:
        """Return name and version, as kept beside every decision that used the table."""
        return f"{self.name}-{self.version}"


def load(file_name: str, build: Callable[[Table], _Answer]) -> _Answer:
    """Read a shipped table and return what `build` makes of it.

    Raises:
        ConfigurationError: there is no such table, it is malformed, or `build` found it wanting.
    """
    source = files("safeconduct.policy").joinpath("data", file_name)
    with _blaming(file_name):
        text = source.read_text(encoding="utf-8")
    return read(text, file_name=file_name, build=build)


def read(text: str, *, file_name: str, build: Callable[[Table], _Answer]) -> _Answer:
    """Read a table from text; the ending of the name says whether it is TOML or JSON.

    Raises:
        ConfigurationError: the text is malformed, or `build` found it wanting.
    """
    with _blaming(file_name):
        content = tomllib.loads(text) if file_name.endswith(".toml") else json.loads(text)
        return build(_table(content))


def _table(content: dict[str, Any]) -> Table:
    """Take the header apart from the content."""
    dated = content.pop("dated")
    header = {name: content.pop(name) for name in ("table", "version", "source", "license")}
    if not all(isinstance(value, str) and value for value in header.values()):
        raise ValueError("a field of the header is not a text")
    return Table(
        name=header["table"],
        version=header["version"],
        dated=dated if isinstance(dated, date) else date.fromisoformat(dated),
        source=header["source"],
        license=header["license"],
        content=content,
    )


@contextmanager
def _blaming(file_name: str) -> Iterator[None]:
    """Turn whatever a malformed table causes into the one error that names the table."""
    try:
        yield
    except ConfigurationError:
        raise
    except (OSError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError, SafeconductError) as error:
        raise ConfigurationError(
            f"the table {file_name} cannot be used: {error}",
            hint="reinstall the package, or mend the table you supplied",
            table=file_name,
        ) from error
