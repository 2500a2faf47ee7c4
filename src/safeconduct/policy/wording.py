# SPDX-License-Identifier: Apache-2.0
"""How an advisory is worded: claims it makes, words it should do without, readers it forgets.

English only; a word list knows no irony and no quotation, so its findings are warnings for a person. Lists and limits
are the table `data/lint.toml`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from safeconduct.policy.readability import grade, long_sentence
from safeconduct.policy.tables import load

_SHARE = re.compile(r"\d\s?%|\b\d+ (?:out )?of \d+\b|\bpercent\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_FIX = re.compile(r"\b(?:fixed|resolved|patched|remediated|eliminated|no longer vulnerable)\b", re.IGNORECASE)
_FULL_FIX = re.compile(
    r"\b(?:fully|completely|entirely|permanently|totally) (?:fixed|resolved|patched|remediated|eliminated|removed)\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:not|no|never|un(?:fixed|patched|resolved)|until|once|when|if|will|vendor (?:states|says|claims|reports)"
    r"|according to)\b",
    re.IGNORECASE,
)
_AMBIGUOUS = re.compile(r"\b\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})\b|\b\d{1,2}\.\d{1,2}\.(?:19|20)\d\d\b")
_SHOUT = re.compile(r"\b[A-Z]{4,}(?:\s+[A-Z]{2,})+\b")
_SHORT = re.compile(r"\b[A-Z][A-Z0-9]{2,7}s?\b")
_BARE_IMAGE = re.compile(r"!\[\s*\]\(")


def claims_a_share(text: str) -> bool:
    """Say whether the text states how often something happens."""
    return _SHARE.search(text) is not None


def says_vulnerability(text: str) -> bool:
    """Say whether the text calls something a vulnerability."""
    return _any_word(("vulnerability", "vulnerabilities")).search(text) is not None


def claims_full_fix(text: str) -> bool:
    """Say whether the text claims that nothing of the flaw is left."""
    return _FULL_FIX.search(text) is not None


def claims_fix(text: str) -> bool:
    """Say whether a sentence says "fixed" as a fact, neither denied nor put in the vendor's mouth."""
    return any(_FIX.search(sentence) and not _HEDGE.search(sentence) for sentence in _SENTENCE.split(text))


def has_ambiguous_date(text: str) -> bool:
    """Say whether the text holds a date such as 03/04/2026."""
    return _AMBIGUOUS.search(text) is not None


def audiences_missed(text: str) -> Iterator[str]:
    """Yield the groups of readers that the text does not address."""
    for group, names in _table()["audiences"].items():
        if not _any_word(tuple(names)).search(text):
            yield group


def remarks(prose: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield rule, place and message for what is said in a way that misleads or is hard to read."""
    yield from _hard_to_read(prose.get("/summary", ""))
    for at, text in prose.items():
        yield from ((rule, at, message) for rule, message in _in_text(text))
    yield from _unexplained(prose)


def _hard_to_read(summary: str) -> Iterator[tuple[str, str, str]]:
    """L004: the summary is plain."""
    level = grade(summary)
    if level is not None and level > _table()["summary_grade"]:
        yield "L004", "/summary", f"the summary reads at grade {level:.0f}; use shorter words and sentences"
    if long_sentence(summary) > _table()["summary_sentence_words"]:
        yield "L004", "/summary", "the sentences of the summary are long; say one thing in each"


def _in_text(text: str) -> Iterator[tuple[str, str]]:
    """Yield rule and message for words and forms that a text should do without."""
    table = _table()
    for rule, words, message in (
        ("L005", table["sensational"], "sensational"),
        ("L006", table["absolute"], "absolute, and no evidence can show it"),
        ("L009", table["human_like"], "speaks of a model as of a person"),
        ("L014", table["blame"], "blames; tell what happened instead"),
        ("L017", table["branded"], "gives the flaw a brand, which says nothing about its severity"),
        ("L019", table["teaser"], "teases: publish what is needed, or nothing"),
    ):
        found = _any_word(tuple(words)).search(text)
        if found:
            yield rule, f'"{found.group()}": {message}'
    if "!" in _BARE_IMAGE.sub("", text).replace("![", "") or _SHOUT.search(text):
        yield "L007", "no exclamation marks and no words in capitals"
    if _BARE_IMAGE.search(text):
        yield "L020", "an image has no text for those who cannot see it"


def _unexplained(prose: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """L016: a short form is spelled out where it first appears."""
    known = set(_table()["known_short"])
    everything = " ".join(prose.values())
    for short in sorted({found.removesuffix("s") for found in _SHORT.findall(prose.get("/summary", ""))} - known):
        if f"({short}" not in everything:
            yield "L016", "/summary", f'spell out "{short}" where it first appears'


@cache
def _any_word(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for any of the words, whole and without case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


@cache
def _table() -> Mapping[str, Any]:
    """Return the lists and limits."""
    return load("lint.toml", lambda table: table.content)
