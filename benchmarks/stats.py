# SPDX-License-Identifier: Apache-2.0
"""What a verdict costs and how often it errs: exact figures, side by side with other plans and the information bound.

Nothing is measured on a clock and nothing is simulated, so the figures are the same on every machine. Run it with
`python -m benchmarks.stats`.
"""

import math
from collections.abc import Callable

from benchmarks.budget import patched_calls, print_budget
from benchmarks.frontier import certainty_bound, information_bound

from safeconduct.domain.evidence import Criterion, Verdict
from safeconduct.verification.stats.exact import NEVER, Boundaries, Operating, boundaries, operating, without_refusal
from safeconduct.verification.stats.intervals import binomial_cdf, clopper_pearson_upper, incomplete_beta
from safeconduct.verification.stats.sequential import METHODS, sequential_test

ALPHA = BETA = 0.05
TOLERANCE, DESIGN = 0.05, 0.01
RATES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.10, 0.20, 0.60)
TOLERANCES = (0.01, 0.02, 0.05, 0.10, 0.20)
CAP = 6000
FIXED_N, FIXED_C = 181, 4
LOOKS, ACCEPT, REFUSE = (37, 74, 111, 148, 185), (-1, -1, 0, 2, 4), (4, 4, 5, 5, 5)
PEEKS = 1000
PEERS = {"peers: 1 try": 1, "peers: 5 tries": 5, "peers: 10 tries": 10, "peers: 256 x 5 tries": 1280}
"""Default budgets: promptfoo repeats once, garak asks 5 times a prompt and has 256 prompts a probe, promptfoo's
command line makes 5 tests, its web application 10. A report is clean when no try succeeds."""
BETA_BELOW, BETA_ABOVE = (0.5, 20.0), (0.5, 0.5)
"""Beta(1/2, 20) on (0, tolerance) and Beta(1/2, 1/2) on (design, 1)."""


def plan_of(method: str, *, tolerance: float = TOLERANCE, design: float = DESIGN, cap: int = CAP) -> Boundaries:
    """Return the boundaries of one of the offered methods."""
    criterion = Criterion(tolerance=tolerance, design=design, alpha=ALPHA, beta=BETA, method=method)
    return boundaries(sequential_test(criterion, streams=1), cap=cap)


def fixed_plan(n: int, most: int) -> Boundaries:
    """Return the plan that makes n calls, then accepts at most `most` hits."""
    return at_looks((n,), (most,), (most + 1,))


def curtailed_plan(n: int, most: int) -> Boundaries:
    """Return the same plan, stopped as soon as its end is certain."""
    accept = [-1] * (n + 1)
    for misses in range(n - most, n + 1):
        accept[misses] = misses - (n - most)
    return Boundaries(accept=tuple(accept), refuse=(NEVER, *((most + 1,) * n)))


def at_looks(looks: tuple[int, ...], accept: tuple[int, ...], refuse: tuple[int, ...]) -> Boundaries:
    """Return a plan that decides at its looks only."""
    size = looks[-1] + 1
    accepting, refusing = [-1] * size, [NEVER] * size
    for n, low, high in zip(looks, accept, refuse, strict=True):
        accepting[n], refusing[n] = low, high
    return Boundaries(accept=tuple(accepting), refuse=tuple(refusing))


def peeking_plan(tolerance: float, *, cap: int = PEEKS, symmetric: bool = False) -> Boundaries:
    """Return what many do: a 95 % upper bound after every call, until it is under the tolerance.

    If `symmetric`, they also stop when a 95 % lower bound is over the tolerance.
    """
    accept, refuse, most, least = [-1], [NEVER], -1, 0
    for n in range(1, cap + 1):
        while binomial_cdf(most + 1, n, tolerance) < ALPHA:
            most += 1
        while least <= n and 1 - binomial_cdf(least - 1, n, tolerance) >= ALPHA:
            least += 1
        accept.append(most)
        refuse.append(least if symmetric and least <= n else NEVER)
    return Boundaries(accept=tuple(accept), refuse=tuple(refuse))


def beta_plan(*, cap: int = CAP) -> Boundaries:
    """Return the boundaries of the truncated Beta mixture."""
    accept, refuse, most, least = [-1], [NEVER], -1, 0
    for n in range(1, cap + 1):
        while most < n and beta_log_e(BETA_BELOW, n, most + 1, boundary=TOLERANCE, below=True) >= -math.log(ALPHA):
            most += 1
        while least <= n and beta_log_e(BETA_ABOVE, n, least, boundary=DESIGN, below=False) < -math.log(BETA):
            least += 1
        accept.append(most)
        refuse.append(least if least <= n else NEVER)
    return Boundaries(accept=tuple(accept), refuse=tuple(refuse))


def beta_log_e(prior: tuple[float, float], n: int, hits: int, *, boundary: float, below: bool) -> float:
    """Return the log evidence of a Beta prior cut off at the boundary."""

    def log_mass(a: float, b: float) -> float:
        share = incomplete_beta(boundary, a, b) if below else incomplete_beta(1 - boundary, b, a)
        return math.log(max(share, 1e-300)) + math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    a, b = prior
    null = hits * math.log(boundary) + (n - hits) * math.log1p(-boundary)
    return log_mass(a + hits, b + n - hits) - log_mass(a, b) - null


