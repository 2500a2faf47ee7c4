# SPDX-License-Identifier: Apache-2.0
"""The token of a report form: when the page was given out, and a random number that names this one report.

    number (32 hex digits) . issued at (seconds) . HMAC-SHA256 over both

The number names the request, so that a double click or a reload makes one report; the codename follows from it and a
secret of the instance, so that the answer is the same too. The time holds off programs that send at once, without any
address being counted. Nothing of a token is stored.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.secret import derive_key
from safeconduct.errors import MalformedError
from safeconduct.server.audit.ring import key_ring

NUMBER_BYTES = 16
EARLIEST = timedelta(seconds=3)
LATEST = timedelta(hours=24)
_TOKEN = re.compile(r"([0-9a-f]{32})\.([0-9]{1,12})\.([0-9a-f]{64})")


class Freshness(StrEnum):
    """Whether a form may be sent now."""

    TOO_EARLY = "too_early"
    FRESH = "fresh"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormToken:
    """A token that this service gave out."""

    number: str
    issued_at: datetime

    def __str__(self) -> str:
        stamp = int(self.issued_at.timestamp())
        return f"{self.number}.{stamp}.{_proof(self.number, stamp)}"

    def freshness(self, now: datetime) -> Freshness:
        """Return whether the form may be sent now."""
        age = now - self.issued_at
        if age < EARLIEST:
            return Freshness.TOO_EARLY
        return Freshness.FRESH if age <= LATEST else Freshness.TOO_OLD

    def codename(self) -> Codename:
        """Return the codename of the report that this form makes."""
        secret = key_ring().purpose_key("codename of a form")
        return Codename.new(lambda length: derive_key(secret, label=self.number.encode(), length=length).reveal())


def new_token(now: datetime) -> FormToken:
    """Return a fresh token."""
    return FormToken(number=secrets.token_hex(NUMBER_BYTES), issued_at=now.replace(microsecond=0))


def read_token(text: str) -> FormToken:
    """Return the token of a form.

    Raises:
        MalformedError: this service did not give it out.
    """
    found = _TOKEN.fullmatch(text)
    if found is None or not hmac.compare_digest(_proof(found[1], int(found[2])), found[3]):
        raise MalformedError("the form was not made by this page", hint="check your answers and send it again")
    return FormToken(number=found[1], issued_at=datetime.fromtimestamp(int(found[2]), tz=UTC))


def _proof(number: str, stamp: int) -> str:
    key = key_ring().purpose_key("form token").reveal()
    return hmac.new(key, f"{number}.{stamp}".encode(), "sha256").hexdigest()
