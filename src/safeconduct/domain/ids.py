# SPDX-License-Identifier: Apache-2.0
"""Random typed identifiers: a short prefix that names the kind, and 128 bits that reveal nothing.

The body is lower-case Crockford base 32 (26 characters, no i, l, o, u), so an identifier can be read aloud.
Identifiers carry no time and no counter: neither volume nor order can be guessed from them.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NewType

from safeconduct.errors import MalformedError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 26

Entropy = Callable[[int], bytes]
"""A source of random bytes, `secrets.token_bytes` in production: called with a count, returns that many."""

ReportId = NewType("ReportId", str)
FindingId = NewType("FindingId", str)
FlawId = NewType("FlawId", str)
CaseId = NewType("CaseId", str)
PartyId = NewType("PartyId", str)
OrganizationId = NewType("OrganizationId", str)
AdvisoryId = NewType("AdvisoryId", str)
TargetId = NewType("TargetId", str)
CampaignId = NewType("CampaignId", str)


class IdKind(StrEnum):
    """What an identifier names; the value is its prefix."""

    REPORT = "rep"
    ATTACHMENT = "att"
    MESSAGE = "msg"
    ASSESSMENT = "asm"
    FINDING = "fnd"
    FLAW = "flw"
    CASE = "cas"
    PARTICIPANT = "ptc"
    EMBARGO = "emb"
    PARTY = "pty"
    ORGANIZATION = "org"
    TOKEN = "tok"  # noqa: S105  # a prefix, not a secret
    INVITATION = "inv"
    EVENT = "evt"
    JOB = "job"
    TARGET = "tgt"
    CAMPAIGN = "cmp"
    PROBE = "prb"
    ROUND = "rnd"
    SUITE_CHECK = "sui"
    WATCH = "wch"
    ADVISORY = "adv"
    BUNDLE = "bdl"
    RECEIPT = "rcp"


def new_id(kind: IdKind, entropy: Entropy) -> str:
    """Return a fresh identifier of the kind, e.g. `rep_0v3q…`."""
    number = int.from_bytes(entropy(16), "big")
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, 32)
        digits.append(ALPHABET[digit])
    return f"{kind.value}_{''.join(reversed(digits))}"


def parse_id(kind: IdKind, text: str) -> str:
    """Return the text if it is an identifier of the kind.

    Raises:
        MalformedError: the prefix, the length or a character is wrong.
    """
    prefix, _, body = text.partition("_")
    if prefix != kind.value or len(body) != ID_LENGTH or not set(body) <= set(ALPHABET):
        raise MalformedError(f"not an identifier of a {kind.name.lower()}", hint=f"it starts with {kind.value}_")
    return text
