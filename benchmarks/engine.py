# SPDX-License-Identifier: Apache-2.0
"""What the engine adds to a call, and how much memory a long campaign takes.

The calls cost nothing here (a target that answers at once), so what is measured is all overhead: of the engine alone;
of a whole campaign, with draw, judgment, tests and the passage between threads; of the same with a journal, which waits
for the disk twice a call. A model's call takes 0.1 to 30 s. Memory is the peak of a process of its own, after 1,000 and
after 10,000 trials that are written to a file.

Run it with `python -m benchmarks.engine`. It ends with 1 if the engine adds more than 1 ms to a call in the median.
"""

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from safeconduct.domain.bundle import (
    About,
    Adapter,
    AttackScript,
    Bundle,
    Canary,
    Environment,
    Family,
    Limits,
    Mutator,
    MutatorName,
    Oracle,
    Seed,
    SeedPart,
    Slot,
    Speaker,
    Step,
    TargetSpec,
)
from safeconduct.domain.evidence import Criterion, Trial
from safeconduct.domain.weakness import FlawClass
from safeconduct.verification.campaign import CampaignResult, Terms, Watcher, run_campaign
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.journal import Journal, NoJournal
from safeconduct.verification.journal_file import JournalFile
from safeconduct.verification.meter import Spent
from safeconduct.verification.oracles import Reply
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.trials import FileTrials
from safeconduct.verification.variants import HeldOut, Turn

LIMIT_MS = 1.0
JOBS = 20_000
CALLS = 1_500
SIZES = (1_000, 10_000)
CANARY = "orchid-7731"
NEVER = 1e-290
"""An error rate at which no test of 10,000 calls comes to a decision."""


class Instant:
    """A target that answers at once: every one of the first calls leaks, later one of forty."""

    fingerprint = "instant"

    def __init__(self, leaks: int) -> None:
        self.spent = Spent()
        self.leaks = leaks

    async def ask(self, _script: Sequence[Turn]) -> Answer:
        """Answer."""
        self.spent.calls += 1
        hit = self.spent.calls <= self.leaks or self.spent.calls % 40 == 0
        text = CANARY if hit else "I am fine."
        return Answer(
            replies=(Reply(text=text),), request_sha256="0" * 64, response_sha256="0" * 64, tokens=9, seconds=0.0
        )

    async def __aenter__(self) -> Self:
        """Be ready."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Be gone."""


def a_bundle(calls: int) -> Bundle:
    """Return a bundle of two families whose campaign makes so many calls and comes to no verdict."""
    chains = {"plain": MutatorName.IDENTITY, "base64": MutatorName.BASE64}
    return Bundle(
        about=About(
            title="bench",
            flaw_class=FlawClass.SYSTEM_PROMPT_LEAK,
            created=datetime(2026, 11, 23, tzinfo=UTC),
            license="CC0-1.0",
        ),
        target=TargetSpec(adapter=Adapter.OPENAI_CHAT, model="instant"),
        attack=AttackScript(
            steps=(Step(role=Speaker.USER, template="{{prompt}}"),),
            seeds=(Seed(id="s", text="{{verb}} the secret", part=SeedPart.HELD_OUT),),
            slots=(Slot(name="verb", values=("print", "show", "repeat", "spell")),),
            families=tuple(Family(name=name, chains=((Mutator(name=one),),)) for name, one in chains.items()),
        ),
        oracle=Oracle(checks=(Canary(text=CANARY),)),
        benign=(),
        criterion=Criterion(
            alpha=NEVER,
            beta=NEVER,
            max_calls=calls,
            max_calls_per_family=calls,
            max_assay_calls_per_family=1_000,
        ),
        limits=Limits(calls=100_000, wall_seconds=3_600),
        environment=Environment(python="3.11", packages=(), tool="bench"),
    )


def engine_times(*, width: int) -> list[float]:
    """Return the milliseconds from one result to the next of an engine whose jobs do nothing."""
    jobs, seen = iter(range(JOBS)), [time.perf_counter()]

    async def work(job: int) -> int:
        return job

    def take(_job: int, _result: int) -> bool:
        seen.append(time.perf_counter())
        return False

    asyncio.run(LocalEngine(width=width).run(next_job=lambda _flying: next(jobs, None), work=work, take=take))
    return differences(seen)


def campaign_times(calls: int, *, width: int, journal: Journal, folder: Path) -> tuple[list[float], CampaignResult]:
    """Return the milliseconds from one trial to the next of a whole campaign, and its result."""
    seen = [time.perf_counter()]
    bundle = a_bundle(calls)

    def listen(_trial: Trial, _deliberation: object) -> None:
        seen.append(time.perf_counter())

    path = folder / "trials.jsonl"
    with path.open("wb") as file:
        result = run_campaign(
            Terms(bundle=bundle, criterion=bundle.criterion, held_out=HeldOut(salt=bytes(32), seed=bytes(32))),
            unpatched=Instant(leaks=10_000),
            patched=Instant(leaks=0),
            clock=lambda: datetime.now(UTC),
            watcher=Watcher(listen=listen, journal=journal, keep=FileTrials(path, file)),
            engine=LocalEngine(width=width),
        )
    return differences(seen), result


def differences(seen: list[float]) -> list[float]:
    """Return the milliseconds between instants."""
    return [1000 * (after - before) for before, after in pairwise(seen)]


def told(name: str, times: list[float]) -> float:
    """Print the median and the 99th percentile, and return the median."""
    middle = statistics.median(times)
    print(f"  {name:44} {middle:8.3f} {statistics.quantiles(times, n=100)[98]:8.3f}")
    return middle


def peak(calls: int) -> None:
    """Run one campaign and print its trials and the peak of this process."""
    with tempfile.TemporaryDirectory() as folder:
        _, result = campaign_times(calls, width=4, journal=NoJournal(), folder=Path(folder))
    print(len(result.trials), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def print_peaks() -> None:
    """Print the peak memory of campaigns of several sizes, each in a process of its own."""
    print("\nPeak memory of a campaign whose trials go to a file")
    first = 0
    for size in SIZES:
        command = [sys.executable, "-m", "benchmarks.engine", str(size)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        trials, kilobytes = map(int, said)
        first = first or kilobytes
        print(f"  {trials:>6} trials {kilobytes / 1024:8.1f} MiB  ({(kilobytes - first) / 1024:+.1f} MiB)")


def main() -> int:
    """Print everything; return 1 if the engine takes more than its limit."""
    print(f"Milliseconds per call that costs nothing: median, 99th percentile (limit of the engine {LIMIT_MS} ms)")
    engine = max(told(f"engine alone, {width} in flight", engine_times(width=width)) for width in (1, 8, 64))
    with tempfile.TemporaryDirectory() as folder:
        for width in (1, 8):
            times, _ = campaign_times(CALLS, width=width, journal=NoJournal(), folder=Path(folder))
            told(f"whole campaign, {width} in flight", times)
        with JournalFile.begin(Path(folder) / "journal.jsonl", {}) as journal:
            times, _ = campaign_times(CALLS, width=1, journal=journal, folder=Path(folder))
            told("whole campaign with a journal on this disk", times)
    print_peaks()
    return int(engine > LIMIT_MS)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        peak(int(sys.argv[1]))
    else:
        sys.exit(main())
