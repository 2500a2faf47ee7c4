# SPDX-License-Identifier: Apache-2.0
"""Single judged outputs of a garak run, for who wants them all; a prompt's outputs are one cluster."""

from collections.abc import Sequence

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.formats.evidence.run import Provenance, Row, RowSink


class Rows:
    """Hands on the rows of one file."""

    def __init__(self, sha256: str, sink: RowSink) -> None:
        """Keep the digest of the file, and who gets the rows."""
        self._sha256 = sha256
        self._sink = sink
        self.version = ""

    def tell(self, probe: str, detector: str, attempt: str, outcomes: Sequence[tuple[int, TrialOutcome]]) -> None:
        """Hand on the outcomes of one attempt under one detector, each with the index of its output."""
        source = Provenance(tool="garak", version=self.version, sha256=self._sha256)
        for index, outcome in outcomes:
            name = f"{attempt} output {index}"
            self._sink(source, Row(probe, detector, attempt, outcome, name))


def outcomes_of(scores: Sequence[float | None], *, threshold: float, outputs: int) -> list[tuple[int, TrialOutcome]]:
    """Return what the scores say of each output; an output without a score is not judged."""
    said = [_outcome(score, threshold) for score in scores]
    said += [TrialOutcome.ABSTAIN] * (outputs - len(scores))
    return list(enumerate(said))


def _outcome(score: float | None, threshold: float) -> TrialOutcome:
    if score is None:
        return TrialOutcome.ABSTAIN
    return TrialOutcome.HIT if score >= threshold else TrialOutcome.MISS
