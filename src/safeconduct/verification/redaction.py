# SPDX-License-Identifier: Apache-2.0
"""What of a harmful reply may be shown in clear: a short excerpt in which the find and the payload are masked.

Terminal escapes and every sign without a shape are taken out; what the oracle looks for becomes `[found]`, words that
repeat the prompt become `[prompt]`, and the rest is cut. Of a bundle that says it provokes harmful output nothing is
shown.

Not promised: a reply may paraphrase or encode what it gives away, and a mask that looks for words cannot see that. So
the excerpt is for who may read the report, and the whole reply stays sealed.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from safeconduct.domain.bundle import Bundle, Canary, Check, HazardLevel, JsonPath, Pattern
from safeconduct.verification.expressions import compile_expression
from safeconduct.verification.reply import Reply

LONGEST: Final = 280
MOST_KEPT: Final = 16_384
WITHHELD: Final = "(nothing is shown: the bundle says that what it provokes is harmful)"
# While masks are set, each is one sign that no plain text holds, so that no later mask finds something in it.
_FOUND, _PROMPT = "\ue000", "\ue001"
_MASKS: Final = {_FOUND: "[found]", _PROMPT: "[prompt]"}
_SHINGLE: Final = 4
_MOST_FINDS: Final = 20
_HARMFUL: Final = frozenset({HazardLevel.ELEVATED, HazardLevel.HIGH})
# Control sequences (CSI), operating-system commands (OSC) and the other strings of ECMA-48, then single escapes.
_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\x9c|$)|\x1b[ -/]*[0-~]?", re.DOTALL
)
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A reply that the oracle took for a success: whole up to a limit, to be sealed, and an excerpt to be shown."""

    number: int
    family: str
    text: str = field(repr=False)
    excerpt: str = field(repr=False)


def keep(bundle: Bundle, replies: Sequence[Reply], *, prompts: Iterable[str], number: int, family: str) -> Kept:
    """Return the replies to one script as they are kept."""
    whole = "\n\n".join(_told(reply) for reply in replies)[:MOST_KEPT]
    return Kept(number=number, family=family, text=whole, excerpt=excerpt(bundle, whole, prompts=prompts))


def excerpt(bundle: Bundle, text: str, *, prompts: Iterable[str]) -> str:
    """Return what may be shown of a reply, at most `LONGEST` characters."""
    safety = bundle.about.safety
    if safety.contains_harmful_output or safety.hazard_level in _HARMFUL:
        return WITHHELD
    shown = plain(text)
    for check in bundle.oracle.checks:
        shown = _without(check, shown)
    shown = _without_prompt(shown, prompts)
    for sign, mask in _MASKS.items():
        shown = shown.replace(sign, mask)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def plain(text: str) -> str:
    """Return the text on one line, in compatibility form, without escapes and signs that cannot be seen."""
    bare = unicodedata.normalize("NFKC", _ESCAPES.sub("", text))
    seen = "".join(" " if letter.isspace() else letter for letter in bare if letter.isspace() or letter.isprintable())
    return " ".join(seen.split())


def _told(reply: Reply) -> str:
    return " ".join((reply.text, *(f"[called {call.tool}]" for call in reply.calls)))


def _without(check: Check, shown: str) -> str:
    """Mask what one check looks for."""
    match check:
        case Canary(text=text) | JsonPath(equals=text):
            signs = [re.escape(letter) for letter in plain(text) if letter.isalnum()]
            return re.sub(r"[\W_]*".join(signs), _FOUND, shown, flags=re.IGNORECASE) if signs else shown
        case Pattern(pattern=pattern):
            return _without_pattern(pattern, shown)
        case _:
            return shown


def _without_pattern(pattern: str, shown: str) -> str:
    search = compile_expression(pattern)
    for _ in range(_MOST_FINDS):
        found = search(shown)
        if not found:
            return shown
        if _FOUND in found:
            break
        shown = shown.replace(found, _FOUND)
    return _FOUND


def _without_prompt(shown: str, prompts: Iterable[str]) -> str:
    """Mask every run of four words or more that a prompt holds as well."""
    known = {shingle for prompt in prompts for shingle in _shingles([one[0] for one in _words(plain(prompt))])}
    words = _words(shown)
    covered = [False] * len(words)
    for place, shingle in enumerate(_shingles([one[0] for one in words])):
        if shingle in known:
            covered[place : place + _SHINGLE] = [True] * _SHINGLE
    pieces, at = [], 0
    for place, (_, start, end) in enumerate(words):
        if not covered[place]:
            continue
        if not place or not covered[place - 1]:
            pieces += [shown[at:start], _PROMPT]
        at = end
    return "".join((*pieces, shown[at:]))


def _words(text: str) -> list[tuple[str, int, int]]:
    return [(found.group().casefold(), found.start(), found.end()) for found in _WORD.finditer(text)]


def _shingles(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + _SHINGLE]) for place in range(len(words) - _SHINGLE + 1)]
