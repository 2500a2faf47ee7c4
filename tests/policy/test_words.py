# SPDX-License-Identifier: Apache-2.0
"""Words as they count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.policy.words import TEXT_LIMIT, WordKind, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leaking", [("leak", "word")]),
        ("is", [("is", "word")]),
        ("classes", [("class", "word")]),
        (
            "tf.raw_ops.DataFormatVecPermute",
            [
                ("tf", "word"),
                ("raw", "identifier"),
                ("ops", "identifier"),
                ("rawops", "identifier"),
                ("dataformatvecpermute", "identifier"),
                ("data", "part"),
                ("format", "part"),
                ("vec", "part"),
                ("permute", "part"),
            ],
        ),
        ("DLPack to_dlpack", [("dlpack", "identifier"), ("dl", "part"), ("pack", "part"), ("to", "identifier"), ("dlpack", "identifier"), ("todlpack", "identifier")]),
        ("in 'Reshape'", [("in", "word"), ("reshape", "identifier")]),
        ("before v2.5.0.", [("before", "word"), ("v2.5.0", "version")]),
        ("2.5.0 2.5", [("v2.5.0", "version"), ("v2.5", "version")]),
        ("see CVE-2021-29533", [("cve-2021-29533", "id"), ("see", "word")]),
        ("denial of service (DoS)", [("dos", "word"), ("do", "part"), ("s", "part")]),
        ("https://example.org/a_b?c 0123456789abcdef", []),
        ("_ __ ___", []),
        ("Fälschung größer", [("f", "part")]),
        ("пароль", [("пароль", "word")]),
    ],
)  # fmt: skip
def test_a_text_becomes_words(text: str, expected: list[tuple[str, str]]) -> None:
    found = [(word, kind.value) for word, kind in words(text)]

    assert all(pair in found for pair in expected)
    assert bool(found) is bool(expected)


def test_compatibility_forms_and_case_make_no_difference() -> None:
    assert list(words("ｌｅａｋ Leak")) == [("leak", WordKind.WORD), ("leak", WordKind.WORD)]


def test_only_the_first_part_of_a_very_long_text_is_read() -> None:
    assert len(list(words("ab " * TEXT_LIMIT))) == TEXT_LIMIT // 3 + 1


@given(st.text())
def test_any_text_has_words_without_space_or_capitals(text: str) -> None:
    for word, _ in words(text):
        assert word
        assert word.split() == [word]
