# SPDX-License-Identifier: Apache-2.0
"""What was said about deadlines, and which have fired. Deadlines themselves are derived and never stored.

What a person wrote as evidence is sealed under the case's key.
"""

from django.db import models

from safeconduct.domain.clock import DeadlineKind, ExtensionReason, PauseReason
from safeconduct.server.cases.models import Case
from safeconduct.server.intake.models import Report

KIND_LENGTH = 32
ID_LENGTH = 40


class Extension(models.Model):
    """One granted extension of one kind of deadline of a case; there is at most one."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="extensions")
    kind = models.CharField(max_length=KIND_LENGTH, choices=[(kind.value, kind.value) for kind in DeadlineKind])
    days = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=KIND_LENGTH, choices=[(item.value, item.value) for item in ExtensionReason])
    evidence = models.BinaryField()
    actor = models.CharField(max_length=ID_LENGTH)
    granted_at = models.DateTimeField()

    class Meta:
        ordering = ("granted_at",)
        constraints = (models.UniqueConstraint(fields=("case", "kind"), name="one_extension_per_kind_of_deadline"),)

    def __str__(self) -> str:
        """Return kind and length."""
        return f"{self.kind}: {self.days} days more"


class Pause(models.Model):
    """A visible pause of a case's clocks, for example while the reporter is asked. How many count, the rules say."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField(max_length=KIND_LENGTH, choices=[(item.value, item.value) for item in PauseReason])
    actor = models.CharField(max_length=ID_LENGTH)
    began_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("began_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("case",), condition=models.Q(ended_at__isnull=True), name="one_open_pause_per_case"
            ),
            models.CheckConstraint(
                condition=models.Q(until__gt=models.F("began_at")), name="a_pause_ends_after_it_began"
            ),
        )

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


class Firing(models.Model):
    """A deadline or a step of an escalation that fired, of a case or of a report that has none yet.

    The constraints make it fire once, whatever crashes or restarts; another due instant is another firing.
    """

    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.CASCADE, related_name="firings")
    report = models.ForeignKey(Report, null=True, blank=True, on_delete=models.CASCADE, related_name="firings")
    kind = models.CharField(max_length=KIND_LENGTH)
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField()

    class Meta:
        ordering = ("fired_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("case", "kind", "due_at"),
                condition=models.Q(case__isnull=False),
                name="a_deadline_of_a_case_fires_once",
            ),
            models.UniqueConstraint(
                fields=("report", "kind", "due_at"),
                condition=models.Q(report__isnull=False),
                name="a_deadline_of_a_report_fires_once",
            ),
            models.CheckConstraint(
                condition=models.Q(case__isnull=False, report__isnull=True)
                | models.Q(case__isnull=True, report__isnull=False),
                name="a_firing_is_of_a_case_or_of_a_report",
            ),
        )

    def __str__(self) -> str:
        """Return the kind and the instant."""
        return f"{self.kind} at {self.due_at:%Y-%m-%d %H:%M}Z"
