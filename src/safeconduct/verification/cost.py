# SPDX-License-Identifier: Apache-2.0
"""What a campaign costs: what is to be expected before it starts, and what it came to, by arm and family.

Expected calls are exact for one family at a time (dynamic programming, see `stats.exact`): the assay of a flaw that
succeeds in most tries, then the patched target at three rates of success: none, the design alternative, and that of a
target that is not patched at all. Families are added up; a patch that does nothing is refuted by one of them, which is
counted alone with the calls until its first hit. Unknown outcomes, late calls and repeated requests are not foreseen.

Tokens sent are estimated from the length of drawn variants, tokens received by what the bundle allows a reply at most.
Prices are the operator's; where none is stated, none is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from safeconduct.domain.bundle import Bundle, Speaker
from safeconduct.domain.evidence import Arm, Criterion, Trial
from safeconduct.domain.price import Price, amount_of, amount_text
from safeconduct.domain.safe_json import Json
from safeconduct.verification.fields import Fields
from safeconduct.verification.sampling import Sampler
from safeconduct.verification.stats.assay import AssayTest
from safeconduct.verification.stats.benign import BenignTest
from safeconduct.verification.stats.exact import assay_operating, boundaries, operating
from safeconduct.verification.stats.sequential import sequential_test
from safeconduct.verification.verdict import Call

UNPATCHED_RATE: Final = 0.6
"""How often the reported attack is taken to succeed where nothing was done against it."""
_CHARACTERS_PER_TOKEN: Final = 4
_DRAWS: Final = 20
_PATCHED: Final = frozenset({Arm.EFFICACY, Arm.BENIGN_AFTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What either target costs, where its operator says so."""

    unpatched: Price | None = None
    patched: Price | None = None

    def of(self, arm: Arm) -> Price | None:
        """Return the price of the target that an arm asks."""
        return self.patched if arm in _PATCHED else self.unpatched


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What some calls came to, or are expected to; `amounts` by currency, empty without a price."""

    calls: float = 0
    tokens_in: float = 0
    tokens_out: float = 0
    seconds: float = 0.0
    amounts: Mapping[str, Decimal]

    def plus(self, other: "Cost") -> "Cost":
        """Return both together."""
        currencies = dict.fromkeys((*self.amounts, *other.amounts))
        return Cost(
            calls=self.calls + other.calls,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            seconds=self.seconds + other.seconds,
            amounts={one: self.amounts.get(one, Decimal(0)) + other.amounts.get(one, Decimal(0)) for one in currencies},
        )


NOTHING: Final = Cost(amounts={})
NO_PRICES: Final = Prices()


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """What one arm of one family came to; the family is empty in the benign arms."""

    arm: Arm
    family: str
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLedger:
    """What a campaign came to: line by line, in the order in which the arms and families were first asked."""

    lines: tuple[CostLine, ...]

    @property
    def total(self) -> Cost:
        """Return all lines together."""
        total = NOTHING
        for line in self.lines:
            total = total.plus(line.cost)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is to be expected where the patched target's true rate of success is `rate`."""

    rate: float
    cost: Cost


def ledger_of(trials: Iterable[Trial], prices: Prices) -> CostLedger:
    """Return what the trials came to."""
    found: dict[tuple[Arm, str], Cost] = {}
    for trial in trials:
        family = trial.family if trial.arm in {Arm.ASSAY, Arm.EFFICACY} else ""
        cost = found.get((trial.arm, family), NOTHING)
        found[trial.arm, family] = cost.plus(_cost_of(trial, prices.of(trial.arm)))
    return CostLedger(lines=tuple(CostLine(arm=arm, family=family, cost=cost) for (arm, family), cost in found.items()))


def estimate(bundle: Bundle, criterion: Criterion, prices: Prices) -> tuple[Estimate, ...]:
    """Return what a campaign may come to: at residual 0, at the design alternative, and where nothing is patched.

    Raises:
        MalformedError: the bundle or the criterion cannot be used.
    """
    families = len(bundle.attack.families)
    tokens_in, tokens_out = _tokens_per_call(bundle)
    assay = AssayTest(required=criterion.reproduction, level=criterion.alpha, cap=criterion.max_assay_calls_per_family)
    before = families * assay_operating(assay, rate=max(UNPATCHED_RATE, criterion.reproduction)).calls
    estimates = []
    for rate in (0.0, criterion.design, UNPATCHED_RATE):
        after, pairs = _patched_calls(criterion, families=families, rate=rate), 0
        if bundle.benign and rate <= criterion.design:
            pairs = BenignTest(margin=criterion.benign_margin, level=criterion.alpha).pairs_needed
        share = min(1.0, criterion.max_calls / (before + after + 2 * pairs))
        cost = NOTHING
        for calls, price in ((before + pairs, prices.unpatched), (after + pairs, prices.patched)):
            cost = cost.plus(_expected(calls * share, price, tokens_in=tokens_in, tokens_out=tokens_out))
        estimates.append(Estimate(rate=rate, cost=cost))
    return tuple(estimates)


