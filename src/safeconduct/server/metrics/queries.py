# SPDX-License-Identifier: Apache-2.0
"""The numbers of all measures, counted from what happened. Nothing here names a report, a case or a party.

What the world sees is counted once in six beats of the log (an hour, as usual) and stands until then: a number that
moved at once would tell whoever watches it the second in which a report arrived.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache

from safeconduct.domain.severity import Tier
from safeconduct.server.cases.models import Case
from safeconduct.server.cases.queries import facts_for
from safeconduct.server.intake.models import Report, ReportStatus
from safeconduct.server.metrics.measures import CountMeasure, CountRow, Span, TimeMeasure, time_measure
from safeconduct.server.triage import queries as triage
from safeconduct.server.triage.models import Assessment, GateRun, GateState

TIERS = tuple(tier.value for tier in reversed(Tier))
ENDED = frozenset({ReportStatus.WITHDRAWN, ReportStatus.REJECTED, ReportStatus.DUPLICATE, ReportStatus.CLOSED})
BEATS = 6
SEALED = ("body", "acceptance_note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All measures, and when they were counted."""

    counts: tuple[CountMeasure, ...]
    times: tuple[TimeMeasure, ...]
    at: datetime


def measured(now: datetime) -> Measured:
    """Return the measures as the world sees them now: as they were first asked for in these six beats."""
    length = BEATS * settings.SAFECONDUCT.beat_seconds
    name = f"measures:{int(now.timestamp() // length)}"
    found: Measured | None = cache.get(name)
    if found is None:
        found = Measured(counts=counts(), times=times(), at=now)
        cache.set(name, found, timeout=timedelta(seconds=length).total_seconds())
    return found


def counts() -> tuple[CountMeasure, ...]:
    """Return the measures that count."""
    return (_reports(), _reproduction(), _put_off())


def times() -> tuple[TimeMeasure, ...]:
    """Return the measures of time."""
    return (*_times_of_reports(), *_times_of_cases())


def _times_of_reports() -> tuple[TimeMeasure, ...]:
    assessments = list(
        Assessment.objects.select_related("report").defer(
            "answers", "overrides", *(f"report__{name}" for name in SEALED)
        )
    )
    unassessed = list(Report.objects.filter(assessment__isnull=True).defer(*SEALED))
    reports = [(item.tier, item.report) for item in assessments] + [("", report) for report in unassessed]
    decided = {item.report_id: item.decided_at for item in assessments}
    return (
        time_measure(
            name="acknowledge",
            title="Time to acknowledge",
            definition="From the hour a report arrived until a person first opened it.",
            spans=[_span(tier, row, end=row.acknowledged_at) for tier, row in reports],
            tiers=TIERS,
        ),
        time_measure(
            name="assess",
            title="Time to assess",
            definition="From the hour a report arrived until a person decided on it.",
            spans=[_span(tier, row, end=decided.get(row.pk)) for tier, row in reports],
            tiers=TIERS,
        ),
    )


def _times_of_cases() -> tuple[TimeMeasure, ...]:
    facts = [
        (case.assessment.tier, facts_for(case))
        for case in Case.objects.select_related("assessment__report").prefetch_related("participants", "terms")
    ]
    return (
        time_measure(
            name="fix",
            title="Time to a verified fix",
            definition="From informing the first vendor until a campaign found the fix to hold on held-out variants.",
            spans=[
                Span(
                    tier=tier,
                    begin=fact.vendor_notified_at,
                    end=fact.verified_at,
                    is_over=fact.closed_at is not None,
                )
                for tier, fact in facts
            ],
            tiers=TIERS,
        ),
        time_measure(
            name="publish",
            title="Time to publish",
            definition="From the hour a report arrived until its advisory was published.",
            spans=[
                Span(tier=tier, begin=fact.received_at, end=fact.published_at, is_over=fact.closed_at is not None)
                for tier, fact in facts
            ],
            tiers=TIERS,
        ),
    )


def _span(tier: str, row: Report, *, end: datetime | None) -> Span:
    return Span(tier=tier, begin=row.received_at, end=end, is_over=row.status in ENDED)


def _reports() -> CountMeasure:
    total = Report.objects.count()
    rows = tuple(
        CountRow(what=status.label, count=Report.objects.filter(status=status).count(), of=total)
        for status in ReportStatus
    )
    return CountMeasure(
        name="reports",
        title="Reports",
        definition="All reports that were received, by where they stand now.",
        rows=(CountRow(what="received", count=total), *rows[1:]),
    )


def _reproduction() -> CountMeasure:
    with_bundle = Report.objects.filter(has_bundle=True)
    ran = GateRun.objects.filter(state__in=(GateState.REPRODUCED, GateState.NOT_REPRODUCED))
    judged = ran.values("report").distinct().count()
    shown = GateRun.objects.filter(state=GateState.REPRODUCED).values("report").distinct().count()
    return CountMeasure(
        name="reproduction",
        title="Reports that proved themselves",
        definition=(
            "Reports with a reproduction bundle that was run against a granted target, and those of them whose flaw"
            " was reproduced. A report that could not be run is not counted as failed."
        ),
        rows=(
            CountRow(what="with a bundle", count=with_bundle.count(), of=Report.objects.count()),
            CountRow(what="bundle was run", count=judged, of=with_bundle.count()),
            CountRow(what="reproduced", count=shown, of=judged),
        ),
    )


def _put_off() -> CountMeasure:
    minutes = settings.SAFECONDUCT.triage_minutes
    number = triage.put_off()
    return CountMeasure(
        name="put-off",
        title="Reports that nobody had to read first",
        definition=(
            "Reports that wait below the cut of the queue and were opened by nobody: their evidence was run and did not"
            " reproduce, or they bring none and resemble a known report, or a vendor documents them as intended. An"
            f" estimate of put-off work at {minutes:g} minutes of first reading each, not of work saved for good: none"
            " is declined, and each may still be read."
        ),
        rows=(
            CountRow(what="below the cut and not opened", count=number, of=Report.objects.count()),
            CountRow(what="minutes of reading put off, as an estimate", count=round(number * minutes)),
        ),
    )
