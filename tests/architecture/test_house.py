# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that tools hold: lint, format, spelling, types and import contracts."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str) -> None:
    """Run a tool of the environment in the repository and show what it said if it failed."""
    result = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
    )
    if result.returncode:
        pytest.fail(f"{' '.join(command)}\n{result.stdout[-6000:]}\n{result.stderr[-2000:]}", pytrace=False)


def test_lint_is_clean() -> None:
    run("ruff", "check", "src", "tests", "benchmarks", "demo", "docs", "tools/test", "tools/coverage")


def test_format_is_the_formatter_s() -> None:
    run("ruff", "format", "--check", "src", "tests", "benchmarks", "demo", "docs")


def test_words_are_spelled_the_american_way() -> None:
    run("codespell", "--builtin", "clear,rare,en-GB_to_en-US", "src", "tests", "docs", "README.md")


def test_types_hold() -> None:
    run("mypy")


def test_import_contracts_hold() -> None:
    run("lint-imports")
