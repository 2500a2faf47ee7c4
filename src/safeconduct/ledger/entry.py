# SPDX-License-Identifier: Apache-2.0
"""An entry of the log: a commitment and a kind, as canonical JSON (RFC 8785) of one constant length.

    {"c":"<base64 of 32 bytes>","k":"<kind>","p":"<padding>","v":1}

The member `p` makes all entries 96 bytes long. Only kinds that are public anyway keep their name; everything else is
written as `x`, cover entries too, so that the log does not tell how many reports, events or verdicts there were.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.errors import MalformedError

ENTRY_LENGTH = 96
COMMITMENT_LENGTH = 32
HIDDEN = "x"
_PADDING = b"0"
# Written out, so that canonical JSON need not be parsed a million times in an audit; a test holds them equal.
_FORM = re.compile(rb'\{"c":"([A-Za-z0-9+/]{43}=)","k":"([a-z-]+)","p":"0*","v":1\}')


class EntryKind(StrEnum):
    """What an entry commits to."""

    RECEIPT = "receipt"
    CASE_EVENT = "case-event"
    ADVISORY = "advisory"
    ATTESTATION = "attestation"
    KEY_CHANGE = "key-change"
    POLICY_CHANGE = "policy-change"
    AUDIT_HEAD = "audit-head"
    COVER = "cover"

    @property
    def published(self) -> str:
        """Return the name of the kind in the log."""
        match self:
            case EntryKind.ADVISORY | EntryKind.KEY_CHANGE | EntryKind.POLICY_CHANGE:
                return self.value
            case (
                EntryKind.RECEIPT
                | EntryKind.CASE_EVENT
                | EntryKind.ATTESTATION
                | EntryKind.AUDIT_HEAD
                | EntryKind.COVER
            ):
                return HIDDEN
            case _:
                assert_never(self)


PUBLISHED_KINDS = frozenset(kind.published for kind in EntryKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the log shows of one entry."""

    commitment: bytes
    kind: str


def encode_entry(commitment: bytes, kind: EntryKind) -> bytes:
    """Return the bytes of an entry.

    Raises:
        MalformedError: the commitment has not 32 bytes.
    """
    if len(commitment) != COMMITMENT_LENGTH:
        raise MalformedError(f"a commitment has {COMMITMENT_LENGTH} bytes, not {len(commitment)}", hint="see the docs")
    return _encode(Entry(commitment=commitment, kind=kind.published))


def decode_entry(data: bytes) -> Entry:
    """Return what the bytes of an entry say.

    Raises:
        MalformedError: they are not exactly what `encode_entry` writes.
    """
    match = _FORM.fullmatch(data)
    if not match or len(data) != ENTRY_LENGTH:
        raise MalformedError(f"an entry is not one of {ENTRY_LENGTH} bytes in our form", hint="it is from another log")
    commitment = decode64(match[1].decode(), what="the commitment of an entry", length=COMMITMENT_LENGTH)
    kind = match[2].decode()
    if kind not in PUBLISHED_KINDS:
        raise MalformedError("an entry is of an unknown kind", hint="it was written by a newer version")
    return Entry(commitment=commitment, kind=kind)


def _encode(entry: Entry) -> bytes:
    begin, end = f'{{"c":"{encode64(entry.commitment)}","k":"{entry.kind}","p":"', '","v":1}'
    return begin.encode().ljust(ENTRY_LENGTH - len(end), _PADDING) + end.encode()
