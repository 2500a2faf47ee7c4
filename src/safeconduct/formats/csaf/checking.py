# SPDX-License-Identifier: Apache-2.0
"""Whether a document is CSAF 2.0: the official schema, then the mandatory tests of clause 6.1.

The schema is the one that the `csaf` package ships; it is compiled once, with every schema that it refers to
registered under the exact address, so that nothing is ever fetched. The tests are that package's. Importing it sets up
a handler on the root logger, which is undone here.
"""

import json
import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from safeconduct.domain.safe_json import Json, read_object
from safeconduct.errors import MissingExtraError
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.validation import schema_remarks

_REFERRED: Final = ("cvss-v2.0.json", "cvss-v3.0.json", "cvss-v3.1.json")
_ADDRESS: Final = "https://www.first.org/cvss/"
# What the tests of the package raise on a document that fits the schema and that they did not expect.
_STUMBLES: Final = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


def check(data: bytes, *, recommended: bool = False) -> tuple[Remark, ...]:
    """Return what is wrong about a CSAF document; with `recommended` also what clause 6.2 would have better.

    Raises:
        MalformedError: it is not a JSON object.
        TooLargeError: it passes a limit.
    """
    raw = read_object(data)
    return schema_remarks(_schema(), raw, rule="csaf.schema") or _tested(
        raw, preset="extended" if recommended else "basic"
    )


def _tested(raw: dict[str, Json], *, preset: str) -> tuple[Remark, ...]:
    try:
        report = _tests()(raw, preset=preset, skip_rules=frozenset({"schema"}))
    except _STUMBLES as error:
        message = f"the mandatory tests could not be run to their end ({type(error).__name__})"
        return (Remark(level=Level.WARNING, rule="csaf.tests", at="", message=message),)
    return tuple(
        Remark(
            level=Level.ERROR if result.group == "mandatory" else Level.WARNING,
            rule=f"csaf.{result.id}",
            at=error.instance_path,
            message=f"{result.title}: {error.message}",
        )
        for result in report.results
        if not result.passed and not result.skipped
        for error in result.errors
    )


@cache
def _schema() -> jsonschema_rs.Validator:
    spec = find_spec("csaf")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the package csaf is not installed", hint="install safeconduct with its dependencies")
    folder = Path(spec.submodule_search_locations[0], "csaf", "v20", "schema")
    resources = [(f"{_ADDRESS}{name}", json.loads((folder / "referenced" / name).read_bytes())) for name in _REFERRED]
    registry = jsonschema_rs.Registry(resources)
    schema = json.loads((folder / "csaf.json").read_bytes())
    return jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)


@cache
def _tests() -> Callable[..., Any]:
    before = logging.root.handlers[:]
    level = logging.root.level
    module = import_module("csaf.csaf.v20")
    logging.root.handlers[:] = before
    logging.root.setLevel(level)
    found: Callable[..., Any] = module.validate
    return found
