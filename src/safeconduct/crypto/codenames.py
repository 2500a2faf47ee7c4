# SPDX-License-Identifier: Apache-2.0
"""The codename of a mailbox: seven random words and one that checks them.

Seven words of 7,776 are 90.4 bits of chance. The eighth is computed from them and adds none; it catches mistakes
before anything is derived or sent:

- any one wrong word, whatever it was replaced by, is caught with certainty, the eighth included;
- any two different words in exchanged places are caught with certainty;
- other mistakes that happen to consist of listed words pass with a chance of 1 in 7,776.

How: 7,776 = 32 · 243, so the place of a word in the list is a pair from the fields GF(2⁵) and GF(3⁵). With r a root of
x⁵+x²+1 in the first and of x⁵+2x+1 in the second (both polynomials are primitive), the words w₁…w₇ and the check word
satisfy r·w₁ + r²·w₂ + … + r⁷·w₇ + check = 0 in both. The factors 1, r, …, r⁷ differ from each other and from zero in
both fields, so neither a changed word nor an exchange of two can leave the sum at zero.

Reading is generous: case, full-width letters, hyphens, digits, punctuation and missing or extra spaces do not matter.
A message about a wrong codename names a position and never a word.
"""

import hmac
import unicodedata
from collections.abc import Mapping, Sequence

from safeconduct.crypto.words import WORD_COUNT, places, split_words, words
from safeconduct.domain.ids import Entropy
from safeconduct.errors import MalformedError, TooLargeError

RANDOM_WORDS = 7
WORDS = RANDOM_WORDS + 1
TEXT_LIMIT = 500
_ENTROPY_BYTES = 32
_TRITS = 5
_SECOND_FIELD = 243


class Codename:
    """Eight words that belong together; shown to their owner only, by `reveal`."""

    __slots__ = ("__words",)

    def __init__(self, chosen: Sequence[str]) -> None:
        """Keep the eight words.

        Raises:
            MalformedError: there are not eight, one is not in the list, or they do not belong together.
        """
        numbers = _numbers(chosen)
        if check_number(numbers[:RANDOM_WORDS]) != numbers[RANDOM_WORDS]:
            raise MalformedError(
                "the eight words do not belong together",
                hint="one word is wrong or two have changed places: compare with your note",
            )
        self.__words = tuple(chosen)

    @classmethod
    def new(cls, entropy: Entropy) -> "Codename":
        """Return a fresh codename; 256 bits of entropy leave no measurable bias."""
        number = int.from_bytes(entropy(_ENTROPY_BYTES), "big")
        numbers = []
        for _ in range(RANDOM_WORDS):
            number, place = divmod(number, WORD_COUNT)
            numbers.append(place)
        return cls([words()[place] for place in (*numbers, check_number(numbers))])

    @classmethod
    def read(cls, text: str) -> "Codename":
        """Return the codename that a person typed.

        Raises:
            TooLargeError: the text is far longer than any codename.
            MalformedError: a word is not in the list, their number is not eight, or they do not belong together.
        """
        tokens = normalize(text)
        return cls(split_words("".join(tokens)) or tokens)

    def reveal(self) -> str:
        """Return the eight words with single spaces between them."""
        return " ".join(self.__words)

    def confirms(self, typed: Mapping[int, str]) -> bool:
        """Tell whether the words typed for the positions (from 1) are those of the codename."""
        return all(
            1 <= position <= WORDS
            and hmac.compare_digest("".join(normalize(word)).encode(), self.__words[position - 1].encode())
            for position, word in typed.items()
        )

    def __repr__(self) -> str:
        return "Codename(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Codename) and hmac.compare_digest(self.reveal(), other.reveal())

    __hash__ = None  # type: ignore[assignment]  # a secret belongs into no set or dictionary


def normalize(text: str) -> tuple[str, ...]:
    """Return the runs of letters in the text: NFKC, case folded, invisible characters dropped.

    Raises:
        TooLargeError: the text is far longer than any codename.
    """
    if len(text) > TEXT_LIMIT:
        raise TooLargeError("this is too long for a codename", hint="type the eight words only", limit=TEXT_LIMIT)
    visible = (char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return tuple("".join(char if char.isalpha() else " " for char in visible).casefold().split())


def check_number(numbers: Sequence[int]) -> int:
    """Return the place of the word that checks the words at the given places."""
    binary, ternary = 0, (0,) * _TRITS
    for number in reversed(numbers):
        first, second = divmod(number, _SECOND_FIELD)
        binary = _times_root_binary(binary ^ first)
        ternary = _times_root_ternary([(a + b) % 3 for a, b in zip(ternary, _trits(second), strict=True)])
    negative = 0
    for trit in reversed(ternary):
        negative = 3 * negative + -trit % 3
    return binary * _SECOND_FIELD + negative


def _numbers(chosen: Sequence[str]) -> list[int]:
    if len(chosen) != WORDS:
        raise MalformedError(
            f"a codename has eight words, this has {len(chosen)}",
            hint="type all eight words in their order",
            count=len(chosen),
        )
    for position, word in enumerate(chosen, start=1):
        if word not in places():
            raise MalformedError(
                f"word {position} is not one of the words that codenames use",
                hint="look for a typing error in it",
                position=position,
            )
    return [places()[word] for word in chosen]


def _times_root_binary(element: int) -> int:
    """Multiply in GF(2⁵) = GF(2)[x]/(x⁵+x²+1), bits from the constant term up."""
    doubled = element << 1
    return doubled ^ 0b100101 if doubled & 0b100000 else doubled


def _times_root_ternary(element: Sequence[int]) -> tuple[int, ...]:
    """Multiply in GF(3⁵) = GF(3)[x]/(x⁵+2x+1), where x⁵ = x+2; digits from the constant term up."""
    *low, top = element
    return (2 * top % 3, (low[0] + top) % 3, *low[1:])


def _trits(number: int) -> list[int]:
    trits = []
    for _ in range(_TRITS):
        number, trit = divmod(number, 3)
        trits.append(trit)
    return trits
