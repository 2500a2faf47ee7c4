# SPDX-License-Identifier: Apache-2.0
"""What the readers of other tools' evidence share: rows, counts, and the drafts of a report and of a bundle."""

from safeconduct.formats.evidence.bundle import BundleDraft, bundle_of
from safeconduct.formats.evidence.draft import questions_of, report_of
from safeconduct.formats.evidence.run import (
    Counts,
    HitPrompt,
    HitWhen,
    Prompt,
    Provenance,
    ReadOptions,
    Row,
    RowSink,
    Run,
)
from safeconduct.formats.evidence.tally import Tally

__all__ = [
    "BundleDraft",
    "Counts",
    "HitPrompt",
    "HitWhen",
    "Prompt",
    "Provenance",
    "ReadOptions",
    "Row",
    "RowSink",
    "Run",
    "Tally",
    "bundle_of",
    "questions_of",
    "report_of",
]
