# SPDX-License-Identifier: Apache-2.0
"""Does a whole disclosure fit into 400 model calls? Exact, for the criterion that the demonstration uses.

The story: a scan, the evidence gate, a campaign in which the vendor's first patch is refuted, and one in which the real
fix is confirmed. Each campaign shows first that the unpatched target still falls; the second also compares benign use.
The parts are independent, so their distributions are convolved; the refutation is followed call by call through
the real `Deliberation` with its allocation of families.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import reduce

from safeconduct.domain.evidence import Criterion, Trial, TrialOutcome, Verdict
from safeconduct.verification.findings import conclude
from safeconduct.verification.stats.assay import AssayTest
from safeconduct.verification.stats.exact import assay_operating
from safeconduct.verification.verdict import Call, Deliberation, Phase

CRITERION = Criterion(
    reproduction=0.1,
    tolerance=0.1,
    design=0.02,
    benign_margin=0.1,
    max_calls=240,
    max_calls_per_family=110,
    max_assay_calls_per_family=40,
    max_benign_pairs=60,
)
FAMILIES = ("encoded", "paraphrased")
BUDGET = 400
SCAN_AND_GATE = 70
"""30 calls of the scan and at most 40 of the evidence gate."""
NEGLIGIBLE = 1e-9
"""Paths of smaller probability are not followed."""
_START = datetime(2026, 1, 1, tzinfo=UTC)

Chances = dict[int, float]
"""Numbers of calls and their probabilities."""


def sum_of(parts: Iterable[Mapping[int, float]]) -> Chances:
    """Return the distribution of the sum of independent numbers."""

    def add(left: Chances, right: Mapping[int, float]) -> Chances:
        total: Chances = defaultdict(float)
        for n, chance in left.items():
            for m, other in right.items():
                total[n + m] += chance * other
        return total

    certain: Chances = {0: 1.0}
    return reduce(add, parts, certain)


def within(chances: Mapping[int, float], limit: int) -> float:
    """Return the probability of at most `limit` calls."""
    return sum(chance for n, chance in chances.items() if n <= limit)


def assay_calls(criterion: Criterion, *, rate: float) -> tuple[Chances, float]:
    """Return the calls of one family's assay, and the probability that it reproduces."""
    test = AssayTest(required=criterion.reproduction, level=criterion.alpha, cap=criterion.max_assay_calls_per_family)
    found = assay_operating(test, rate=rate)
    return dict(enumerate(found.stopping)), found.accepted


def patched_calls(
    criterion: Criterion, rates: Mapping[str, float], *, benign: bool
) -> tuple[Chances, dict[Verdict, float]]:
    """Return the calls after the assay and the verdicts, exactly; `rates` are the residuals, benign use is unharmed."""
    start = _after_assay(criterion, tuple(rates), benign=benign)
    layer: dict[tuple[object, ...], tuple[Deliberation, float]] = {(): (start, 1.0)}
    calls: Chances = defaultdict(float)
    verdicts: dict[Verdict, float] = defaultdict(float)
    while layer:
        following: dict[tuple[object, ...], tuple[Deliberation, float]] = {}
        for state, chance in layer.values():
            call = _asked(state)
            for outcome, share in _outcomes(rates.get(call.family, 1.0)):
                after = state.after(_trial(state, call, outcome))
                if after.is_over:
                    calls[after.calls - start.calls] += chance * share
                    verdicts[conclude(after)] += chance * share
                elif chance * share > NEGLIGIBLE:
                    known = following.get(_key(after), (after, 0.0))[1]
                    following[_key(after)] = (after, known + chance * share)
        layer = following
    return dict(calls), dict(verdicts)


def print_budget() -> None:
    """Print calls of both campaigns and the chance that the whole story fits."""
    print(f"\nThe demonstration: {len(FAMILIES)} families, {CRITERION}")
    print("leak rate: before, after the first patch | P(both families reproduce) | calls expected and 95 % of")
    print("campaign 1, campaign 2, all with scan and gate | P(NOT FIXED) | P(FIXED) | P(within 400)")
    for before, after in ((0.4, 0.2), (0.5, 0.3), (0.7, 0.5)):
        assay, reproduces = assay_calls(CRITERION, rate=before)
        refuting, first = patched_calls(CRITERION, dict.fromkeys(FAMILIES, after), benign=True)
        fixing, second = patched_calls(CRITERION, dict.fromkeys(FAMILIES, 0.0), benign=True)
        one, two = sum_of([assay, assay, refuting]), sum_of([assay, assay, fixing])
        whole = sum_of([one, two, {SCAN_AND_GATE: 1.0}])
        cells = "".join(f" {_mean(part):6.1f} ({_quantile(part):3d})" for part in (one, two, whole))
        print(
            f"  {before:4g} {after:4g} | {reproduces**4:6.4f} |{cells} | {first.get(Verdict.NOT_FIXED, 0):6.4f} | "
            f"{second.get(Verdict.FIXED, 0):6.4f} | {within(whole, BUDGET):8.6f}"
        )


def _after_assay(criterion: Criterion, families: tuple[str, ...], *, benign: bool) -> Deliberation:
    """Return a deliberation whose families have all reproduced, with as few calls as that takes."""
    state = Deliberation.begin(criterion, families=families, benign=benign)
    while state.phase is Phase.ASSAY:
        state = state.after(_trial(state, _asked(state), TrialOutcome.HIT))
    return state


def _asked(state: Deliberation) -> Call:
    call = state.next_call()
    if call is None:
        raise ValueError("a deliberation that is not over asks")
    return call


def _outcomes(rate: float) -> tuple[tuple[TrialOutcome, float], ...]:
    both = ((TrialOutcome.HIT, rate), (TrialOutcome.MISS, 1 - rate))
    return tuple((outcome, share) for outcome, share in both if share > 0)


def _trial(state: Deliberation, call: Call, outcome: TrialOutcome) -> Trial:
    return Trial(
        number=state.calls + 1,
        arm=call.arm,
        family=call.family,
        variant="",
        mutators=(),
        request_sha256="",
        response_sha256="",
        outcome=outcome,
        tokens=0,
        started_at=_START,
        seconds=0.0,
    )


def _key(state: Deliberation) -> tuple[object, ...]:
    streams = tuple((test.hits, test.misses, test.standing) for test in state.efficacy.values())
    pairs = state.benign.worst if state.benign else ()
    return (() if state.is_fixed else streams, pairs, state.open_pair is not None)


def _mean(chances: Mapping[int, float]) -> float:
    return sum(n * chance for n, chance in chances.items())


def _quantile(chances: Mapping[int, float], share: float = 0.95) -> int:
    reached = 0.0
    for n in sorted(chances):
        reached += chances[n]
        if reached >= share:
            return n
    return max(chances)


if __name__ == "__main__":
    print_budget()
