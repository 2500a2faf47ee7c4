# SPDX-License-Identifier: Apache-2.0
"""One campaign as ordered: what a journal keeps comes to the same order again, and nothing else does."""

import copy
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.verification.bundles import leak_bundle

from safeconduct.cli.verify_order import (
    Order,
    Reach,
    TargetOption,
    bundle_path_of,
    campaign_name,
    criterion_of,
    grant_of,
    held_out,
    makers,
    order_facts,
    price_of,
    read_order,
    turns_per_call,
)
from safeconduct.domain.price import Price
from safeconduct.errors import ConfigurationError, MalformedError, SafeconductError, VerificationError
from safeconduct.verification.campaign import Terms
from safeconduct.verification.cost import Prices
from safeconduct.verification.meter import Spent

NEEDED = {
    "bundle", "campaign", "commitment", "criterion", "criterion_sha256", "patched", "prices", "salt", "secret_env",
    "seed", "unpatched", "width",
}  # fmt: skip
BUNDLE = replace(leak_bundle(), id="ab" * 32)
ORDER = Order(
    terms=Terms(
        bundle=BUNDLE,
        criterion=BUNDLE.criterion,
        held_out=held_out("lesson"),
        campaign=campaign_name("lesson", BUNDLE),
        prices=Prices(patched=Price(currency="EUR", per_call=Decimal("0.5"))),
    ),
    bundle_path=Path("/somewhere/leak.zip"),
    patched=TargetOption(place="https://x.example/v1", model="acme-2"),
    unpatched=TargetOption(place="https://y.example/v1", model="acme-1", entry="m:f"),
    reach=Reach(secret_env="", allow_private=True, width=4),
)


def test_an_order_is_read_as_it_was_kept() -> None:
    facts = order_facts(ORDER)

    assert read_order(facts, BUNDLE) == ORDER
    assert bundle_path_of(facts) == ORDER.bundle_path


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.update(salt="00" * 32),
        lambda facts: facts.update(seed="00" * 32),
        lambda facts: facts.update(campaign="another"),
        lambda facts: facts.update(commitment="00" * 32),
        lambda facts: facts.update(criterion_sha256="00" * 32),
        lambda facts: facts["criterion"].update(alpha=0.2),
        lambda facts: facts["bundle"].update(id="00" * 32),
    ],
    ids=["salt", "seed", "name", "commitment", "digest", "criterion", "bundle"],
)
def test_terms_that_were_changed_are_refused(change: Callable[[dict[str, Any]], None]) -> None:
    facts: dict[str, Any] = copy.deepcopy(order_facts(ORDER))
    change(facts)

    with pytest.raises(VerificationError, match="not those that were frozen"):
        read_order(facts, BUNDLE)


@pytest.mark.parametrize("name", sorted(set(order_facts(ORDER)) & NEEDED))
def test_an_order_without_one_of_its_parts_is_refused(name: str) -> None:
    facts = order_facts(ORDER)
    del facts[name]

    with pytest.raises(SafeconductError):
        read_order(facts, BUNDLE)


def test_what_a_journal_does_not_grant_is_not_granted() -> None:
    facts = order_facts(ORDER)
    for name in set(facts) - NEEDED:
        del facts[name]

    assert not read_order(facts, BUNDLE).reach.allow_private


@pytest.mark.parametrize("change", [{"salt": "zz"}, {"extra": 1}, {"width": 0}, {"patched": "x"}, {"prices": 1}])
def test_what_is_no_order_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SafeconductError):
        read_order(order_facts(ORDER) | change, BUNDLE)
    with pytest.raises(SafeconductError):
        bundle_path_of({"bundle": {}})


def test_a_seed_has_its_name_and_no_seed_has_a_fresh_one() -> None:
    assert campaign_name("a", BUNDLE) == campaign_name("a", BUNDLE) != campaign_name("b", BUNDLE)
    assert campaign_name("", BUNDLE) != campaign_name("", BUNDLE)
    assert held_out("a").seed == held_out("a").seed != held_out("").seed


def test_what_earlier_sittings_spent_is_not_granted_again() -> None:
    limited = replace(BUNDLE, limits=replace(BUNDLE.limits, calls=10, tokens=100))

    fresh = grant_of(limited, ORDER.patched, ORDER.reach)
    later = grant_of(limited, ORDER.patched, ORDER.reach, spent=Spent(calls=4, tokens=1_000))

    assert (fresh.caps.calls, fresh.caps.tokens) == (10, 100)
    assert (later.caps.calls, later.caps.tokens) == (6, 0)
    assert turns_per_call(BUNDLE) == 1


def test_terms_may_be_set_at_the_prompt() -> None:
    loose = criterion_of(BUNDLE, max_calls=7, tolerance=0.2)

    assert (loose.max_calls, loose.tolerance, loose.design) == (7, 0.2, 0.04)
    assert criterion_of(BUNDLE, max_calls=None, tolerance=None) == BUNDLE.criterion


def test_a_price_is_written_in_four_parts() -> None:
    assert price_of("") is None
    assert price_of("EUR:0:0.15:0.60") == Price(
        currency="EUR", per_million_in=Decimal("0.15"), per_million_out=Decimal("0.60")
    )


@pytest.mark.parametrize("text", ["EUR", "EUR:1:2", "EUR:1:2:3:4", "EUR:a:b:c", "euro:1:2:3", "EUR:-1:0:0"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        price_of(text)


def test_a_secret_that_is_not_there_is_missed_before_anything_is_made() -> None:
    order = replace(ORDER, reach=replace(ORDER.reach, secret_env="NO_SUCH_KEY"))

    with pytest.raises(ConfigurationError, match="NO_SUCH_KEY"):
        makers(order, spent={"unpatched": Spent(), "patched": Spent()})