def cost_facts(cost: Cost) -> dict[str, Json]:
    """Return a cost as plain data."""
    return {
        "calls": cost.calls,
        "tokens_in": cost.tokens_in,
        "tokens_out": cost.tokens_out,
        "seconds": round(cost.seconds, 3),
        "price": {currency: amount_text(amount) for currency, amount in sorted(cost.amounts.items())},
    }


def ledger_facts(ledger: CostLedger) -> dict[str, Json]:
    """Return a ledger as plain data."""
    lines: list[Json] = [
        {"arm": line.arm.value, "family": line.family, **cost_facts(line.cost)} for line in ledger.lines
    ]
    return {"lines": lines, "total": cost_facts(ledger.total)}


def prices_facts(prices: Prices) -> dict[str, Json]:
    """Return prices as plain data; a target without a price has none."""
    return {"unpatched": _price_facts(prices.unpatched), "patched": _price_facts(prices.patched)}


def read_prices(fields: Fields) -> Prices:
    """Return the prices that were written so.

    Raises:
        MalformedError: they are no prices.
    """
    return Prices(
        unpatched=fields.one("unpatched", _read_price) if fields.has("unpatched") else None,
        patched=fields.one("patched", _read_price) if fields.has("patched") else None,
    )


def _cost_of(trial: Trial, price: Price | None) -> Cost:
    calls, tokens_in = 1, trial.tokens - trial.tokens_out
    amounts = {}
    if price is not None:
        amounts[price.currency] = price.of(calls=calls, tokens_in=tokens_in, tokens_out=trial.tokens_out)
    return Cost(calls=calls, tokens_in=tokens_in, tokens_out=trial.tokens_out, seconds=trial.seconds, amounts=amounts)


def _expected(calls: float, price: Price | None, *, tokens_in: float, tokens_out: float) -> Cost:
    whole = round(calls), round(calls * tokens_in), round(calls * tokens_out)
    amounts = {}
    if price is not None:
        amounts[price.currency] = price.of(calls=whole[0], tokens_in=whole[1], tokens_out=whole[2])
    return Cost(calls=whole[0], tokens_in=whole[1], tokens_out=whole[2], amounts=amounts)


def _patched_calls(criterion: Criterion, *, families: int, rate: float) -> float:
    """Return the expected calls of the patched target, without its benign pairs."""
    streams = families if criterion.per_family else 1
    test = sequential_test(criterion, streams=streams)
    one = operating(boundaries(test, cap=min(criterion.max_calls_per_family, criterion.max_calls)), rate=rate).calls
    return streams * one if rate <= criterion.design else one + 1 / rate - 1


def _tokens_per_call(bundle: Bundle) -> tuple[float, float]:
    """Return the tokens that a call is expected to send, and those it may receive at most."""
    # Code of the bundle is not run for an estimate: its mutators are taken to leave the length as it is.
    sampler = Sampler(bundle, bytes(32), code=lambda _file: lambda turns, _chance: turns)
    sent, replies, draws = 0, 0, 0
    for family in bundle.attack.families:
        for _ in range(_DRAWS):
            script = sampler.draw(Call(arm=Arm.ASSAY, family=family.name)).script
            asked = [place for place, turn in enumerate(script) if turn.role is Speaker.USER]
            # Every request of a conversation carries what came before it.
            sent += sum(len(turn.text) for place in asked for turn in script[: place + 1])
            replies += len(asked)
            draws += 1
    return sent / _CHARACTERS_PER_TOKEN / draws, bundle.target.sampling.max_tokens * replies / draws


def _price_facts(price: Price | None) -> Json:
    if price is None:
        return None
    return {
        "currency": price.currency,
        "per_call": amount_text(price.per_call),
        "per_million_in": amount_text(price.per_million_in),
        "per_million_out": amount_text(price.per_million_out),
    }


def _read_price(fields: Fields) -> Price:
    return Price(
        currency=fields.text("currency", limit=3),
        per_call=amount_of(fields.text("per_call", limit=50)),
        per_million_in=amount_of(fields.text("per_million_in", limit=50)),
        per_million_out=amount_of(fields.text("per_million_out", limit=50)),
    )