def plans() -> dict[str, Boundaries]:
    """Return every plan of the comparison by name."""
    return {
        **{method: plan_of(method) for method in METHODS},
        f"fixed n={FIXED_N} c={FIXED_C}": fixed_plan(FIXED_N, FIXED_C),
        "curtailed": curtailed_plan(FIXED_N, FIXED_C),
        "group sequential, 5 looks": at_looks(LOOKS, ACCEPT, REFUSE),
        "zero failures, n=59": curtailed_plan(59, 0),
        **{name: curtailed_plan(n, 0) for name, n in PEERS.items()},
    }


def main() -> None:
    """Print all tables."""
    known = plans() | {"beta mixture": beta_plan(cap=3000)}
    print(f"Expected model calls; alpha = beta = {ALPHA}, tolerance {TOLERANCE}, design {DESIGN}; exact")
    print_table(known, lambda one, _rate: f"{one.calls:8.1f}", bound=True)
    print("\nThe same as a ratio to the information bound (at residual 0 also to the bound as beta -> 0)")
    print_table(known, lambda one, rate: f"{one.calls / information_bound(rate):8.2f}")
    for name, plan in known.items():
        calls = operating(plan, rate=0.0).calls
        print(f"  {name:28} residual 0: {calls:.1f} calls = {calls / certainty_bound(TOLERANCE):.2f} x 58.4")
    print("\nChance of FIXED in %")
    print_table(known, lambda one, _rate: f"{100 * one.accepted:8.2f}")
    print("\n95th percentile of calls")
    print_table(known, lambda one, _rate: f"{one.quantile(0.95):8d}")
    print_tolerances()
    print_peeking()
    print_clean_reports()
    print_families()
    print_budget()


def print_table(known: dict[str, Boundaries], cell: Callable[[Operating, float], str], *, bound: bool = False) -> None:
    """Print one line per plan, one column per true rate."""
    print(f"  {'true rate':28}" + "".join(f"{rate:8g}" for rate in RATES))
    for name, plan in known.items():
        print(f"  {name:28}" + "".join(cell(operating(plan, rate=rate), rate) for rate in RATES))
    if bound:
        print(f"  {'information bound':28}" + "".join(f"{information_bound(rate):8.1f}" for rate in RATES))


def print_tolerances() -> None:
    """Print errors and calls at every offered tolerance, with a fifth of it as design."""
    print("\nEvery offered tolerance: false FIXED in % at the tolerance (one-sided: if never stopped for NOT FIXED),")
    print("false NOT FIXED in % at the design, calls at residual 0 as a ratio to log(1/alpha)/-log(1-tolerance)")
    for method in METHODS:
        for tolerance in TOLERANCES:
            plan = plan_of(method, tolerance=tolerance, design=tolerance / 5, cap=round(150 / tolerance))
            errs = 100 * operating(plan, rate=tolerance).accepted
            worst = 100 * operating(without_refusal(plan), rate=tolerance).accepted
            wrongs = 100 * operating(plan, rate=tolerance / 5).refused
            ratio = operating(plan, rate=0.0).calls / certainty_bound(tolerance)
            print(f"  {method:22}{tolerance:6g}{errs:8.2f} ({worst:.2f}){wrongs:8.2f}{ratio:8.2f}")


def print_peeking() -> None:
    """Print how often looking until it is green errs."""
    print(f"\nFalse FIXED in % when a 95 % interval is looked at after every call, at most {PEEKS} calls")
    peeking, ours = peeking_plan(TOLERANCE), without_refusal(plan_of(METHODS[0], cap=PEEKS))
    for rate in (0.05, 0.06, 0.08, 0.10):
        loose, strict = (100 * operating(plan, rate=rate).accepted for plan in (peeking, ours))
        print(f"  true rate {rate:4g}: peeking {loose:6.2f}   {METHODS[0]} {strict:6.2f}")


def print_clean_reports() -> None:
    """Print how often a fixed small budget sees no hit, and what it then excludes."""
    print("\nChance in % that a fixed budget sees no hit, and the 95 % upper bound after it")
    for n in (1, 5, 10, 50, 100):
        cells = "".join(f"{100 * (1 - rate) ** n:8.1f}" for rate in (0.01, 0.05, 0.10, 0.30, 0.60))
        print(f"  n = {n:4}{cells}   bound {clopper_pearson_upper(0, n, confidence=0.95):.3f}")


def print_families() -> None:
    """Print what an average hides and what finding the surviving family costs, with the others at residual 0."""
    print("\nOne family survives, the others are fixed: chance in % that the average is called FIXED; per family, the")
    print("expected calls to NOT FIXED by our allocation, and when strictly taking turns")
    for families, rate in ((6, 0.2), (6, 0.4), (6, 0.9), (10, 0.2), (10, 0.4), (10, 0.9)):
        pooled = 100 * operating(plan_of(METHODS[0]), rate=rate / families).accepted
        names = [f"family-{number}" for number in range(families)]
        rates = dict.fromkeys(names[:-1], 0.0) | {names[-1]: rate}
        criterion = Criterion(max_calls=CAP)
        calls, verdicts = patched_calls(criterion, rates, benign=False)
        ours = sum(n * chance for n, chance in calls.items())
        test = sequential_test(criterion, streams=families)
        turns = operating(boundaries(test, cap=CAP // families), rate=rate).calls * families
        refuted = 100 * verdicts.get(Verdict.NOT_FIXED, 0.0)
        print(
            f"  {families:2} families, one at {rate:3g}: pooled {pooled:6.2f}   per family {ours:6.1f} {turns:6.1f}"
            f"   NOT FIXED {refuted:.2f} %"
        )


if __name__ == "__main__":
    main()
