# SPDX-License-Identifier: Apache-2.0
"""The word list of codenames."""

from importlib import resources

from tests.crypto.seeded import chance

from safeconduct.crypto.words import LONGEST_WORD, WORD_COUNT, places, split_words, words


def test_the_list_is_what_the_codename_relies_on() -> None:
    listed = words()

    assert len(listed) == len(set(listed)) == WORD_COUNT == 32 * 243
    assert list(listed) == sorted(listed)
    assert all(
        word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= LONGEST_WORD for word in listed
    )


def test_no_word_is_the_beginning_of_another() -> None:
    listed = set(words())

    assert not [word for word in listed for end in range(1, len(word)) if word[:end] in listed]


def test_each_word_knows_its_place() -> None:
    assert all(words()[place] == word for word, place in places().items())


def test_words_without_spaces_fall_apart_in_one_way() -> None:
    chosen = tuple(chance(1).choices(words(), k=200))

    assert split_words("".join(chosen)) == chosen


def test_letters_that_spell_no_words_give_nothing() -> None:
    assert split_words("") == ()
    assert split_words("qqqqqqqqqqqq") == ()
    assert split_words("abacusq") == ()


def test_the_license_of_the_list_stands_beside_it() -> None:
    text = resources.files("safeconduct.crypto").joinpath("words.txt.license").read_text(encoding="utf-8")

    assert "Electronic Frontier Foundation" in text
    assert "CC-BY-3.0-US" in text
    assert "Changes:" in text
