# SPDX-License-Identifier: Apache-2.0
"""What a run of another tool left behind, as plain facts: rows, counts per family and judge, and the hit prompts.

A row is one judged output. It is a hit, a miss, or of the third outcome: not judged, or an error. The third outcome is
never a pass. Rows of one cluster are outputs of one variant and depend on each other; a rate that counted them as
independent would claim more than was shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from safeconduct.domain.bundle import Check
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json
from safeconduct.domain.systems import ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.formats.base import Remark

Frame = tuple[tuple[str, str], ...]


class HitWhen(StrEnum):
    """Whether the word "correct" (or "success") of a tool means that the attack succeeded."""

    CORRECT = "correct"
    INCORRECT = "incorrect"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a person must say because the file does not: the sense of "correct", the threshold, names of fields."""

    hit_when: HitWhen | None = None
    threshold: float = 0.5
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where rows come from: the tool, its version, and the SHA-256 of the file."""

    tool: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What was sent: the last text of the user, and the turns before it as (role, text)."""

    text: str
    frame: Frame = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One judged output: what attacked, what judged, the variant it belongs to, the outcome, the tool's own id.

    `prompt` and `checks` are given for hits, from which seeds and oracle are drafted.
    """

    family: str
    judge: str
    cluster: str
    outcome: TrialOutcome
    foreign_id: str
    prompt: Prompt | None = None
    checks: tuple[Check, ...] = ()

    def as_dict(self, source: Provenance) -> dict[str, Json]:
        """Return the row as plain data, as the generic reader takes it back."""
        return {
            "id": self.foreign_id,
            "family": self.family,
            "judge": self.judge,
            "cluster": self.cluster,
            "outcome": self.outcome.value,
            "tool": source.tool,
            "tool_version": source.version,
            "source_sha256": source.sha256,
        }


RowSink = Callable[[Provenance, Row], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of one family under one judge: of `clusters` variants, none of which has more than `largest` outputs."""

    family: str
    judge: str
    hits: int
    misses: int
    abstained: int = 0
    errors: int = 0
    clusters: int = 0
    largest: int = 0

    @property
    def name(self) -> str:
        """Return family and judge as one name."""
        return f"{self.family}/{self.judge}" if self.judge else self.family

    @property
    def judged(self) -> int:
        """Return how many outputs were judged."""
        return self.hits + self.misses


@dataclass(frozen=True, slots=True, kw_only=True)
class HitPrompt:
    """A prompt that was answered with a hit, and the exact checks that say so where there are any."""

    family: str
    judge: str
    prompt: Prompt
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a tool. `kind` names the file in words, `again` tells how to run it again."""

    source: Provenance
    kind: str
    run_id: str = ""
    model: str = ""
    endpoint: str = ""
    hosted: bool = False
    component: ComponentType = ComponentType.MODEL
    flaw_class: FlawClass = FlawClass.OTHER
    stochastic: bool = True
    started_at: datetime | None = None
    ended_at: datetime | None = None
    sampling: Mapping[str, Json] = field(default_factory=dict)
    families: tuple[Counts, ...] = ()
    prompts: tuple[HitPrompt, ...] = ()
    findings: tuple[str, ...] = ()
    again: str = ""
    lost: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()

    @property
    def hits(self) -> int:
        """Return the number of hits in all families; one output may be hit under several judges."""
        return sum(family.hits for family in self.families)
