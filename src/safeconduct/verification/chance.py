# SPDX-License-Identifier: Apache-2.0
"""Recorded chance: a stream of numbers that anyone can draw again from a seed, in any language.

Block number i of the stream is SHA-256(key ‖ i as eight bytes, big-endian) with key = SHA-256(label ‖ 0x00 ‖ seed);
numbers are taken eight bytes at a time, big-endian, and rejected when they would favor small values. It is fair and
reproducible; it is unpredictable only as long as the seed is secret.

A stream also counts the letters that are changed with it, so that one draw cannot take without end.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, TypeVar

from safeconduct.errors import TooLargeError

MAX_LETTERS: Final = 1_000_000
_Item = TypeVar("_Item")
_WORD = 8
_SPAN = 1 << (8 * _WORD)
_FINE = 1 << 53


class Chance:
    """One stream of numbers; every draw moves it on."""

    __slots__ = ("_block", "_key", "_next", "letters")

    def __init__(self, seed: bytes, *, label: str) -> None:
        self._key = hashlib.sha256(label.encode() + b"\0" + seed).digest()
        self._block = b""
        self._next = 0
        self.letters = 0

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1, each equally likely."""
        limit = _SPAN - _SPAN % bound
        while True:
            word = self._word()
            if word < limit:
                return word % bound

    def pick(self, items: Sequence[_Item]) -> _Item:
        """Return one of the items, each equally likely."""
        return items[self.below(len(items))]

    def happens(self, probability: float) -> bool:
        """Say yes with the given probability, to 53 bits."""
        return self.below(_FINE) < probability * _FINE

    def spend(self, letters: int) -> None:
        """Count letters that are to be changed.

        Raises:
            TooLargeError: they are more than one draw may change.
        """
        self.letters += letters + 1
        if self.letters > MAX_LETTERS:
            raise TooLargeError("a variant takes too many changes", hint="shorten the seeds or the chains")

    def _word(self) -> int:
        """Return the next eight bytes of the stream as a number."""
        if not self._block:
            self._block = hashlib.sha256(self._key + self._next.to_bytes(8, "big")).digest()
            self._next += 1
        word, self._block = self._block[:_WORD], self._block[_WORD:]
        return int.from_bytes(word, "big")
