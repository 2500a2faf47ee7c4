# SPDX-License-Identifier: Apache-2.0
"""One campaign as ordered at the prompt: its terms, its targets, and how a journal keeps both to go on from.

Whoever types the address grants it. The terms are frozen with the order; a journal holds them, and what is found there
must come to the same digests again.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Bundle, Speaker
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.observed import Judge
from safeconduct.domain.price import Price, amount_of
from safeconduct.domain.safe_json import Json
from safeconduct.errors import ConfigurationError, MalformedError, VerificationError
from safeconduct.verification.bundle.reading import read_criterion
from safeconduct.verification.campaign import Terms
from safeconduct.verification.cost import prices_facts, read_prices
from safeconduct.verification.criterion import criterion_sha256, criterion_terms
from safeconduct.verification.fields import Fields
from safeconduct.verification.meter import Spent
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.variants import SEED_LENGTH, HeldOut, new_held_out

_MANY_TOKENS: Final = 1_000_000_000
_DESIGN_SHARE: Final = 5
_PARTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOption:
    """One target as typed: an address or folders, a model, for a classifier its entry."""

    place: str
    model: str
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How targets are reached: with which secret, whether at private addresses, so many calls at a time.

    `judge` is the address of the model that the oracle asks for its opinion, if it asks one.
    """

    secret_env: str
    allow_private: bool
    width: int = 1
    judge: str = ""
    judge_secret_env: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One campaign as ordered: what is frozen, which targets, and how they are reached."""

    terms: Terms
    bundle_path: Path
    patched: TargetOption
    unpatched: TargetOption
    reach: Reach


def held_out(seed: str) -> HeldOut:
    """Return a fresh salt with the seed that the text stands for, or with a fresh one."""
    fresh = new_held_out(secrets.token_bytes)
    if not seed:
        return fresh
    return replace(fresh, seed=hashlib.sha256(seed.encode()).digest()[:SEED_LENGTH])


def campaign_name(seed: str, bundle: Bundle) -> str:
    """Return a fresh name, or the one that goes with a seed that was given, so that its draws are the same again."""
    if not seed:
        return f"run-{secrets.token_hex(16)}"
    return f"seeded-{hashlib.sha256(f'{bundle.id}/{seed}'.encode()).hexdigest()[:32]}"


def criterion_of(bundle: Bundle, *, max_calls: int | None, tolerance: float | None) -> Criterion:
    """Return the bundle's criterion with what the prompt changes; the design alternative moves with the tolerance."""
    criterion = bundle.criterion
    if max_calls is not None:
        criterion = replace(criterion, max_calls=max_calls)
    if tolerance is not None:
        criterion = replace(criterion, tolerance=tolerance, design=tolerance / _DESIGN_SHARE)
    return criterion


def price_of(text: str) -> Price | None:
    """Return the price that `CUR:CALL:IN:OUT` writes; none for an empty text.

    Raises:
        MalformedError: it writes no price.
    """
    if not text:
        return None
    parts = text.split(":")
    if len(parts) != _PARTS:
        raise MalformedError("a price has four parts", hint="for example EUR:0:0.15:0.60, per call, million in and out")
    amounts = [amount_of(part) for part in parts[1:]]
    return Price(currency=parts[0], per_call=amounts[0], per_million_in=amounts[1], per_million_out=amounts[2])


def makers(order: Order, *, spent: Mapping[str, Spent]) -> tuple[Callable[[], Target], Callable[[], Target]]:
    """Return what makes the unpatched and the patched target, less what earlier sittings spent.

    Raises:
        ConfigurationError: the secret is not there.
    """
    bundle, reach = order.terms.bundle, order.reach
    _secrets(reach.secret_env, reach.judge_secret_env)
    judge = judge_of(bundle, reach)
    unpatched, patched = (
        partial(open_target, bundle, grant_of(bundle, option, reach, spent=spent[role]), judge=judge)
        for role, option in (("unpatched", order.unpatched), ("patched", order.patched))
    )
    return unpatched, patched


def open_target(bundle: Bundle, grant: TargetGrant, *, judge: TargetGrant | None = None) -> Target:
    """Return a target as granted; secrets are taken from the environment of the process that this runs in.

    Raises:
        SafeconductError: as `target_for`, and ConfigurationError for a secret.
    """
    stored = _secrets(grant.secret_name, judge.secret_name if judge else "")
    return target_for(bundle, grant, clock=now, secrets=stored, judge=judge)


def judge_of(bundle: Bundle, reach: Reach) -> TargetGrant | None:
    """Return what typing the judge's address grants: the model that the bundle's oracle names, so many calls."""
    model = next((check.model for check in bundle.oracle.checks if isinstance(check, Judge)), "")
    if not reach.judge or not model:
        return None
    caps = Caps(calls=bundle.limits.calls, tokens=_MANY_TOKENS, call_seconds=bundle.limits.call_seconds)
    return TargetGrant(
        model=model,
        url=reach.judge,
        caps=caps,
        secret_name=reach.judge_secret_env,
        allow_private=reach.allow_private,
    )


