# SPDX-License-Identifier: Apache-2.0
"""How text from strangers is shown: as text, with every sign that has no shape of its own made visible.

A reported text may turn the direction of writing, hide letters or move a terminal's cursor. Such signs are part of the
evidence, so they are neither obeyed nor dropped: each is shown by its number. Line ends, tabs and the joiners that
scripts and emoji need are left as they are. Escaping for HTML is the template's.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

KEPT = frozenset("\n\t\u200c\u200d\ufe0f\u00ad")
HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
WORD = re.compile(r"\w+")


def visible(text: str) -> str:
    """Return the text with signs that cannot be seen shown by their number, such as `⟨U+202E⟩`."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if lines.isprintable():
        return lines
    return "".join(letter if _is_shown(letter) else f"⟨U+{ord(letter):04X}⟩" for letter in lines)


def pieces(text: str, shared: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield the text, made visible, in pieces: those that are shared words, and what stands between them."""
    wanted = frozenset(word.casefold() for word in shared)
    shown, at = visible(text), 0
    for match in WORD.finditer(shown):
        if match.group().casefold() in wanted:
            yield shown[at : match.start()], False
            yield match.group(), True
            at = match.end()
    yield shown[at:], False


def shared_words(one: str, other: str, *, least: int = 5) -> frozenset[str]:
    """Return the words of some length that both texts hold, folded."""
    return frozenset(_words(one) & _words(other) - {word for word in _words(one) if len(word) < least})


def _words(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(text)}


def _is_shown(letter: str) -> bool:
    return letter in KEPT or unicodedata.category(letter) not in HIDDEN
