# SPDX-License-Identifier: Apache-2.0
"""How hard a text is to read."""

import pytest

from safeconduct.policy.readability import grade, long_sentence

EASY = "The dog ran. The cat sat. We can see it."
HARD = (
    "Unauthenticated adversaries may systematically exploit insufficient canonicalization of heterogeneous "
    "representations, thereby circumventing contextual authorization boundaries."
)


def test_a_plain_text_reads_at_a_low_grade_and_a_heavy_one_at_a_high_one() -> None:
    easy, hard = grade(EASY), grade(HARD)

    assert easy is not None
    assert hard is not None
    assert easy < 1
    assert hard > 20


def test_the_grade_is_the_published_formula() -> None:
    # Six words, one sentence, six syllables.
    assert grade("The cat sat on the mat.") == pytest.approx(0.39 * 6 + 11.8 * 1 - 15.59)


@pytest.mark.parametrize("text", ["", "1 2 3 ...", "Модель выдаёт секрет без проверки."])
def test_a_text_without_latin_words_has_no_grade(text: str) -> None:
    assert grade(text) is None


def test_nine_of_ten_sentences_are_no_longer_than_told() -> None:
    assert long_sentence("One two three. One two.") == 3
    assert long_sentence("One two. " * 9 + "One two three four five six.") == 2
    assert long_sentence("") == 0
