# SPDX-License-Identifier: Apache-2.0
"""Exact fingerprints: no two different lists of fields run together."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.policy.fingerprints import fingerprint, kind_of, of_file, of_public_id, of_text

FIELDS = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=3)


def test_a_fingerprint_names_its_algorithm_and_kind() -> None:
    mark = of_text("The model leaks.")

    assert mark.startswith("safeconduct-fp/1:text:")
    assert kind_of(mark) == "text"


def test_the_bytes_are_each_part_after_its_length() -> None:
    parts = (b"safeconduct-fp/1", b"text", b"text", b"a flaw")
    expected = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()

    assert of_text("A flaw") == f"safeconduct-fp/1:text:{expected}"
    assert expected.startswith("44e387ce7eca1612")


def test_spacing_case_and_compatibility_forms_make_no_difference() -> None:
    assert of_text("The  MODEL\nleaks ①") == of_text("the model leaks 1")
    assert of_public_id("cve-2021-1 ") == of_public_id("CVE-2021-1")
    assert of_file("AB") == of_file("ab")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("title", "SQL injection 1"), ("cwe", "89")], [("title", "SQL injection "), ("cwe", "189")]),
        ([("path", "")], []),
        ([("a", "b"), ("a", "b")], [("a", "b")]),
        ([("ab", "c")], [("a", "bc")]),
    ],
)
def test_fields_that_run_together_elsewhere_stay_apart(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    assert fingerprint("text", one) != fingerprint("text", other)


@given(FIELDS, FIELDS)
def test_equal_fingerprints_mean_equal_fields(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    assert (fingerprint("k", one) == fingerprint("k", other)) is (sorted(one) == sorted(other))


def test_the_kind_keeps_equal_fields_apart() -> None:
    assert fingerprint("text", [("a", "b")]) != fingerprint("file", [("a", "b")])


def test_a_lone_surrogate_is_no_accident() -> None:
    assert kind_of(of_text("\ud800")) == "text"
