# SPDX-License-Identifier: Apache-2.0
"""The historic suite of a model family: flaws that were fixed once, tried again on the version with the new fix.

Each flaw is a bundle, run as the gate runs it (`reproduction`): some harmless prompts, then fresh variants until there
are enough hits or the calls are spent. A flaw that reproduces on the version with the fix, and is not known to
reproduce on the one before, is new: the fix brought it back, and a campaign that would say FIXED says INCONCLUSIVE
instead (`blocked`). A flaw that was open before stays open and blocks nothing. One that could not be tried is told.

That a flaw did not reproduce in so few calls proves no fix of it; the suite is a net with a known mesh, not a verdict.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.safe_json import Json
from safeconduct.verification.fields import Fields
from safeconduct.verification.findings import VerdictReport
from safeconduct.verification.reproduction import Budget, Finding, reproduce
from safeconduct.verification.targets.interface import Target

MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteEntry:
    """One flaw on the version with the fix: its bundle's id, what came of it, and what came of it on the one before.

    `before` is `not_reproduced` for a flaw whose fix was shown; the counts are of the version with the fix.
    """

    bundle: str
    outcome: Finding
    before: Finding = Finding.NOT_REPRODUCED
    hits: int = 0
    trials: int = 0

    @property
    def is_new(self) -> bool:
        """Tell whether the version with the fix has a flaw that the one before is not known to have."""
        return self.outcome is Finding.REPRODUCED and self.before is not Finding.REPRODUCED


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricSuite:
    """What came of a suite: the model family, the target and what it called itself, and every flaw."""

    family: str
    target: str
    fingerprint: str
    entries: tuple[SuiteEntry, ...]

    @property
    def new(self) -> tuple[SuiteEntry, ...]:
        """Return the flaws that the fix brought back."""
        return tuple(entry for entry in self.entries if entry.is_new)

    def count(self, *outcomes: Finding) -> int:
        """Return how many flaws ended so."""
        return sum(entry.outcome in outcomes for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """What a suite is run with: a fresh target for each bundle, the seed of all draws, the budget for one flaw."""

    family: str
    target: str
    open: Callable[[Bundle], Target]
    seed: bytes
    budget: Budget


def run_suite(
    bundles: Iterable[Bundle],
    how: SuiteRun,
    *,
    clock: Callable[[], datetime],
    listen: Callable[[SuiteEntry], None] = lambda _entry: None,
) -> HistoricSuite:
    """Run every bundle against the target, one after the other; `listen` is told of each.

    Raises:
        ConflictError: a bundle is for another kind of target.
        ConfigurationError: the target cannot be opened.
    """
    entries: list[SuiteEntry] = []
    fingerprints: dict[str, None] = {}
    for bundle in bundles:
        seed = hashlib.sha256(b"safeconduct-suite/1\n" + bundle.id.encode() + b"\0" + how.seed).digest()
        found = reproduce(bundle, how.open(bundle), seed=seed, clock=clock, budget=how.budget)
        entry = SuiteEntry(bundle=bundle.id, outcome=found.finding, hits=found.hits, trials=len(found.trials))
        entries.append(entry)
        fingerprints[found.fingerprint] = None
        listen(entry)
    return HistoricSuite(
        family=how.family, target=how.target, fingerprint="; ".join(fingerprints), entries=tuple(entries)
    )


def blocked(report: VerdictReport, suite: HistoricSuite | None) -> VerdictReport:
    """Return the report with what the suite adds: FIXED becomes INCONCLUSIVE when the fix brought a flaw back."""
    if suite is None or not suite.new or report.verdict is not Verdict.FIXED:
        return report
    count = len(suite.new)
    flaws = "an earlier flaw" if count == 1 else f"{count} earlier flaws"
    reason = f"{flaws} of the model family {suite.family} came back with this fix, so it is not accepted as one"
    return replace(report, verdict=Verdict.INCONCLUSIVE, reasons=(*report.reasons, reason))


def suite_facts(suite: HistoricSuite) -> dict[str, Json]:
    """Return a suite's result as plain data."""
    return {
        "family": suite.family,
        "target": suite.target,
        "fingerprint": suite.fingerprint,
        "flaws": [
            {
                "bundle": entry.bundle,
                "outcome": entry.outcome.value,
                "before": entry.before.value,
                "hits": entry.hits,
                "trials": entry.trials,
            }
            for entry in suite.entries
        ],
    }


def read_suite(fields: Fields) -> HistoricSuite:
    """Return the suite's result that was written so.

    Raises:
        MalformedError: it is not as `suite_facts` writes it.
        IncompleteError: something is missing.
        UnknownValueError: an outcome is not in the vocabulary.
        TooLargeError: a text or the list passes its limit.
    """
    return HistoricSuite(
        family=fields.text("family", limit=500),
        target=fields.text("target", limit=500),
        fingerprint=fields.text("fingerprint", limit=10_000),
        entries=fields.each("flaws", _read_entry, most=MOST_ENTRIES),
    )


def _read_entry(fields: Fields) -> SuiteEntry:
    return SuiteEntry(
        bundle=fields.text("bundle", limit=200),
        outcome=fields.choice("outcome", Finding),
        before=fields.choice("before", Finding),
        hits=fields.whole("hits"),
        trials=fields.whole("trials"),
    )
