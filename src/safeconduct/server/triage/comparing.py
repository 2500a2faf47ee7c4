# SPDX-License-Identifier: Apache-2.0
"""Two records side by side: the same fields of both, with the words that they share marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.server.audit import vault
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import queries as registry
from safeconduct.server.registry.models import Entry
from safeconduct.server.triage import queries
from safeconduct.server.triage.models import Assessment
from safeconduct.server.triage.plainly import pieces, shared_words
from safeconduct.server.triage.telling import systems_in_short

HIDDEN = "(restricted material: look at the report itself)"
LONGEST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field: its label and its text in pieces, each with whether both records hold it."""

    label: str
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two records."""

    id: str
    at: datetime | None
    state: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both records, and why the index took the one for a candidate of the other."""

    left: Side
    right: Side
    reasons: tuple[str, ...]
    entry: Entry | None = None
    other: Assessment | None = None


def with_report(viewer: Viewer, assessment: Assessment, other: Report) -> Comparison:
    """Return the comparison of an assessed report with another report.

    Raises:
        SealError: one of the two was shredded.
    """
    row = assessment.report
    with vault.keys_at_hand([row.pk, other.pk]):
        mine, theirs = _fields(intake.opened(row).told), _fields(intake.opened(other).told)
    left, right = _sides(mine, theirs)
    return Comparison(
        left=Side(id=row.pk, at=row.received_at, state=row.get_status_display(), parts=left),
        right=Side(id=other.pk, at=other.received_at, state=other.get_status_display(), parts=right),
        reasons=_reasons(assessment, other.pk),
        other=queries.assessments_of(viewer, [other.pk]).get(other.pk),
    )


def with_entry(assessment: Assessment, entry: Entry) -> Comparison:
    """Return the comparison of an assessed report with a public entry of the register.

    Raises:
        SealError: the report was shredded.
    """
    row = assessment.report
    left, right = _sides(_fields(intake.opened(row).told), _public_fields(registry.record_of(entry)))
    return Comparison(
        left=Side(id=row.pk, at=row.received_at, state=row.get_status_display(), parts=left),
        right=Side(id=entry.public_id, at=entry.published_at, state=entry.get_state_display(), parts=right),
        reasons=_reasons(assessment, entry.public_id),
        entry=entry,
    )


def _reasons(assessment: Assessment, other_id: str) -> tuple[str, ...]:
    matches = queries.answers_of(assessment).get("matches", [])
    return next((tuple(match["reasons"]) for match in matches if match["id"] == other_id), ())


def _sides(mine: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    shared = shared_words(" ".join(mine.values()), " ".join(theirs.values()))
    left, right = (
        tuple(
            Part(label=label, pieces=tuple(pieces(text[:LONGEST], shared)))
            for label, text in side.items()
            if text.strip()
        )
        for side in (mine, theirs)
    )
    return left, right


def _fields(told: ToldReport) -> dict[str, str]:
    is_open = told.restricted_material is RestrictedMaterial.NONE
    return {
        "Title": told.title,
        "Affected": systems_in_short(told),
        "Kind": told.flaw_class.value.replace("-", " "),
        "Classified as": ", ".join(str(ref) for ref in told.taxonomy),
        "Description": told.description if is_open else HIDDEN,
        "Steps": told.steps if is_open else HIDDEN,
    }


def _public_fields(record: Advisory) -> dict[str, str]:
    return {
        "Title": record.title,
        "Affected": "; ".join(
            " ".join(filter(None, (one.vendor, one.product, one.version))) for one in record.affected
        ),
        "Kind": record.flaw_class.value.replace("-", " "),
        "Classified as": ", ".join(str(ref) for ref in record.taxonomy),
        "Description": f"{record.summary}\n\n{record.description}",
        "Steps": record.detection,
    }
