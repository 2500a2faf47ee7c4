# SPDX-License-Identifier: Apache-2.0
"""Sizes: a function has at most 40 lines, a module at most 400, held by an equality ratchet.

`RECORDED` names what is larger, with its exact size: a new breach and an unrecorded repair both fail.
"""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "safeconduct"
FUNCTION_LINES = 40
MODULE_LINES = 400
RECORDED: dict[str, int] = {}


def oversized() -> dict[str, int]:
    """Return every function and module over its limit, with its size in lines."""
    found: dict[str, int] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(SOURCE).as_posix()
        if text.count("\n") > MODULE_LINES:
            found[name] = text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > FUNCTION_LINES:
                    found[f"{name}:{node.name}"] = size
    return found


def test_nothing_outgrows_its_limit() -> None:
    assert oversized() == RECORDED
