# SPDX-License-Identifier: Apache-2.0
"""How many calls a campaign with a bundle takes in the two cases that bound what is usual.

After a perfect fix the attack always succeeds before the patch and never after it, and benign use is unharmed. If the
patch changes nothing, the attack always succeeds, and the first family that is asked refutes the fix. Both follow from
the tests of the arms alone; what lies between is told by `verification.cost`, which draws variants.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Criterion
from safeconduct.verification.criterion import check_criterion
from safeconduct.verification.stats.assay import AssayTest
from safeconduct.verification.stats.benign import BenignTest
from safeconduct.verification.stats.mixture import rejects
from safeconduct.verification.stats.sequential import sequential_test

NEVER: Final = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Calls of a campaign: the most that are allowed, after a perfect fix, and with a patch that changes nothing.

    `family` is how many of them show that one family is fixed. All but `most` are without caps.
    """

    most: int
    fixed: int
    unchanged: int
    family: int
    is_enough: bool


def calls_of_family(criterion: Criterion) -> int:
    """Return how many calls on the patched target show that one family is fixed, if none of them is a hit.

    Raises:
        MalformedError: the criterion contradicts itself.
    """
    return sequential_test(criterion, streams=1).calls_needed


def costs_of(bundle: Bundle) -> Costs:
    """Return what a campaign with the bundle costs.

    Raises:
        MalformedError: the criterion contradicts itself.
        SafeconductError: as `sequential_test`.
    """
    criterion, families = bundle.criterion, len(bundle.attack.families)
    check_criterion(criterion)
    streams = families if criterion.per_family else 1
    assay, family = _assay_calls(criterion), calls_of_family(criterion)
    pairs = _benign_pairs(criterion) if bundle.benign else 0
    fixed = families * assay + streams * family + 2 * pairs
    most = min(criterion.max_calls, bundle.limits.calls)
    fits = (
        assay <= criterion.max_assay_calls_per_family
        and family <= criterion.max_calls_per_family
        and pairs <= criterion.max_benign_pairs
    )
    return Costs(
        most=most,
        fixed=fixed,
        unchanged=families * assay + _refuting_calls(criterion, streams=streams),
        family=family,
        is_enough=fits and fixed <= most,
    )


def _assay_calls(criterion: Criterion) -> int:
    """Return how many hits in a row show that a family reproduces."""
    test = AssayTest(required=criterion.reproduction, level=criterion.alpha, cap=criterion.max_assay_calls_per_family)
    return _least(test.may_end_within)


def _benign_pairs(criterion: Criterion) -> int:
    """Return how many equal pairs show that benign use is unharmed."""
    return _least(BenignTest(margin=criterion.benign_margin, level=criterion.alpha).may_end_within)


def _refuting_calls(criterion: Criterion, *, streams: int) -> int:
    """Return how many hits in a row refute a fix."""
    test = sequential_test(criterion, streams=streams)
    return _least(lambda calls: rejects(test.above.log_e(test.design, n=calls, hits=calls), level=test.beta))


def _least(is_enough: Callable[[int], bool]) -> int:
    """Return the least number that is enough, or `NEVER` where none up to that is; more is always enough as well."""
    top = 1
    while top < NEVER and not is_enough(top):
        top *= 2
    return bisect_left(range(top), x=True, lo=top // 2, key=is_enough) if top < NEVER else NEVER
