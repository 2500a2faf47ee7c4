# SPDX-License-Identifier: Apache-2.0
"""How many calls a campaign with a bundle takes: played through with invented outcomes, without asking anybody.

Two cases bound what is usual. At best the attack always succeeds before the patch and never after it, and benign use is
unharmed. If the patch changes nothing, the attack always succeeds, and the campaign ends soon. A campaign whose terms
ask for more than `MOST_PLAYED` calls is not played to its end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.verification.stats.sequential import sequential_test
from safeconduct.verification.verdict import POOLED, Call, Deliberation

MOST_PLAYED: Final = 20_000
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Calls of a campaign: at most, with a perfect fix, with a patch that changes nothing.

    `needed` is what a perfect fix would take without the cap, `None` if it is more than was played through.
    """

    most: int
    fixed: int
    unchanged: int
    needed: int | None

    @property
    def is_enough(self) -> bool:
        """Say whether the cap lets a perfect fix be shown."""
        return self.needed is not None and self.needed <= self.most


def calls_of_family(criterion: Criterion) -> int:
    """Return how many calls on the patched target show that one family is fixed, if none of them is a hit.

    Raises:
        MalformedError: the criterion contradicts itself.
    """
    return sequential_test(criterion, streams=1).calls_needed


def costs_of(bundle: Bundle) -> Costs:
    """Return what a campaign with the bundle costs.

    Raises:
        MalformedError: the criterion contradicts itself, or there are no families.
    """
    most = min(bundle.criterion.max_calls, bundle.limits.calls)
    fixed, is_over = _played(bundle, lambda call: call.arm is not Arm.EFFICACY)
    unchanged, _ = _played(bundle, lambda _call: True)
    return Costs(most=most, fixed=min(fixed, most), unchanged=min(unchanged, most), needed=fixed if is_over else None)


def _played(bundle: Bundle, hits: Callable[[Call], bool]) -> tuple[int, bool]:
    """Play a campaign without a cap on all calls; return its calls and whether it came to its end."""
    uncapped = replace(bundle.criterion, max_calls=MOST_PLAYED + 2)
    families = tuple(family.name for family in bundle.attack.families)
    deliberation = Deliberation.begin(uncapped, families=families, benign=bool(bundle.benign))
    while call := deliberation.next_call():
        deliberation = deliberation.after(_trial(call, families[0], hit=hits(call), number=deliberation.calls + 1))
        if deliberation.calls >= MOST_PLAYED:
            return MOST_PLAYED, False
    return deliberation.calls, True


def _trial(call: Call, first: str, *, hit: bool, number: int) -> Trial:
    """Return an invented trial."""
    return Trial(
        number=number,
        arm=call.arm,
        family=first if call.family == POOLED else call.family,
        variant="0" * 64,
        mutators=(),
        request_sha256="",
        response_sha256="",
        outcome=TrialOutcome.HIT if hit else TrialOutcome.MISS,
        tokens=0,
        started_at=_SOME_TIME,
        seconds=0.0,
    )
