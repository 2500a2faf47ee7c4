# SPDX-License-Identifier: Apache-2.0
"""The codec: what is written, what is refused, and that every problem is told with its place."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from tests.strategies import reports, values

from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import canonical_json, read_json
from safeconduct.domain.weakness import TaxonomyRef
from safeconduct.errors import IncompleteError, MalformedError, SafeconductError, TooLargeError, UnknownValueError
from safeconduct.formats.codec import ITEMS_LIMIT, PROBLEMS_LIMIT, TEXT_LIMIT, WHOLE_LIMIT, decode, encode, pointer


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    name: str
    color: Color = Color.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    inner: Inner
    count: int
    share: float = 0.5
    sure: bool = False
    at: datetime | None = None
    on: date | None = None
    pair: tuple[str, int] = ("", 0)
    many: tuple[Inner, ...] = ()
    schema_version: str = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    table: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlsoUnreadable:
    raw: bytes


SMALL = {"inner": {"name": "x"}, "count": 1}


def refused(data: Any, kind: type = Outer) -> SafeconductError:
    with pytest.raises(SafeconductError) as caught:
        decode(kind, data)
    return caught.value


def places(error: SafeconductError) -> dict[str, str]:
    problems = error.facts["problems"]
    assert isinstance(problems, list)
    return {problem["at"]: problem["kind"] for problem in problems}


@given(values(Outer))
def test_what_is_written_reads_back(value: Outer) -> None:
    assert decode(Outer, encode(value)) == value


@given(reports())
def test_a_report_reads_back_from_its_canonical_bytes(report: Report) -> None:
    assert decode(Report, read_json(canonical_json(encode(report)))) == report


def test_defaults_are_left_out_but_never_the_version() -> None:
    value = Outer(inner=Inner(name="x"), count=1)

    assert encode(value) == {**SMALL, "schema_version": "1.0"}
    assert decode(Outer, SMALL) == value


def test_instants_are_written_in_utc_and_need_a_zone() -> None:
    east = timezone(timedelta(hours=2))
    value = Outer(inner=Inner(name="x"), count=1, at=datetime(2026, 1, 1, 1, 30, tzinfo=east), on=date(2026, 2, 3))

    assert encode(value) == {**SMALL, "at": "2025-12-31T23:30:00Z", "on": "2026-02-03", "schema_version": "1.0"}
    with pytest.raises(MalformedError):
        encode(Outer(inner=Inner(name="x"), count=1, at=datetime(2026, 1, 1)))  # noqa: DTZ001  # the point of it


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00+05:30", "2025-12-31T18:30:00.000000Z", "2025-12-31T18:30:00.0Z"])
def test_every_offset_names_the_same_instant(text: str) -> None:
    assert decode(Outer, {**SMALL, "at": text}).at == datetime(2025, 12, 31, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("at", "2026-01-01T00:00:00", "wrong"),
        ("at", "2026-01-01", "wrong"),
        ("at", "2026-02-30T00:00:00Z", "wrong"),
        ("at", "2026-01-01T00:00:60Z", "wrong"),
        ("at", "1900-01-01T00:00:00Z", "wrong"),
        ("at", "20260101T000000Z", "wrong"),
        ("at", "٢٠٢٦-01-01T00:00:00Z", "wrong"),
        ("at", 5, "wrong"),
        ("on", "2026-02-30", "wrong"),
        ("on", "2026-W01-1", "wrong"),
        ("on", 20260101, "wrong"),
        ("count", 1.0, "wrong"),
        ("count", True, "wrong"),
        ("count", "1", "wrong"),
        ("count", None, "wrong"),
        ("count", WHOLE_LIMIT + 1, "wrong"),
        ("share", True, "wrong"),
        ("share", "0.5", "wrong"),
        ("share", float("nan"), "wrong"),
        ("sure", 1, "wrong"),
        ("schema_version", None, "wrong"),
        ("schema_version", "a\0b", "wrong"),
        ("schema_version", "x" * (TEXT_LIMIT + 1), "too_large"),
        ("pair", ["a"], "wrong"),
        ("pair", ["a", 1, 2], "wrong"),
        ("many", {}, "wrong"),
        ("many", [{}] * (ITEMS_LIMIT + 1), "too_large"),
        ("inner", [], "wrong"),
        ("inner", None, "wrong"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_place(field: str, value: Any, kind: str) -> None:
    assert places(refused({**SMALL, field: value})) == {f"/{field}": kind}


def test_whole_numbers_may_stand_for_broken_ones() -> None:
    # RFC 8785 writes 1.0 as 1 and 1e20 with all its digits.
    assert decode(Outer, {**SMALL, "share": 10**20}).share == 1e20


def test_all_problems_are_told_at_once() -> None:
    error = refused(
        {"inner": {"color": "green", "names": "x"}, "many": [{"name": "a"}, {"name": 1}], "pair": ["a", "b"]}
    )

    assert isinstance(error, MalformedError)
    assert places(error) == {
        "/inner/names": "unknown_field",
        "/inner/name": "missing",
        "/inner/color": "unknown_value",
        "/count": "missing",
        "/pair/1": "wrong",
        "/many/1/name": "wrong",
    }
    assert "did you mean name?" in str(error.facts["problems"])
    assert error.message.endswith("(and 5 more)")


def test_missing_answers_are_named() -> None:
    error = refused({"inner": {}})

    assert isinstance(error, IncompleteError)
    assert error.facts["missing"] == ["inner/name", "count"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({**SMALL, "inner": {"name": "x", "color": "green"}}, UnknownValueError),
        ({**SMALL, "inner": {"name": "x", "color": ["red"]}}, UnknownValueError),
        ({**SMALL, "schema_version": "x" * (TEXT_LIMIT + 1)}, TooLargeError),
        ([], MalformedError),
    ],
)
def test_one_kind_of_problem_has_its_own_error(data: Any, kind: type[SafeconductError]) -> None:
    assert type(refused(data)) is kind


def test_the_list_of_problems_ends_somewhere() -> None:
    error = refused({**SMALL, **{f"a/b~{number}": 1 for number in range(500)}})

    assert error.facts["count"] == 500
    assert len(places(error)) == PROBLEMS_LIMIT
    assert "/a~1b~00" in places(error)


def test_a_refusal_by_the_type_itself_is_told_with_its_place() -> None:
    error = refused([{"framework": "cwe", "edition": "a/b", "id": "CWE-1"}][0], TaxonomyRef)

    assert "framework, edition and identifier" in error.message


def test_a_pointer_escapes_its_steps() -> None:
    assert pointer("/a", "x/y~z") == "/a/x~1y~0z"


def test_a_hint_that_is_not_understood_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError):
        decode(Unreadable, {"table": {}})
    with pytest.raises(TypeError):
        decode(AlsoUnreadable, {"raw": ""})
    with pytest.raises(TypeError):
        encode(AlsoUnreadable(raw=b""))
