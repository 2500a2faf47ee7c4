# SPDX-License-Identifier: Apache-2.0
"""Counting rows as they come: what is kept does not grow with the size of the rows, only with their number.

Per row two digests of 16 bytes are kept, one to find a row that stands twice, one to know its cluster. A row that
stands twice ends the reading: no tool writes one, and evidence may not be guessed. The order of rows does not matter.
"""

import hashlib
from collections import Counter
from typing import Final

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import shown
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.evidence.run import Counts, HitPrompt, Provenance, Row, RowSink

FAMILY_LIMIT: Final = 1_000
ROW_LIMIT: Final = 2_000_000
PROMPT_LIMIT: Final = 2_000
TEXT_LIMIT: Final = 50_000


class Tally:
    """Takes rows one by one, keeps their counts, and hands each on to who wants all of them."""

    def __init__(self, source: Provenance, *, sink: RowSink | None = None, seeds: bool = True) -> None:
        """Count rows of the source; `sink` gets each of them, and hits leave seeds unless there are none to leave."""
        self.source = source
        self._seeds = seeds
        self._sink = sink
        self._outcomes: dict[tuple[str, str], Counter[TrialOutcome]] = {}
        self._clusters: dict[tuple[str, str], dict[int, int]] = {}
        self._seen: set[int] = set()
        self._prompts: dict[HitPrompt, None] = {}
        self._remarks: dict[str, Remark] = {}

    def take(self, row: Row) -> None:
        """Count one row.

        Raises:
            MalformedError: it stands twice, or there are more families than anyone reads.
            TooLargeError: there are more rows than are read.
        """
        key = (row.family, row.judge)
        self._require_new(row)
        if key not in self._outcomes and len(self._outcomes) >= FAMILY_LIMIT:
            raise MalformedError(f"more than {FAMILY_LIMIT} pairs of family and judge", hint="split the run")
        self._outcomes.setdefault(key, Counter())[row.outcome] += 1
        clusters = self._clusters.setdefault(key, {})
        cluster = _digest(row.cluster)
        clusters[cluster] = clusters.get(cluster, 0) + 1
        if row.outcome is TrialOutcome.HIT and self._seeds:
            self._keep(row)
        if self._sink is not None:
            self._sink(self.source, row)

    def _require_new(self, row: Row) -> None:
        digest = _digest(f"{row.family}\0{row.judge}\0{row.foreign_id}")
        if digest in self._seen:
            raise MalformedError(
                f"the attempt {shown(row.foreign_id)} stands twice",
                hint="give the file as the tool wrote it",
                attempt=row.foreign_id,
            )
        if len(self._seen) >= ROW_LIMIT:
            raise TooLargeError(f"the run has more than {ROW_LIMIT} rows", hint="split the run", limit=ROW_LIMIT)
        self._seen.add(digest)

    def _keep(self, row: Row) -> None:
        """Keep what was sent, for the seeds."""
        if row.prompt is None or not row.prompt.text or "\0" in row.prompt.text or len(row.prompt.text) > TEXT_LIMIT:
            self.note("prompt", "a hit names no prompt in text, or one that is too long; it makes no seed")
        elif len(self._prompts) >= PROMPT_LIMIT:
            self.note("prompts", f"more than {PROMPT_LIMIT} prompts were hit; the first make the seeds")
        else:
            hit = HitPrompt(family=row.family, judge=row.judge, prompt=row.prompt, checks=row.checks)
            self._prompts[hit] = None

    def note(self, rule: str, message: str, *, at: str = "", level: Level = Level.WARNING) -> None:
        """Remark once on what a person should know."""
        remark = Remark(level=level, rule=f"{self.source.tool}.{rule}", at=at, message=message)
        self._remarks.setdefault(f"{rule}{at}", remark)

    def contradict(self, what: str, *, told: object, counted: int, at: str = "") -> None:
        """Remark on a total of the tool that its own rows contradict; the rows are believed, the total is not."""
        if isinstance(told, int) and not isinstance(told, bool) and told != counted:
            message = f"the rows say {counted} {what}; the tool's own total says {told}: the rows are counted"
            self.note("mismatch", message, at=at or what, level=Level.ERROR)

    @property
    def rows(self) -> int:
        """Return how many rows were taken."""
        return len(self._seen)

    def total(self, outcome: TrialOutcome) -> int:
        """Return how many rows have the outcome."""
        return sum(counts[outcome] for counts in self._outcomes.values())

    @property
    def prompts(self) -> tuple[HitPrompt, ...]:
        """Return the prompts that were hit."""
        return tuple(self._prompts)

    @property
    def families(self) -> tuple[Counts, ...]:
        """Return the counts, in the order in which the families came."""
        return tuple(
            Counts(
                family=family,
                judge=judge,
                hits=counts[TrialOutcome.HIT],
                misses=counts[TrialOutcome.MISS],
                abstained=counts[TrialOutcome.ABSTAIN],
                errors=counts[TrialOutcome.ERROR],
                clusters=len(self._clusters[family, judge]),
                largest=max(self._clusters[family, judge].values()),
            )
            for (family, judge), counts in self._outcomes.items()
        )

    def remarks(self) -> tuple[Remark, ...]:
        """Return what a person should know, and that outputs depend on each other where they do."""
        if not self._seen:
            self.note("empty", "nothing was judged, so there is nothing to count")
        if any(family.largest > 1 for family in self.families):
            rows, clusters = self.rows, sum(family.clusters for family in self.families)
            self.note("clusters", f"{rows} outputs belong to {clusters} variants; those of one variant depend on it")
        return tuple(self._remarks.values())


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big")
