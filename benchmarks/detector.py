# SPDX-License-Identifier: Apache-2.0
"""How long the watch after a fix stays quiet, and how soon it sees that the attack is back.

Seeded simulation; the figures are the same on every machine. That false alarms are at least the run length apart is
proven (`verification.stats.detector`); here one sees by how much. Run it with `python -m benchmarks.detector`.
"""

import random  # noqa: TID251  # every use has a seed

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.verification.stats.detector import DEFAULT_RUN_LENGTH, Detector, WatchStanding

SEED = 20261123
DESIGN = 0.01
QUIET = 200
RUNS = 150


def calls_to_alarm(watch: Detector, rng: random.Random, *, rate: float, most: int) -> int:
    """Return how many calls the alarm takes from here, or `most`."""
    begun = watch.calls
    while watch.standing is WatchStanding.QUIET and watch.calls - begun < most:
        watch = watch.after("a", TrialOutcome.HIT if rng.random() < rate else TrialOutcome.MISS)
    return watch.calls - begun


def main() -> None:
    """Print both tables."""
    rng = random.Random(SEED)
    print(f"Calls until a false alarm, mean of {RUNS} runs, at the design rate of {DESIGN:g} and at half of it")
    for length in (50.0, 200.0):
        cells = []
        for rate in (DESIGN, DESIGN / 2):
            fresh = Detector.begin(["a"], run_length=length)
            runs = [calls_to_alarm(fresh, rng, rate=rate, most=round(40 * length)) for _ in range(RUNS)]
            cells.append(f"{sum(runs) / RUNS:9.1f} = {sum(runs) / RUNS / length:.2f} x")
        print(f"  stated run length {length:6g}: {'   '.join(cells)}")
    print(f"\nCalls until the alarm after {QUIET} quiet calls, mean of {RUNS} runs, 95th percentile in brackets")
    for length in (1_000.0, DEFAULT_RUN_LENGTH):
        quiet = Detector.begin(["a"], run_length=length)
        for _ in range(QUIET):
            quiet = quiet.after("a", TrialOutcome.MISS)
        cells = []
        for rate in (0.05, 0.1, 0.2, 0.64):
            runs = sorted(calls_to_alarm(quiet, rng, rate=rate, most=20_000) for _ in range(RUNS))
            cells.append(f"{rate:g}: {sum(runs) / RUNS:6.1f} ({runs[int(0.95 * RUNS)]})")
        print(f"  stated run length {length:6g}, true rate {'   '.join(cells)}")


if __name__ == "__main__":
    main()
