# SPDX-License-Identifier: Apache-2.0
"""What became of a report before it was a case: the runs of the evidence gate, the assessment, the appeals."""

import secrets

from django.db import models

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.severity import Tier
from safeconduct.server.authorizations.models import Target
from safeconduct.server.intake.models import Report
from safeconduct.server.parties.models import Party

ID_LENGTH = 40
TIERS = [(item.value, item.value) for item in Tier]


def new_assessment_id() -> str:
    """Return a fresh identifier of an assessment."""
    return new_id(IdKind.ASSESSMENT, secrets.token_bytes)


class GateState(models.TextChoices):
    """What the evidence gate says. `not_run` is an answer of its own and never a failure."""

    NOT_RUN = "not_run", "not run"
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    REPRODUCED = "reproduced", "reproduced"
    NOT_REPRODUCED = "not_reproduced", "did not reproduce"
    INVALID = "invalid", "bundle not usable"
    ERROR = "error", "target or sandbox failed"


class GateRun(models.Model):
    """One run of a report's bundle against a granted target. `summary` holds counts and digests, never a payload."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="gate_runs")
    target = models.ForeignKey(Target, null=True, blank=True, on_delete=models.SET_NULL, related_name="gate_runs")
    state = models.CharField(max_length=16, choices=GateState.choices, default=GateState.NOT_RUN)
    reason = models.CharField(max_length=400, blank=True)
    calls = models.PositiveIntegerField(default=0)
    hits = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at", "-id")

    def __str__(self) -> str:
        """Return the report and the state."""
        return f"{self.report_id}: {self.state}"


class AssessmentState(models.TextChoices):
    """How far the assessment is."""

    OPEN = "open", "open"
    WAITING = "waiting", "waiting for the reporter"
    ACCEPTED = "accepted", "accepted"
    REJECTED = "rejected", "not accepted"
    DUPLICATE = "duplicate", "already known"


class Assessment(models.Model):
    """What the rules answered and what a person made of it.

    `facts` are the coded inputs (no free text of the report), `answers` the decisions of the rules as data,
    `overrides` the person's changes, each with who, when and why. `rulebook` names the versions of the tables used.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_assessment_id, editable=False)
    report = models.OneToOneField(Report, on_delete=models.PROTECT, related_name="assessment")
    state = models.CharField(max_length=10, choices=AssessmentState.choices, default=AssessmentState.OPEN)
    facts = models.JSONField(default=dict)
    answers = models.JSONField(default=dict)
    overrides = models.JSONField(default=list)
    tier = models.CharField(max_length=10, choices=TIERS, blank=True)
    tier_low = models.CharField(max_length=10, choices=TIERS, blank=True)
    cvss_vector = models.CharField(max_length=300, blank=True)
    ml_profile = models.CharField(max_length=120, blank=True)
    exploitation = models.CharField(max_length=10, blank=True)
    tracks = models.JSONField(default=list)
    gate = models.CharField(max_length=16, choices=GateState.choices, default=GateState.NOT_RUN)
    priority = models.CharField(max_length=120, blank=True, db_index=True)
    rulebook = models.CharField(max_length=120, blank=True)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Party, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    duplicate_of = models.ForeignKey(Report, null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates")

    class Meta:
        ordering = ("priority", "made_at")

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class Appeal(models.Model):
    """A reporter's appeal against a decision, sealed under the report's key."""

    assessment = models.ForeignKey(Assessment, on_delete=models.CASCADE, related_name="appeals")
    body = models.BinaryField()
    made_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    upheld = models.BooleanField(null=True, blank=True)
    decided_by = models.ForeignKey(Party, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("made_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("assessment",),
                condition=models.Q(decided_at__isnull=True),
                name="one_open_appeal_per_assessment",
            ),
        )

    def __str__(self) -> str:
        """Return the assessment."""
        return f"appeal in {self.assessment_id}"
