# SPDX-License-Identifier: Apache-2.0
"""The programming interface: every operation of its OpenAPI document, asked of a Django that lives for a moment.

Django is started in a process of its own with an empty home folder, so that building the documentation touches no
instance and leaves nothing behind.
"""

import json
import os
import subprocess
import sys
import tempfile
from itertools import groupby
from typing import Any

from sphinx.errors import ExtensionError

from safeconduct_facts.markdown import cell, code, first_sentence, section, table

PREFIX = "/api/v1/"
SCRIPT = f"""
import json, django
django.setup()
from safeconduct.server.api import urls
from safeconduct.server.api.app import api
print(json.dumps(api.get_openapi_schema(path_prefix={PREFIX!r})))
"""


def operations() -> str:
    """Return a table of operations for each group of them."""
    found = sorted(_operations(), key=lambda row: row[0])
    parts = [f"OpenAPI {_document()['openapi']}.\n"]
    for tag, rows in groupby(found, key=lambda row: row[0]):
        parts += [
            section(2, tag.capitalize()),
            table(("operation", "does", "token", "answers"), (row[1] for row in rows)),
        ]
    return "\n".join(parts)


def _operations() -> list[tuple[str, tuple[str, ...]]]:
    return [
        (
            operation.get("tags", ["other"])[0],
            (
                f"{code(f'{method.upper()} {path}')}",
                cell(first_sentence(operation.get("description") or operation.get("summary"))),
                "needed" if operation.get("security") else "none",
                cell(", ".join(status for status in operation["responses"] if status.startswith("2"))),
            ),
        )
        for path, methods in _document()["paths"].items()
        for method, operation in methods.items()
    ]


_known: list[dict[str, Any]] = []


def _document() -> dict[str, Any]:
    """Return the OpenAPI document, asked for once in a build."""
    if not _known:
        with tempfile.TemporaryDirectory() as home:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("SAFECONDUCT_")}
            environment = {
                **kept,
                "SAFECONDUCT_HOME": home,
                "DJANGO_SETTINGS_MODULE": "safeconduct.server.project.settings",
            }
            ended = subprocess.run(
                [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
            )
        if ended.returncode:
            raise ExtensionError(f"the programming interface cannot be asked:\n{ended.stderr[-2000:]}")
        _known.append(json.loads(ended.stdout))
    return _known[0]
