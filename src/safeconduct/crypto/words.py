# SPDX-License-Identifier: Apache-2.0
"""The 7,776 words of codenames: the EFF large word list, with four hyphenated words replaced.

The list is sorted, all words are three to nine lower-case ASCII letters, and no word is the beginning of another: a
text without any spaces still falls apart into words in one way only. Source, license and changes stand beside the
list in `words.txt.license`.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

WORD_COUNT = 7776
LONGEST_WORD = 9


@cache
def words() -> tuple[str, ...]:
    """Return all words in their order."""
    return tuple(resources.files("safeconduct.crypto").joinpath("words.txt").read_text(encoding="ascii").split())


@cache
def places() -> Mapping[str, int]:
    """Return the place of each word in the list."""
    return MappingProxyType({word: place for place, word in enumerate(words())})


def split_words(letters: str) -> tuple[str, ...]:
    """Return the words that the letters spell without spaces, or nothing if they spell none.

    Every beginning of the text is the beginning of at most one word, so there is never a choice.
    """
    known = places()
    found: list[str] = []
    start = 0
    while start < len(letters):
        ends = range(start + 1, min(start + LONGEST_WORD, len(letters)) + 1)
        end = next((end for end in ends if letters[start:end] in known), 0)
        if not end:
            return ()
        found.append(letters[start:end])
        start = end
    return tuple(found)
