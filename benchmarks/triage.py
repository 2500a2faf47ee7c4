# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PLC0415  # Django is loaded after its home is chosen
"""What triage costs with a thousand reports: looking for duplicates, asking the rules, showing the queue.

Duplicates: the first question of a process opens every report, each later one none but its own; both are timed in the
same run, and their ratio is what the index in memory saves at every report. The memory is what the index holds, as
`tracemalloc` counts it. The queue is one page of 50 as the browser gets it, without the network.

Reports are made of 4,000 invented words, drawn with a seed, at 60 to 400 words each; on SQLite in a folder of its own.
Run with `python -m benchmarks.triage [reports]`.
"""

import os
import random  # noqa: TID251  # the seed is recorded
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

REPORTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
QUESTIONS = 200
PAGES = 10
SEED = 20261123
SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "xi",
)
MODELS = tuple(f"model-{number}" for number in range(40))


def main() -> int:
    """Make the reports, measure, and print."""
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as name:
        _start(Path(name))
        rows = _receive(REPORTS)
        _duplicates(rows)
        _rules(rows)
        _queue()
    return 0


def _start(home: Path) -> None:
    os.environ |= {"SAFECONDUCT_HOME": str(home), "SAFECONDUCT_LOG_LEVEL": "error"}
    from safeconduct.server.project.boot import load_django

    load_django()
    from safeconduct.server.project.preparation import prepare

    prepare()


def _receive(number: int) -> list[Any]:
    from tests.factories import intake, records

    chance = random.Random(SEED)
    vocabulary = ["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(4000)]
    began = datetime(2026, 11, 1, tzinfo=UTC)

    def text(words: int) -> str:
        return " ".join(chance.choices(vocabulary, k=words))

    rows = []
    for count in range(number):
        told = records.report(
            title=text(8),
            description=text(chance.randint(60, 400)),
            steps=text(30),
            affects=(records.hosted_model(product=chance.choice(MODELS)),),
        )
        rows.append(intake.received(began + timedelta(hours=count), told=told).row)
    return rows


def _duplicates(rows: Sequence[Any]) -> None:
    from safeconduct.server.triage.known import Known

    index = Known()
    cold = _seconds(lambda: index.candidates(rows[0]))
    warm = [_seconds(lambda row=row: index.candidates(row)) for row in rows[-QUESTIONS:]]
    tracemalloc.start()
    weighed = Known()
    weighed.candidates(rows[0])
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(
        f"duplicates among {len(rows)} reports: first question {cold:.2f} s"
        f" ({1000 * cold / len(rows):.2f} ms a report), later ones {_told(warm)},"
        f" ratio {statistics.median(warm) / cold:.4f}; the index holds {size / len(rows) / 1024:.1f} KiB a report"
    )


def _rules(rows: Sequence[Any]) -> None:
    from safeconduct.server.triage import services

    now = datetime(2026, 12, 24, tzinfo=UTC)
    spent = [_seconds(lambda row=row: services.assess(row=row, now=now)) for row in rows]
    print(f"all rules of a report, with its candidates, judged and saved durably: {_told(spent[1:])}")


def _queue() -> None:
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from tests.server.factories import make_party

    from safeconduct.domain.parties import Role

    settings.ALLOWED_HOSTS.append("testserver")
    client = Client()
    client.force_login(make_party(Role.COORDINATOR), backend=settings.AUTHENTICATION_BACKENDS[0])
    client.get("/queue/")
    spent = [_seconds(lambda page=page: client.get("/queue/", {"page": page})) for page in range(1, PAGES + 1)]
    with CaptureQueriesContext(connection) as counted:
        client.get("/queue/")
    print(f"a page of the queue (50 of them, {len(counted)} queries): {_told(spent)}")


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _told(seconds: Sequence[float]) -> str:
    """Return the median and the 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    high = ordered[int(0.95 * (len(ordered) - 1))]
    return f"{1000 * statistics.median(ordered):.1f} ms (95 %: {1000 * high:.1f} ms)"


if __name__ == "__main__":
    sys.exit(main())
