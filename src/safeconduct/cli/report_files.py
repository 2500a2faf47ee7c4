# SPDX-License-Identifier: Apache-2.0
"""Reports as files of a reporter: TOML with comments to write by hand, native JSON to exchange.

A name ending in `.toml` is read as TOML 1.0, any other as the native JSON. Both hold the same fields and become the
same `Report`. The template that `report new` writes is `report_template.toml` beside this module.
"""

import json
import re
import tomllib
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import DEFAULT_LIMITS, Json, read_object
from safeconduct.errors import ConflictError, MalformedError, TooLargeError, UnavailableError
from safeconduct.formats.native import report_from

TOML_BYTES = 2**20
# The parser's time grows with the square of a dotted key's length, so a chain is refused before it is parsed.
_CHAIN = re.compile(r"""(?<![\w"'-])(?:[\w"'-]+[ \t]*\.[ \t]*){64}""")


def read_report_file(path: Path) -> Report:
    """Return the report that the file holds.

    Raises:
        TooLargeError: the file, a text or a list passes a limit.
        IncompleteError: answers that every report needs are absent; `facts["missing"]` names them.
        MalformedError: it is neither TOML nor JSON, or no report.
    """
    return report_from(read_plain(path))


def read_plain(path: Path) -> dict[str, Json]:
    """Return the fields of the file as plain JSON data.

    Raises:
        TooLargeError: the file passes the limit of its kind.
        MalformedError: it is neither TOML nor a JSON object.
    """
    is_toml = path.suffix.lower() == ".toml"
    limit = TOML_BYTES if is_toml else DEFAULT_LIMITS.document_bytes
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if not is_toml:
        return read_object(data)
    if len(data) > limit:
        raise TooLargeError(f"the file has more than {limit} bytes", hint="send large evidence as an attachment")
    return _read_toml(data)


def write_template(path: Path) -> None:
    """Write an empty report to fill in: with comments as TOML, without as JSON.

    Raises:
        ConflictError: the file is there already.
        UnavailableError: it cannot be written there.
    """
    template = files("safeconduct.cli").joinpath("report_template.toml").read_bytes()
    is_toml = path.suffix.lower() == ".toml"
    data = template if is_toml else (json.dumps(_read_toml(template), indent=2) + "\n").encode()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise ConflictError("the file is there already", hint="choose another name; nothing was changed") from error
    except OSError as error:
        raise UnavailableError("the file cannot be written", hint=error.strerror or "choose another place") from error


def _read_toml(data: bytes) -> dict[str, Json]:
    """Return the fields of TOML bytes; what is nested beyond reason is malformed like the rest."""
    try:
        text = data.decode("utf-8")
        if _CHAIN.search(text):
            raise MalformedError("the TOML file is nested too deeply", hint=_HINT)
        return {name: _plain(value) for name, value in tomllib.loads(text).items()}
    except RecursionError as error:
        raise MalformedError("the TOML file is nested too deeply", hint=_HINT) from error
    except ValueError as error:
        raise MalformedError(f"not a TOML file: {error}", hint="texts stand between quotation marks") from error


_HINT = "a report needs three levels"


def _plain(value: object) -> Json:
    """Return a value of TOML as plain JSON data; times become text."""
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case str() | bool() | int() | float():
            return value
        case _:  # a date or a time of day, whose text is that of ISO 8601
            return str(value)
