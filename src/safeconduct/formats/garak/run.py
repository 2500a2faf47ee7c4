# SPDX-License-Identifier: Apache-2.0
"""What a run of garak left behind, as plain facts: its settings, counts per probe and detector, and the hit prompts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from safeconduct.domain.safe_json import Json
from safeconduct.formats.base import Remark


class LogKind(StrEnum):
    """Which of garak's two files it is."""

    REPORT = "report"
    HIT_LOG = "hit log"


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCount:
    """Counts of one probe under one detector.

    `misses` and `nones` are None in a hit log, which tells hits only. `unscored` outputs never met the detector.
    `attempts` is the number of prompts: outputs of one prompt are not independent. `disagreed` counts the outputs for
    which our exact oracle says otherwise than the recorded score, None where the detector has no exact oracle.
    """

    probe: str
    detector: str
    hits: int
    misses: int | None
    nones: int = 0
    unscored: int = 0
    attempts: int = 0
    disagreed: int | None = None

    @property
    def name(self) -> str:
        """Return probe and detector as one name."""
        return f"{self.probe}/{self.detector}"

    @property
    def judged(self) -> int | None:
        """Return how many outputs were judged, or None where that is not known."""
        return None if self.misses is None else self.hits + self.misses


@dataclass(frozen=True, slots=True, kw_only=True)
class HitPrompt:
    """A prompt that was answered with a hit: the turns before it as (role, text), the text, and what was looked for."""

    probe: str
    detector: str
    text: str
    frame: tuple[tuple[str, str], ...] = ()
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of garak. Instants are taken as UTC where the file names no zone, which `remarks` then say."""

    kind: LogKind
    sha256: str
    version: str = ""
    run_id: str = ""
    target_type: str = ""
    target_name: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    generations: int | None = None
    seed: int | None = None
    threshold: float = 0.5
    generator: Mapping[str, Json] = field(default_factory=dict)
    detectors: Mapping[str, Json] = field(default_factory=dict)
    families: tuple[FamilyCount, ...] = ()
    prompts: tuple[HitPrompt, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def hits(self) -> int:
        """Return the number of hits in all families; one output may be hit under several detectors."""
        return sum(family.hits for family in self.families)
