# SPDX-License-Identifier: Apache-2.0
"""What the calls of a target cost, as its operator states it; no price of any vendor is known here.

Amounts are decimal numbers in one currency (ISO 4217 code, by its letters alone). What is not stated costs nothing.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from safeconduct.errors import MalformedError

MILLION: Final = 1_000_000
MOST: Final = Decimal(1_000_000)
_CODE: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A price per call and per million tokens, sent and received."""

    currency: str
    per_call: Decimal = Decimal(0)
    per_million_in: Decimal = Decimal(0)
    per_million_out: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse what is no price.

        Raises:
            MalformedError: the currency is no code of three letters, or an amount is negative, huge or no number.
        """
        amounts = (self.per_call, self.per_million_in, self.per_million_out)
        if not _CODE.fullmatch(self.currency):
            raise MalformedError("the currency is no code of three letters", hint="write for example EUR")
        if not all(amount.is_finite() and 0 <= amount <= MOST for amount in amounts):
            raise MalformedError("a price is not between 0 and a million", hint="write for example 0.15")

    def of(self, *, calls: int, tokens_in: int, tokens_out: int) -> Decimal:
        """Return what so much costs, exactly."""
        tokens = self.per_million_in * tokens_in + self.per_million_out * tokens_out
        return self.per_call * calls + tokens / MILLION


def amount_of(text: str) -> Decimal:
    """Return the decimal number that a text writes.

    Raises:
        MalformedError: it writes none.
    """
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise MalformedError("an amount is no decimal number", hint="write for example 0.15") from error


def amount_text(amount: Decimal) -> str:
    """Return an amount in its one spelling: without exponent and without zeros at its end."""
    return f"{amount.normalize():f}" if amount else "0"
