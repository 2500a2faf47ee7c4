# SPDX-License-Identifier: Apache-2.0
"""What `make coverage` leaves out: only where the code runs in the box or beside it, and with the reason at its place."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "safeconduct"
VERIFIER = SOURCE / "verification"
MAY_LEAVE_OUT = ("verification/sandbox/", "verification/engines/", "verification/targets/")
MARK = re.compile(r"#\s*pragma:\s*no\s*(?:cover|branch)", re.IGNORECASE)
REASON = re.compile(r"# pragma: no (?:cover|branch)  # \w+,?(?: \S+){2,}$")
MOST = 40  # lines that one mark may hide: a function, never a module


def faults(name: str, source: str) -> Iterator[str]:
    """Yield one line for each mark that stands where none may, gives no reason, or hides more than a function."""
    blocks = {
        node.lineno: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt | ast.ExceptHandler) and node.end_lineno
    }
    for number, line in enumerate(source.splitlines(), start=1):
        if not MARK.search(line):
            continue
        if not name.startswith(MAY_LEAVE_OUT):
            yield f"{name}:{number}: here nothing is left out"
        if not REASON.search(line):
            yield f"{name}:{number}: no reason is given"
        if number not in blocks:
            yield f"{name}:{number}: the mark is on no statement's first line"
        elif blocks[number] > MOST:
            yield f"{name}:{number}: more than a function is left out"


def tool() -> ModuleType:
    """Return the tool that measures, which is a program without an ending."""
    loader = SourceFileLoader("coverage_tool", str(ROOT / "tools" / "coverage"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def settings() -> dict[str, dict[str, list[str]]]:
    """Return what `pyproject.toml` tells coverage."""
    read: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
        "coverage"
    ]
    return read


def test_what_is_left_out_says_why_and_stands_only_by_the_box_and_the_targets() -> None:
    found = [
        fault
        for path in sorted(SOURCE.rglob("*.py"))
        for fault in faults(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("verification/verdict.py", "x = 1  # pragma: no cover  # runs in the box", "here nothing is left out"),
        ("verification/targets/http.py", "x = 1  # pragma: no cover", "no reason is given"),
        ("verification/targets/http.py", "x = 1  # pragma: no cover  # why", "no reason is given"),
        ("verification/engines/ray.py", "x = 1  # Pragma:no branch", "no reason is given"),
        (
            "verification/sandbox/box.py",
            "class X:  # pragma: no cover  # runs in the box\n" + "    x = 1\n" * MOST,
            "more than a function is left out",
        ),
        (
            "verification/sandbox/box.py",
            "def x(\n    a: int,\n) -> int:  # pragma: no cover  # runs in the box\n    return a",
            "the mark is on no statement's first line",
        ),
    ],
)
def test_a_mark_without_a_reason_in_another_place_or_over_too_much_is_seen(name: str, line: str, fault: str) -> None:
    assert [one.split(": ")[1] for one in faults(name, line)] == [fault]


def test_a_mark_with_its_reason_by_the_box_is_no_fault() -> None:
    assert list(faults("verification/sandbox/box.py", "x = 1  # pragma: no cover  # runs in the box")) == []


def test_whole_files_are_left_out_only_if_their_text_runs_in_the_box() -> None:
    left_out = set(settings()["run"]["omit"]) - {"*/migrations/*"}
    assert left_out == {
        "*/verification/sandbox/launcher.py",
        "*/verification/sandbox/pressures.py",
        "*/verification/sandbox/probes.py",
    }
    assert [name for name in left_out if not (SOURCE / name.removeprefix("*/")).is_file()] == []


def test_only_what_the_type_checker_proves_unreachable_is_left_out_by_pattern() -> None:
    (pattern,) = settings()["report"]["exclude_also"]
    assert re.search(pattern, "        case _:\n            assert_never(kind)\n")
    assert not re.search(pattern, "        case _:\n            return None\n")


def test_the_tests_that_measure_are_there() -> None:
    names = [*tool().TESTS, *(f"tests/verification/{name}" for name in tool().SLOW)]

    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_rooms_that_are_measured_name_files_that_are_there() -> None:
    parts = [part for room in tool().ROOMS.values() for part in room]
    assert [part for part in parts if not (VERIFIER / (part if part.endswith("/") else f"{part}.py")).exists()] == []


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("stats/exact.py", "statistics"),
        ("bundle/store.py", "bundle"),
        ("oracles.py", "oracles"),
        ("verdict.py", "verdict"),
        ("statement_first.py", "certificate"),
        ("targets/http.py", "targets"),
        ("cost.py", ""),
    ],
)
def test_a_file_is_measured_in_its_room(name: str, room: str) -> None:
    assert tool().room_of(f"src/safeconduct/verification/{name}") == room
