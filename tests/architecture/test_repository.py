# SPDX-License-Identifier: Apache-2.0
"""The repository: headers, docstrings, no path of a machine, no address of an index, no issue numbers in code."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Written in pieces, so that this file does not hold what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        [
            "/wor" + "k/",
            "/far" + "m/",
            "/roo" + "t/",
            "python" + "hosted",
            r"//pyp" + r"i\.",
            r"registry\.np" + "mjs",
            r"deb\.debi" + r"an\.org",
        ]
    )
)
ISSUE_NUMBER = re.compile(r"#\s?\d{1,5}\b|\b[Ii]ssue \d+\b")


def tracked() -> list[Path]:
    """Return every text file that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def sources() -> list[Path]:
    """Return every Python module of the product."""
    return sorted((ROOT / "src").rglob("*.py"))


def test_no_file_names_a_machine_or_an_index() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if (match := FORBIDDEN.search(path.read_text(encoding="utf-8", errors="replace")))
    ]

    assert found == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_has_its_header_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    if "migrations" not in path.parts:
        assert ast.get_docstring(ast.parse(text))


def test_no_comment_cites_an_issue_number() -> None:
    found = []
    for path in sources():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            comment = line.partition("#")[2] if line.lstrip().startswith("#") or "  # " in line else ""
            if comment and ISSUE_NUMBER.search("#" + comment):
                found.append(f"{path.relative_to(ROOT)}:{number}")

    assert found == []
