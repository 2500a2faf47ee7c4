# SPDX-License-Identifier: Apache-2.0
"""What must not stand in a public text: credentials, private addresses, and the operative text of an attack.

Credentials are known by their form, so an unusual one is missed; this is a net under a person's eyes, not a guarantee.
Restricted texts are handed in by the caller (prompts of a bundle, sealed payloads) and compared without case,
compatibility forms, spacing and punctuation. A finding never repeats what it found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

SHORTEST_RESTRICTED = 12
"""Restricted texts with fewer letters and digits are too common to be looked for."""

SHORTEST_NAME = 2

_FORMS = (
    (
        "a private key",
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----|AGE-SECRET-KEY-1[0-9A-Z]{10}", re.IGNORECASE),
    ),
    ("an access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30}")),
    ("an access token", re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-|sk-)(?=[\w-]*\d)[\w-]{16}")),
    ("a signed web token", re.compile(r"\beyJ[0-9A-Za-z_-]{8,2000}\.eyJ[0-9A-Za-z_-]{8,2000}\.")),
    ("a bearer credential", re.compile(r"\bbearer\s+[0-9A-Za-z._~+/-]{20}", re.IGNORECASE)),
    ("a password", re.compile(r"\b(?:password|passwd|api[_-]?key|secret)\s*[:=]\s*(?=\S*\d)[^\s,;]{8}", re.IGNORECASE)),
)
_MAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+\b")
_PHONE = re.compile(r"(?<![\w.])\+\d{1,3}[ ()/-]{0,2}\d(?:[ ()/-]?\d){6,12}\b")


def secrets_in(text: str) -> Iterator[str]:
    """Yield the kind of each credential that the text seems to hold."""
    yield from (kind for kind, form in _FORMS if form.search(text))


def addresses_in(text: str, *, allowed: str = "") -> Iterator[str]:
    """Yield `a mail address` and `a telephone number` if there are any that do not stand in `allowed`."""
    if any(found not in allowed for found in _MAIL.findall(text)):
        yield "a mail address"
    if any(found not in allowed for found in _PHONE.findall(text)):
        yield "a telephone number"


def holds_restricted(text: str, restricted: Iterable[str]) -> bool:
    """Say whether the text holds one of the restricted texts, however it is spaced or punctuated."""
    plain = _bare(text)
    bare = (_bare(secret) for secret in restricted)
    return any(len(secret) >= SHORTEST_RESTRICTED and secret in plain for secret in bare)


def names_in(text: str, names: Iterable[str]) -> bool:
    """Say whether the text holds one of the names as whole words, written as it is."""
    return any(len(name) >= SHORTEST_NAME and _whole(name).search(text) for name in names)


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _bare(text: str) -> str:
    """Return the letters and digits of a text, without case and compatibility forms."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())
