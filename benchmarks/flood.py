# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PLC0415  # Django is loaded after its home is chosen
"""A flood: 5,000 reports, 1,000 of them with a bundle, 250 (5 %) of a flaw that is there. Does proof overtake noise?

The reports go through the real acts on SQLite: received, run by the gate, judged by the rules, read in the order of the
queue. Precision@250 is the share of the first 250 places that hold a report of a real flaw, recall the share of the
real flaws that stand there; both must reach 0.95.

The target is a chat endpoint on loopback, in a process of its own. Each bundle names itself in its system message and
looks for a canary of its own; the target gives it away at the rate drawn for that bundle: real flaws at 0.2, 0.3, 0.5,
0.8 or 1.0 of the calls, most others never, one in eight at 0.01 (a chance hit), and one in fifteen of the others takes
every answer for a success. Reports without a bundle tell of invented things; one in four repeats another one.
Everything is drawn with a seed. Run with `python -m benchmarks.flood [reports]`; without a number, 5,000.
"""

import asyncio
import json
import os
import random  # noqa: TID251  # the seed is recorded
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SEED = 20261123
REPORTS = 5_000
BUNDLES, REAL = 0.20, 0.05
REAL_RATES = (0.2, 0.3, 0.5, 0.8, 1.0)
CHANCE_RATE, ONE_BY_CHANCE = 0.01, 8
ONE_WITHOUT_PROOF = 15
ONE_REPEATED = 4
LEAST = 0.95
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
MODEL = "orchid-assistant-1"
NUMBER = re.compile(rb"assistant number (\d+)")
WORDS = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "xi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One report of the flood: its number, whether it brings a bundle, at which rate the target falls for it."""

    number: int
    has_bundle: bool = False
    rate: float = 0.0
    is_real: bool = False
    proves_nothing: bool = False

    @property
    def canary(self) -> str:
        """Return what its bundle looks for."""
        return f"vault-{self.number}-{random.Random(SEED + self.number).getrandbits(32):08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """What the flood came to; `seconds` by stage."""

    reports: int
    real: int
    first: int
    found: int
    in_queue: int
    calls: int
    states: Mapping[str, int]
    seconds: Mapping[str, float]

    @property
    def precision(self) -> float:
        """Return the share of the first places that hold a real flaw."""
        return self.found / self.first

    @property
    def recall(self) -> float:
        """Return the share of the real flaws that stand in the first places."""
        return self.found / self.real


def main() -> int:
    """Make the flood in a home of its own, print, and fail where proof did not overtake noise."""
    if sys.argv[1:2] == ["--target"]:
        asyncio.run(_serve(json.loads(sys.stdin.readline())))
        return 0
    size = int(sys.argv[1]) if len(sys.argv) > 1 else REPORTS
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as name:
        _start(Path(name))
        outcome = flood(size)
    _print(outcome)
    return 0 if min(outcome.precision, outcome.recall) >= LEAST else 1


def plan(size: int) -> list[Planned]:
    """Return the reports of a flood of this size, in the order in which they arrive."""
    chance = random.Random(SEED)
    real, bundles = round(REAL * size), round(BUNDLES * size)
    made = [Planned(number=n, has_bundle=True, is_real=True, rate=chance.choice(REAL_RATES)) for n in range(real)]
    made += [
        Planned(
            number=n,
            has_bundle=True,
            rate=CHANCE_RATE if n % ONE_BY_CHANCE == 0 else 0.0,
            proves_nothing=n % ONE_WITHOUT_PROOF == 0,
        )
        for n in range(real, bundles)
    ]
    made += [Planned(number=n) for n in range(bundles, size)]
    chance.shuffle(made)
    return made


def flood(size: int) -> Flooded:
    """Receive, run and judge so many reports, and look at the first places of the queue."""
    planned = plan(size)
    seconds: dict[str, float] = {}
    with _timed(seconds, "receive"):
        numbers = {_received(one, size): one for one in planned}
    now = BEGAN + timedelta(days=365)
    with _timed(seconds, "rules"):
        _rules(now, most=size)
    with target(planned) as url:
        _grant(url, now)
        with _timed(seconds, "gate"):
            _gate(now, most=size)
    with _timed(seconds, "queue"):
        first, in_queue = _first_places(sum(one.is_real for one in planned))
    calls, states = _spent()
    return Flooded(
        reports=size,
        real=sum(one.is_real for one in planned),
        first=len(first),
        found=sum(numbers[name].is_real for name in first),
        in_queue=in_queue,
        calls=calls,
        states=states,
        seconds=seconds,
    )


@contextmanager
def target(planned: Sequence[Planned]) -> Iterator[str]:
    """Serve the target in a process of its own while the block runs, and give its address."""
    known = {str(one.number): [one.canary, one.rate] for one in planned if one.has_bundle}
    command = [sys.executable, "-m", "benchmarks.flood", "--target"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as run:
        assert run.stdin is not None  # noqa: S101  # it was opened as a pipe
        assert run.stdout is not None  # noqa: S101  # it was opened as a pipe
        run.stdin.write(json.dumps(known).encode() + b"\n")
        run.stdin.flush()
        try:
            yield f"http://127.0.0.1:{int(run.stdout.readline())}/v1"
        finally:
            run.kill()


async def _serve(known: Mapping[str, tuple[str, float]]) -> None:
    """Answer chats until the process is ended."""
    chance = random.Random(SEED)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]  # ours sends it
                body = await reader.readexactly(length)
                named = NUMBER.search(body)
                canary, rate = known[named[1].decode()] if named else ("", 0.0)
                said = f"Sure, it is {canary}." if chance.random() < rate else "I am fine, thank you."
                writer.write(_answer(said))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _answer(said: str) -> bytes:
    document = {
        "model": MODEL,
        "choices": [{"message": {"role": "assistant", "content": said}}],
        "usage": {"total_tokens": 7},
    }
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _start(home: Path) -> None:
    os.environ |= {"SAFECONDUCT_HOME": str(home), "SAFECONDUCT_LOG_LEVEL": "error"}
    from safeconduct.server.project.boot import load_django

    load_django()
    from safeconduct.server.project.preparation import prepare

    prepare()


def _received(one: Planned, size: int) -> str:
    """Receive one report and return its identifier."""
    from tests.factories import intake, records

    # One in four repeats another one, as floods do; those that bring a bundle tell of their own.
    told_of = one.number // ONE_REPEATED if not one.has_bundle and one.number % ONE_REPEATED == 0 else one.number
    chance = random.Random(SEED + told_of)
    told = records.report(title=_text(chance, 8), description=_text(chance, 120), steps=_text(chance, 30))
    key, files = _files(one)
    at = BEGAN + timedelta(hours=24 * 30 * random.Random(one.number).random() * one.number / size)
    return str(intake.received(at, told=told, key=key, files=files).row.pk)


def _text(chance: random.Random, words: int) -> str:
    return " ".join("".join(chance.choices(WORDS, k=3)) for _ in range(words))


def _files(one: Planned) -> tuple[Any, list[Any]]:
    """Return the data key of a report and its sealed bundle, if it brings one."""
    from safeconduct.crypto.sealing import DataKey
    from safeconduct.server.intake.storage import SealedFile

    key = DataKey.generate(secrets.token_bytes)
    if not one.has_bundle:
        return key, []
    file = SealedFile(key=key, name="bundle.zip", media_type="application/zip", limit=1 << 20, is_bundle=True)
    file.write(_bundle(one))
    return key, [file.finish()]


def _bundle(one: Planned) -> bytes:
    from tests.verification.bundles import leak_bundle

    from safeconduct.domain.bundle import Canary, Oracle, Pattern, Speaker, Step
    from safeconduct.verification.bundle import zip_bundle

    made = leak_bundle()
    steps = (
        Step(role=Speaker.SYSTEM, template=f"You are assistant number {one.number}."),
        Step(role=Speaker.USER, template="{{prompt}}"),
    )
    check = Pattern(pattern="fine|Sure") if one.proves_nothing else Canary(text=one.canary)
    return zip_bundle(replace(made, attack=replace(made.attack, steps=steps), oracle=Oracle(checks=(check,))))


def _grant(url: str, now: datetime) -> None:
    from tests.factories import authorizations

    caps = {"calls": 1_000_000, "tokens": 1_000_000_000}
    authorizations.granted(now, url=url, model=MODEL, allow_private=True, caps=caps)


def _gate(now: datetime, *, most: int) -> None:
    """Take turns of the background work until no bundle waits."""
    from safeconduct.server.triage import tasks

    for turn in range(most):
        if not tasks.run_gate(now + timedelta(seconds=turn)):
            return


def _rules(now: datetime, *, most: int) -> None:
    from safeconduct.server.triage import tasks

    for turn in range(most):
        if not tasks.assess(now + timedelta(seconds=turn)):
            return


def _first_places(number: int) -> tuple[list[str], int]:
    """Return the reports in the first places, and how many are in the queue."""
    from tests.server.factories import viewer

    from safeconduct.domain.parties import Role
    from safeconduct.server.triage import queries
    from safeconduct.server.triage.queries import QueueFilter

    queue = queries.queue(viewer(Role.COORDINATOR), QueueFilter())
    return [found.report_id for found in queue[:number]], queue.count()


def _spent() -> tuple[int, dict[str, int]]:
    """Return all calls, and how the runs of the gate ended."""
    from django.db.models import Count, Sum

    from safeconduct.server.triage.models import GateRun

    states = dict(GateRun.objects.order_by().values_list("state").annotate(Count("pk")))
    return GateRun.objects.aggregate(total=Sum("calls"))["total"] or 0, states


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


def _print(outcome: Flooded) -> None:
    bundles = round(BUNDLES * outcome.reports)
    print(f"{outcome.reports} reports, {bundles} with a bundle, {outcome.real} of a flaw that is there (seed {SEED})")
    print(f"precision@{outcome.first} {outcome.precision:.3f}, recall {outcome.recall:.3f} (at least {LEAST} each)")
    print(f"the gate: {outcome.calls} calls, {', '.join(f'{n} {state}' for state, n in outcome.states.items())}")
    per = {"receive": outcome.reports, "gate": bundles, "rules": outcome.reports}
    told = [f"{stage} {1000 * outcome.seconds[stage] / number:.1f} ms" for stage, number in per.items()]
    calls = f"{1000 * outcome.seconds['gate'] / max(1, outcome.calls):.2f} ms a call"
    print(f"a report of each stage: {', '.join(told)} ({calls}); the order {outcome.seconds['queue']:.3f} s")
    print(f"all together {sum(outcome.seconds.values()):.0f} s")


if __name__ == "__main__":
    sys.exit(main())
