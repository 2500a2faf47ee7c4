# SPDX-License-Identifier: Apache-2.0
"""What a campaign costs: the estimate is of the same size as what it comes to, and the ledger adds up."""

import json
import statistics
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.verification.bundles import leak_bundle
from tests.verification.deliberations import HIT, MISS, by_rate, conduct, make_trial

from safeconduct.domain.evidence import Arm, Criterion
from safeconduct.domain.price import Price
from safeconduct.errors import MalformedError
from safeconduct.verification.cost import (
    NO_PRICES,
    Prices,
    estimate,
    ledger_facts,
    ledger_of,
    prices_facts,
    read_prices,
)
from safeconduct.verification.fields import Fields

PRICE = Price(currency="EUR", per_call=Decimal("0.01"), per_million_in=Decimal(10), per_million_out=Decimal(100))
FAMILIES = ("plain", "base64", "leet")


def test_the_ledger_adds_up_by_arm_and_family() -> None:
    trials = [
        replace(make_trial(1, Arm.ASSAY, HIT, family="a"), tokens=100, tokens_out=40, seconds=1.5),
        replace(make_trial(2, Arm.ASSAY, HIT, family="a"), tokens=100, tokens_out=40, seconds=1.5),
        replace(make_trial(3, Arm.EFFICACY, MISS, family="a"), tokens=10, seconds=0.25),
        replace(make_trial(4, Arm.BENIGN_BEFORE, HIT), tokens=7, tokens_out=2),
    ]

    ledger = ledger_of(trials, Prices(unpatched=PRICE, patched=replace(PRICE, currency="USD")))

    assert [(line.arm, line.family, line.cost.calls) for line in ledger.lines] == [
        (Arm.ASSAY, "a", 2),
        (Arm.EFFICACY, "a", 1),
        (Arm.BENIGN_BEFORE, "", 1),
    ]
    assert ledger.lines[0].cost.amounts == {"EUR": Decimal("0.0292")}
    facts = ledger_facts(ledger)
    assert facts["total"] == {
        "calls": 4,
        "tokens_in": 135,
        "tokens_out": 82,
        "seconds": 3.75,
        "price": {"EUR": "0.03945", "USD": "0.0101"},
    }


def test_without_prices_none_is_told() -> None:
    ledger = ledger_of([make_trial(1, Arm.ASSAY, HIT, family="a")], NO_PRICES)

    assert ledger_facts(ledger)["total"]["price"] == {}  # type: ignore[index,call-overload]  # an object


@pytest.mark.parametrize("prices", [NO_PRICES, Prices(patched=PRICE), Prices(unpatched=PRICE, patched=PRICE)])
def test_prices_are_read_as_they_are_written(prices: Prices) -> None:
    assert read_prices(Fields.of(prices_facts(prices), at="prices")) == prices


def test_what_is_no_price_is_refused() -> None:
    facts = json.loads(json.dumps(prices_facts(Prices(patched=PRICE))))
    facts["patched"]["per_call"] = "free"

    with pytest.raises(MalformedError):
        read_prices(Fields.of(facts, at="prices"))


@pytest.mark.parametrize("per_family", [True, False])
def test_the_estimate_is_of_the_size_of_what_campaigns_come_to(*, per_family: bool) -> None:
    criterion = Criterion(max_calls=2000, per_family=per_family)
    bundle = leak_bundle(benign=(), criterion=criterion)

    found = estimate(bundle, criterion, Prices(unpatched=PRICE, patched=PRICE))

    for one in found:
        calls = []
        for seed in range(12):
            rates = {arm: dict.fromkeys(FAMILIES, rate) for arm, rate in ((Arm.ASSAY, 0.6), (Arm.EFFICACY, one.rate))}
            state, _ = conduct(criterion, FAMILIES, by_rate(rates, seed=seed))
            calls.append(state.calls)
        assert 0.6 < one.cost.calls / statistics.mean(calls) < 1.7
        assert one.cost.amounts["EUR"] > one.cost.calls * PRICE.per_call
        assert one.cost.tokens_out == pytest.approx(one.cost.calls * 24, abs=24)


def test_the_estimate_counts_benign_pairs_and_keeps_to_the_cap() -> None:
    bundle = leak_bundle()

    with_controls = estimate(bundle, bundle.criterion, NO_PRICES)[0].cost.calls
    without = estimate(replace(bundle, benign=()), bundle.criterion, NO_PRICES)[0].cost.calls
    capped = estimate(bundle, replace(bundle.criterion, max_calls=50), NO_PRICES)[0].cost.calls

    assert with_controls - without > 80
    assert abs(capped - 50) <= 1
