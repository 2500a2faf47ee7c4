# SPDX-License-Identifier: Apache-2.0
"""What a campaign may cost, told before it starts: calls expected and at most, and money where a grant has prices."""

from collections.abc import Sequence
from dataclasses import dataclass

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Criterion
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns.costs import prices_of
from safeconduct.verification.cost import NO_PRICES, Cost, Prices, estimate
from safeconduct.verification.findings import percent

BOTH = 2


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


def expected(bundle: Bundle, criterion: Criterion, targets: Sequence[Target | None]) -> Expected:
    """Return what a campaign on these terms and targets may cost; money only where both targets are known.

    Raises:
        MalformedError: the bundle or the criterion cannot be used.
    """
    known = [target for target in targets if target is not None]
    prices = prices_of(*known) if len(known) == BOTH else NO_PRICES
    return expected_of(bundle, criterion, prices)


def expected_of(bundle: Bundle, criterion: Criterion, prices: Prices) -> Expected:
    """Return what a campaign on these terms may cost.

    Raises:
        MalformedError: the bundle or the criterion cannot be used.
    """
    found = estimate(bundle, criterion, prices)
    rows = tuple(Row(share=f"{percent(one.rate)} of tries", cost=one.cost) for one in found)
    return Expected(most=criterion.max_calls, rows=rows)
