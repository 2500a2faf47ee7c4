# SPDX-License-Identifier: Apache-2.0
"""What a campaign may cost, told before it starts: calls expected and at most, and money where a grant has prices."""

from dataclasses import dataclass

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Criterion
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns.costs import prices_of
from safeconduct.server.campaigns.forms import StartForm
from safeconduct.verification.cost import NO_PRICES, Cost, Prices, estimate
from safeconduct.verification.findings import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is to be expected where the attack still succeeds in so many tries."""

    share: str
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a campaign may cost."""

    most: int
    rows: tuple[Row, ...]


def expected(bundle: Bundle, form: StartForm) -> Expected:
    """Return what a campaign on the terms of a form may cost; of a form not sent, on those that it proposes."""
    if form.is_bound:
        prices = prices_of(form.cleaned_data["unpatched"], form.cleaned_data["patched"])
        return expected_of(bundle, form.criterion(), prices)
    first = [form.first(name) for name in ("unpatched", "patched")]
    chosen = [target for target in first if isinstance(target, Target)]
    prices = prices_of(*chosen) if len(chosen) == len(first) else NO_PRICES
    return expected_of(bundle, bundle.criterion, prices)


def expected_of(bundle: Bundle, criterion: Criterion, prices: Prices) -> Expected:
    """Return what a campaign on these terms may cost.

    Raises:
        MalformedError: the bundle or the criterion cannot be used.
    """
    found = estimate(bundle, criterion, prices)
    rows = tuple(Row(share=f"{percent(one.rate)} of tries", cost=one.cost) for one in found)
    return Expected(most=criterion.max_calls, rows=rows)
