# SPDX-License-Identifier: Apache-2.0
"""How hard an English text is to read: the Flesch-Kincaid grade (Kincaid 1975) and the length of its sentences.

The grade is 0.39 times the words per sentence, plus 11.8 times the syllables per word, less 15.59. Syllables are
counted as groups of vowels, a silent final e left out, which is off by a few percent. For a text in another script
there is no grade.
"""

import re
from math import ceil

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouy]+")


def grade(text: str) -> float | None:
    """Return the school grade that the text asks for, or None for a text that is not in Latin script."""
    counts = [len(found) for found in sentences(text)]
    found = _WORD.findall(text)
    if not found or (not text.isascii() and not _is_mostly_ascii(text)):
        return None
    syllables = sum(map(_syllables, found))
    return 0.39 * len(found) / max(len(counts), 1) + 11.8 * syllables / len(found) - 15.59


def long_sentence(text: str) -> int:
    """Return the length in words that nine of ten sentences do not pass."""
    counts = sorted(len(found) for found in sentences(text))
    return counts[ceil(0.9 * len(counts)) - 1] if counts else 0


def sentences(text: str) -> list[list[str]]:
    """Return the words of each sentence."""
    return [found for part in _SENTENCE.split(text) if (found := _WORD.findall(part))]


def _syllables(word: str) -> int:
    """Return the number of syllables of an English word, at least one."""
    groups = len(_VOWELS.findall(word.lower()))
    return max(1, groups - 1 if word.lower().endswith("e") and not word.lower().endswith("le") else groups)


def _is_mostly_ascii(text: str) -> bool:
    """Say whether at most one character in ten is outside ASCII."""
    return sum(not letter.isascii() for letter in text) * 10 <= len(text)