def grant_of(bundle: Bundle, option: TargetOption, reach: Reach, *, spent: Spent | None = None) -> TargetGrant:
    """Return what typing the option grants: the bundle's own limits are the caps, less what was spent."""
    limits, used = bundle.limits, spent or Spent()
    is_local = not bundle.target.adapter.is_remote
    return TargetGrant(
        model=option.model,
        adapter=bundle.target.adapter,
        url="" if is_local else option.place,
        entry=option.entry or (bundle.target.entry if is_local else ""),
        packages=option.place if is_local else "",
        caps=Caps(
            calls=max(0, limits.calls - used.calls),
            tokens=max(0, min(limits.tokens, _MANY_TOKENS) - used.tokens),
            tokens_per_call=bundle.target.sampling.max_tokens,
            call_seconds=limits.call_seconds,
        ),
        secret_name=reach.secret_env,
        allow_private=reach.allow_private,
    )


def turns_per_call(bundle: Bundle) -> int:
    """Return how many requests one call of the campaign takes at least."""
    return max(1, sum(step.role is Speaker.USER for step in bundle.attack.steps))


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def order_facts(order: Order) -> dict[str, Json]:
    """Return what a journal keeps of an order."""
    terms = order.terms
    return {
        "bundle": {"path": str(order.bundle_path.resolve()), "id": terms.bundle.id},
        "campaign": terms.campaign,
        "salt": terms.held_out.salt.hex(),
        "seed": terms.held_out.seed.hex(),
        "commitment": terms.commitment,
        "criterion": criterion_terms(terms.criterion),
        "criterion_sha256": criterion_sha256(terms.criterion),
        "prices": prices_facts(terms.prices),
        "approved_code": list[Json](sorted(terms.approved_code)),
        "patched": _option_facts(order.patched),
        "unpatched": _option_facts(order.unpatched),
        "secret_env": order.reach.secret_env,
        "allow_private": order.reach.allow_private,
        "width": order.reach.width,
        "judge": order.reach.judge,
        "judge_secret_env": order.reach.judge_secret_env,
    }


def bundle_path_of(facts: Mapping[str, Json]) -> Path:
    """Return where the bundle of a journal lay.

    Raises:
        MalformedError: the journal does not say.
    """
    bundle = Fields.of(dict(facts), at="journal").value("bundle")
    return Path(Fields.of(bundle, at="journal: bundle").text("path", limit=4096))


def read_order(facts: Mapping[str, Json], bundle: Bundle) -> Order:
    """Return the order of a journal, with the bundle that it is about.

    Raises:
        VerificationError: the bundle is another one, or the terms are not those that were frozen.
        MalformedError: the journal is not of a run at the prompt.
        IncompleteError: something is missing.
    """
    fields = Fields.of(dict(facts), at="journal")
    named = Fields.of(fields.value("bundle"), at="journal: bundle")
    path, bundle_id = Path(named.text("path", limit=4096)), named.text("id", limit=64)
    terms = Terms(
        bundle=bundle,
        criterion=fields.one("criterion", read_criterion),
        held_out=HeldOut(salt=_hex(fields, "salt"), seed=_hex(fields, "seed")),
        campaign=fields.text("campaign", limit=200),
        prices=fields.one("prices", read_prices),
        approved_code=frozenset(fields.texts("approved_code", most=100, default=True, limit=64)),
    )
    frozen = (bundle_id, fields.text("criterion_sha256", limit=64), fields.text("commitment", limit=64))
    if frozen != (bundle.id, criterion_sha256(terms.criterion), terms.commitment):
        raise VerificationError(
            "the bundle or the terms are not those that were frozen", hint="bring the bundle of this journal, unaltered"
        )
    order = Order(
        terms=terms,
        bundle_path=path,
        patched=fields.one("patched", _read_option),
        unpatched=fields.one("unpatched", _read_option),
        reach=Reach(
            secret_env=fields.text("secret_env", limit=200),
            allow_private=fields.flag("allow_private", default=False),
            width=fields.whole("width", least=1, most=64),
            judge=fields.text("judge", "", limit=2_000),
            judge_secret_env=fields.text("judge_secret_env", "", limit=200),
        ),
    )
    fields.done()
    return order


def _hex(fields: Fields, name: str) -> bytes:
    try:
        return bytes.fromhex(fields.text(name, limit=64))
    except ValueError as error:
        raise fields.wrong(name, "hexadecimal digits") from error


def _option_facts(option: TargetOption) -> dict[str, Json]:
    return {"place": option.place, "model": option.model, "entry": option.entry}


def _read_option(fields: Fields) -> TargetOption:
    return TargetOption(
        place=fields.text("place", limit=4096),
        model=fields.text("model", limit=500),
        entry=fields.text("entry", limit=500),
    )


def _secrets(*names: str) -> dict[str, Secret]:
    """Return the secrets of the environment variables, by their names."""
    found = {name: os.environ.get(name, "") for name in names if name}
    for name, value in found.items():
        if not value:
            raise ConfigurationError(f"the environment variable {name} is not set", hint="it holds the target's secret")
    return {name: Secret(value.encode()) for name, value in found.items()}
