# SPDX-License-Identifier: Apache-2.0
"""What is read as JSON, what is refused, and where the refusal points to."""

import io
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.domain.safe_json import (
    INTEGER_DIGITS,
    JsonLimits,
    canonical_json,
    printable,
    read_json,
    read_lines,
    read_object,
    shown,
)
from safeconduct.errors import MalformedError, TooLargeError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**53) + 1, 2.0**53 - 1)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refusal(data: bytes, **limits: int) -> MalformedError | TooLargeError:
    with pytest.raises((MalformedError, TooLargeError)) as caught:
        read_json(data, limits=JsonLimits(**limits))
    return caught.value


@given(VALUES)
def test_every_json_value_is_read_as_it_was_written(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(VALUES)
def test_the_canonical_form_reads_back_and_is_its_own_canonical_form(value: object) -> None:
    once = canonical_json(value)

    assert read_json(once) == value
    assert canonical_json(read_json(once)) == once


@given(VALUES)
def test_the_canonical_form_is_that_of_the_library_of_the_standard(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


def test_the_canonical_form_sorts_keys_by_utf_16_units_as_the_standard_shows() -> None:
    # RFC 8785, section 3.2.3.
    data = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\u0080": 6, "ö": 7}

    assert canonical_json(data).decode() == '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'


@pytest.mark.parametrize("value", [2**53, float("nan"), float("inf"), "\ud800", {1: 2}, object(), {"\udc00": 1}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(MalformedError):
        canonical_json(value)


def test_an_object_is_asked_for_and_a_list_refused() -> None:
    assert read_object(b'{"a": 1}') == {"a": 1}
    with pytest.raises(MalformedError, match="not a JSON object"):
        read_object(b"[]")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"a": 1,\n "a": 2}', (2, 2)),
        (b'{"x": [{"k": 1}, {"k": 1, "\\u006b": 2}]}', (1, 27)),
        (b'{"x": {"k": 1}, "y": {"k": 1},\n  "x": 0}', (2, 3)),
        (b'["NaN",\n NaN]', (2, 2)),
        (b"[-Infinity]", (1, 2)),
        (b'["1e999", 1e999]', (1, 11)),
        (b"[-1e999]", (1, 2)),
        (b"[" + b"1" * (INTEGER_DIGITS + 1) + b"]", (1, 2)),
        (b'["\xc3\xa9", "\\ud800"]', (1, 7)),
        (b'{"\\udfff": 1}', (1, 2)),
        (b'["\xc3\xa9", \n "\xff"]', (2, 3)),
        (b'["a\tb"]', (1, 4)),
        (b'{"a": 1} x', (1, 10)),
        (b"", (1, 1)),
        (b'{"a": ', (1, 7)),
        (b'{"a": "b', (1, 7)),
        (b"{'a': 1}", (1, 2)),
        (b"[1,]", (1, 4)),
        (b"[01]", (1, 3)),
    ],
)
def test_a_refusal_points_to_the_place(data: bytes, place: tuple[int, int]) -> None:
    error = refusal(data)

    assert isinstance(error, MalformedError)
    assert (error.facts["line"], error.facts["column"]) == place
    assert f"line {place[0]}, column {place[1]}" in error.message


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig"])
def test_another_encoding_or_a_mark_is_refused(codec: str) -> None:
    assert isinstance(refusal('{"a": "é"}'.encode(codec)), MalformedError)


def test_nesting_is_measured_before_the_parser_runs() -> None:
    error = refusal(b"[" * 3_000_000, depth=20)

    assert isinstance(error, TooLargeError)
    assert error.facts["column"] == 21


def test_brackets_in_strings_and_closed_ones_do_not_nest() -> None:
    data = json.dumps([['[[[[\\"[[['], {"{{{": '{["{'}, [], [], {}]).encode()

    assert read_json(data, limits=JsonLimits(depth=2)) == json.loads(data)
    assert isinstance(refusal(data, depth=1), TooLargeError)


def test_a_string_that_never_ends_is_scanned_once() -> None:
    # A scan that starts again at every escaped quote would take hours here.
    data = b"[" * 10 + b'"' + b'\\"' * 2_000_000 + b"\\"

    assert isinstance(refusal(data, depth=9), TooLargeError)
    assert isinstance(refusal(data, depth=10), MalformedError)


def test_a_document_over_the_limit_is_not_read() -> None:
    assert isinstance(refusal(b'"aaaa"', document_bytes=5), TooLargeError)
    assert read_json(b'"aaa"', limits=JsonLimits(document_bytes=5)) == "aaa"


def lines(data: bytes, **limits: int) -> list[tuple[int, object]]:
    return list(read_lines(io.BytesIO(data), limits=JsonLimits(**limits)))


def test_lines_are_numbered_as_in_the_file_and_blank_ones_passed_over() -> None:
    assert lines(b'{"a":1}\n\n  \r\n[2]\r\n3') == [(1, {"a": 1}), (4, [2]), (5, 3)]


def test_a_file_cut_in_the_middle_of_a_line_names_the_line() -> None:
    with pytest.raises(MalformedError, match="line 2: ") as caught:
        lines(b'{"a":1}\n{"a":')

    assert caught.value.facts["line"] == 2
    assert "cut" in caught.value.hint


def test_a_broken_line_in_the_middle_is_not_called_cut() -> None:
    with pytest.raises(MalformedError, match="line 1: ") as caught:
        lines(b'{"a":\n{"a":1}\n')

    assert "cut" not in caught.value.hint


@pytest.mark.parametrize(
    ("data", "limits", "line"),
    [
        (b"1\n" + b"2" * 10, {"line_bytes": 9}, 2),
        (b"1\n2\n3\n", {"lines": 2}, 3),
        (b"1\n2\n3\n", {"stream_bytes": 5}, 3),
        (b"1\n[[1]]\n", {"depth": 1}, 2),
    ],
)
def test_every_limit_of_a_stream_names_the_line(data: bytes, limits: dict[str, int], line: int) -> None:
    with pytest.raises(TooLargeError) as caught:
        lines(data, **limits)

    assert caught.value.facts["line"] == line


def test_values_before_a_broken_line_were_given_out() -> None:
    stream = read_lines(io.BytesIO(b"1\n2\n["))

    assert next(stream) == (1, 1)
    assert next(stream) == (2, 2)
    with pytest.raises(MalformedError):
        next(stream)


def test_a_foreign_text_is_shown_short_and_without_control_characters() -> None:
    assert shown("é" * 50) == '"' + "é" * 39 + '…"'
    assert shown("\x1b[2J") == '"\\u001b[2J"'
    assert printable("a\x1b[2J\nb é") == "a\ufffd[2J\ufffdb é"


def test_words_that_say_no_value_are_null_only_where_that_is_asked_for() -> None:
    data = b'{"score": NaN, "most": Infinity, "least": -Infinity, "word": "NaN"}'

    assert read_object(data, nan_is_null=True) == {"score": None, "most": None, "least": None, "word": "NaN"}
    with pytest.raises(MalformedError, match="NaN is not a JSON number"):
        read_json(data)
    with pytest.raises(MalformedError, match="too large to be represented"):
        read_json(b"1e999", nan_is_null=True)
