# SPDX-License-Identifier: Apache-2.0
"""Prices: exact decimal amounts, and nothing that is no price."""

from decimal import Decimal

import pytest

from safeconduct.domain.price import Price, amount_of, amount_text
from safeconduct.errors import MalformedError


def test_a_price_is_exact() -> None:
    price = Price(currency="EUR", per_call=Decimal("0.1"), per_million_in=Decimal("0.15"), per_million_out=Decimal(2))

    assert price.of(calls=3, tokens_in=1000, tokens_out=7) == Decimal("0.300164")


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "€", "EU1", "EUR\n"])
def test_a_currency_is_a_code_of_three_letters(currency: str) -> None:
    with pytest.raises(MalformedError, match="currency"):
        Price(currency=currency)


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1e9"])
@pytest.mark.parametrize("name", ["per_call", "per_million_in", "per_million_out"])
def test_an_amount_is_between_nothing_and_a_million(name: str, amount: str) -> None:
    with pytest.raises(MalformedError, match="price"):
        Price(currency="EUR", **{name: amount_of(amount)})


@pytest.mark.parametrize(
    ("written", "read"), [("0.150", "0.15"), ("1e2", "100"), ("0.000", "0"), ("100", "100"), ("-0", "0")]
)
def test_an_amount_has_one_spelling(written: str, read: str) -> None:
    assert amount_text(amount_of(written)) == read


@pytest.mark.parametrize("text", ["", "a", "1,5", "1 000", "0x1"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="decimal"):
        amount_of(text)
