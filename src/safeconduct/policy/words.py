# SPDX-License-Identifier: Apache-2.0
"""Words as they count when two descriptions of a flaw are compared.

Identifiers decide: `tf.raw_ops.DataFormatVecPermute` is kept whole and split into its parts, for one reporter writes
the operator and another only half of its name. Version numbers and public ids (CVE and the like) are words of their
own. Links and commit digests are left out; usual abbreviations are brought to one form (`data/phrases.toml`). Word
endings of English are cut lightly. Writing systems without spaces are not split into words here.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from functools import cache

from safeconduct.policy.tables import load

TEXT_LIMIT = 100_000

_LINK = re.compile(r"https?://[^\s)]+", re.IGNORECASE)
_DIGEST = re.compile(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{10,64}\b", re.IGNORECASE)
_ID = re.compile(
    r"\b(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|AVID-\d{4}-[RV]\d+|SC-\d{4}-\w+)\b", re.IGNORECASE
)
_QUOTED = re.compile(r"[`'\"\u2018\u201c]([^\W\d][\w.:]{0,120})(?:\(\))?[`'\"\u2019\u201d]")
_CHAIN = re.compile(r"\w+(?:(?:\.|::|->|-|/)\w+)*")
_JOINT = re.compile(r"\.|::|->|-|/")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+[a-z0-9]*", re.IGNORECASE)
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\da-zA-Z_]+")
_ENDINGS = ("ations", "ation", "ingly", "ities", "edly", "ing", "ies", "ied", "ed", "es", "ly", "s")
_SHORTEST_STEM = 4
_STEMMED_FROM = 4


class WordKind(StrEnum):
    """What a word is, which decides what it weighs in a question."""

    WORD = "word"
    IDENTIFIER = "identifier"
    PART = "part"
    VERSION = "version"
    ID = "id"


Word = tuple[str, WordKind]


def words(text: str) -> Iterator[Word]:
    """Yield the words of a text with their kinds, repetitions included."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_LIMIT])
    plain = _LINK.sub(" ", plain)
    for found in _ID.finditer(plain):
        yield found.group().lower(), WordKind.ID
    plain = _DIGEST.sub(" ", _ID.sub(" ", plain))
    quoted = {name.lower() for name in _QUOTED.findall(plain)}
    for pattern, short in _phrases():
        plain = pattern.sub(f" {short} ", plain)
    for chain in _CHAIN.finditer(plain):
        whole = chain.group()
        if _VERSION.fullmatch(whole):
            yield f"v{whole.lower().lstrip('v')}", WordKind.VERSION
            continue
        is_quoted = whole.lower() in quoted
        for name in _JOINT.split(whole):
            yield from _of_name(name, is_quoted=is_quoted or name.lower() in quoted)


def _of_name(name: str, *, is_quoted: bool) -> Iterator[Word]:
    """Yield a name and, where it is put together from several, its parts."""
    is_code = is_quoted or "_" in name.strip("_")
    pieces = [piece for piece in name.split("_") if piece]
    for piece in pieces:
        humps = [hump.lower() for hump in _HUMP.findall(piece)]
        if len(humps) > 1:
            yield piece.lower(), WordKind.IDENTIFIER
            yield from ((_stem(hump), WordKind.PART) for hump in humps)
        else:
            yield _stem(humps[0]), WordKind.IDENTIFIER if is_code else WordKind.WORD
    if len(pieces) > 1:
        yield "".join(pieces).lower(), WordKind.IDENTIFIER


def _stem(word: str) -> str:
    """Cut one ending off a longer English word."""
    if len(word) >= _STEMMED_FROM:
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
                return word[: -len(ending)]
    return word


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the patterns with the word each stands for."""
    return load(
        "phrases.toml",
        lambda table: tuple(
            (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), short)
            for short, pattern in table.content["phrases"].items()
        ),
    )
