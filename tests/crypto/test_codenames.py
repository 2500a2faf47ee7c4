# SPDX-License-Identifier: Apache-2.0
"""Codenames: what is caught, what is forgiven, what is shown."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.seeded import chance, entropy

from safeconduct.crypto.codenames import RANDOM_WORDS, WORDS, Codename, check_number, normalize
from safeconduct.crypto.words import WORD_COUNT, words
from safeconduct.errors import MalformedError, SafeconductError, TooLargeError

NUMBERS = st.lists(st.integers(0, WORD_COUNT - 1), min_size=RANDOM_WORDS, max_size=RANDOM_WORDS)


def make_codename(seed: int = 1) -> Codename:
    return Codename.new(entropy(seed))


def spelled(numbers: list[int]) -> list[str]:
    return [words()[number] for number in numbers]


def test_a_codename_has_eight_words_and_ninety_bits() -> None:
    assert len(make_codename().reveal().split()) == WORDS == 8
    assert 90 < RANDOM_WORDS * math.log2(WORD_COUNT) < 91


def test_every_word_can_be_the_first() -> None:
    source = entropy(7)
    seen = {Codename.new(source).reveal().split()[0] for _ in range(2000)}

    # 2,000 draws of 7,776 leave about 1,765 different ones; a source that is stuck or folded leaves far fewer.
    assert 1650 < len(seen) < 1880


@given(NUMBERS, st.integers(0, WORDS - 1), st.integers(1, WORD_COUNT - 1))
def test_one_wrong_word_is_always_caught(numbers: list[int], position: int, shift: int) -> None:
    wrong = [*numbers, check_number(numbers)]
    wrong[position] = (wrong[position] + shift) % WORD_COUNT

    with pytest.raises(MalformedError, match="do not belong together"):
        Codename(spelled(wrong))


@pytest.mark.parametrize("position", range(WORDS))
def test_every_replacement_of_one_word_is_caught(position: int) -> None:
    numbers = [chance(3).randrange(WORD_COUNT) for _ in range(RANDOM_WORDS)]
    right = [*numbers, check_number(numbers)]

    accepted = [
        number
        for number in range(WORD_COUNT)
        if check_number((changed := [*right[:position], number, *right[position + 1 :]])[:RANDOM_WORDS])
        == changed[RANDOM_WORDS]
    ]

    assert accepted == [right[position]]


@given(NUMBERS)
def test_two_different_words_in_exchanged_places_are_always_caught(numbers: list[int]) -> None:
    right = [*numbers, check_number(numbers)]

    for first, second in itertools.combinations(range(WORDS), 2):
        wrong = list(right)
        wrong[first], wrong[second] = wrong[second], wrong[first]
        if wrong != right:
            with pytest.raises(MalformedError, match="do not belong together"):
                Codename(spelled(wrong))


def test_other_mistakes_pass_about_once_in_as_many_as_there_are_words() -> None:
    rng = chance(5)
    passed = 0
    for _ in range(40_000):
        numbers = [rng.randrange(WORD_COUNT) for _ in range(WORDS)]
        passed += check_number(numbers[:RANDOM_WORDS]) == numbers[RANDOM_WORDS]

    # 40,000 / 7,776 is 5.1; more than 16 has a chance below 1 in 10,000.
    assert passed <= 16


def test_spelling_habits_are_forgiven() -> None:
    codename = make_codename()
    text = codename.reveal()

    for typed in (
        text.upper(),
        text.title(),
        text.replace(" ", "-"),
        text.replace(" ", "\u2011"),
        text.replace(" ", ""),
        text.replace(" ", ", "),
        "\n".join(f"{number}. {word}" for number, word in enumerate(text.split(), start=1)),
        f"  {text.replace(' ', '   ')}\t\n",
        "".join(chr(ord(char) + 0xFEE0) if char.isalpha() else char for char in text),
        text.replace(" ", "\u00ad \u200b"),
        text[:3] + " " + text[3:],
    ):
        assert Codename.read(typed) == codename


def test_a_mistake_is_named_by_its_position_only() -> None:
    chosen = make_codename().reveal().split()
    chosen[2] = "qwertz"

    with pytest.raises(MalformedError) as caught:
        Codename.read(" ".join(chosen))

    assert caught.value.facts == {"position": 3}
    assert "qwertz" not in str(caught.value.as_dict())
    assert not any(word in str(caught.value.as_dict()).split() for word in chosen)


@pytest.mark.parametrize(("text", "count"), [("", 0), ("abacus", 1), ("abacus " * 7, 7), ("abacus " * 9, 9)])
def test_a_wrong_number_of_words_is_said(text: str, count: int) -> None:
    with pytest.raises(MalformedError) as caught:
        Codename.read(text)

    assert caught.value.facts == {"count": count}


def test_a_text_that_is_far_too_long_is_refused_at_once() -> None:
    with pytest.raises(TooLargeError):
        Codename.read("abacus " * 1000)


@given(st.text(max_size=600))
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        codename = Codename.read(text)
    except SafeconductError as error:
        assert error.hint  # noqa: PT017  # any of our errors is right, and each says what to do
    else:
        assert len(normalize(codename.reveal())) == WORDS


def test_a_codename_shows_nothing() -> None:
    codename = make_codename()

    assert f"{codename} {codename!r}" == "Codename(…) Codename(…)"
    assert codename == make_codename()
    assert codename != make_codename(seed=2)
    assert codename != codename.reveal()
    with pytest.raises(TypeError):
        hash(codename)


def test_retyped_words_are_compared_by_position() -> None:
    codename = make_codename()
    chosen = codename.reveal().split()

    assert codename.confirms({2: chosen[1].upper(), 8: f" {chosen[7]} "})
    assert not codename.confirms({2: chosen[2], 8: chosen[7]})
    assert not codename.confirms({0: chosen[0]})
    assert not codename.confirms({9: chosen[0]})
    assert not codename.confirms({1: ""})
    assert not codename.confirms({1: "größe"})
