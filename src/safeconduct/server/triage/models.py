# SPDX-License-Identifier: Apache-2.0
"""What became of a report before it was a case: the runs of the evidence gate, the assessment, the appeals.

What repeats words of a report (the grounds of the rules, the reasons of a person, the names in a bundle) is stored
sealed under the report's key; only codes and counts stand in clear.
"""

import secrets

from django.db import models

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.severity import Tier
from safeconduct.server.authorizations.models import Target
from safeconduct.server.intake.models import Report
from safeconduct.server.parties.models import Party
from safeconduct.server.registry.models import Entry

ID_LENGTH = 40
NAME_LENGTH = 200
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
    """One run of a report's bundle against a granted target, or that none could be made.

    `detail` is sealed: the reason in words, what each target answered to, counts by family, digests; never what was
    asked or answered. `target` is the one that is run against now, or that decided, and `reserved` are the calls that
    are set aside there; `calls` are those of all targets. `due_at` is when it is tried again; `looked` marks which
    targets there were when none fitted. A run begins seconds after a report came, so its times are kept to the hour,
    and the lease is rounded up.
    """

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="gate_runs")
    target = models.ForeignKey(Target, null=True, blank=True, on_delete=models.SET_NULL, related_name="gate_runs")
    state = models.CharField(max_length=16, choices=GateState.choices, default=GateState.NOT_RUN)
    calls = models.PositiveIntegerField(default=0)
    hits = models.PositiveIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0)
    detail = models.BinaryField(default=b"")
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    looked = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("report",), condition=models.Q(state="running"), name="one_run_of_a_report_at_a_time"
            ),
        )

    def __str__(self) -> str:
        """Return the report and the state."""
        return f"{self.report_id}: {self.state}"


class GateReply(models.Model):
    """What a target answered to a variant that succeeded: sealed under the report's key, with an excerpt to be shown.

    The digest is that of the whole answer; what is kept of it is bounded.
    """

    run = models.ForeignKey(GateRun, on_delete=models.CASCADE, related_name="replies")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    sealed_reply = models.BinaryField()
    sealed_excerpt = models.BinaryField()

    class Meta:
        ordering = ("run", "number")
        constraints = (models.UniqueConstraint(fields=("run", "number"), name="one_reply_of_a_trial"),)

    def __str__(self) -> str:
        """Return the run and the trial."""
        return f"{self.run_id}: {self.number}"


class ReplyOpening(models.Model):
    """That somebody opened a sealed reply, and why; the reason is sealed under the report's key."""

    reply = models.ForeignKey(GateReply, on_delete=models.CASCADE, related_name="openings")
    by = models.ForeignKey(Party, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    sealed_reason = models.BinaryField()

    class Meta:
        ordering = ("at",)

    def __str__(self) -> str:
        """Return the reply and when it was opened."""
        return f"{self.reply_id}: {self.at:%Y-%m-%d}"


class DocumentedBehavior(models.Model):
    """What a vendor documents as intended, with the reference: a report of it stands lower in the queue, no more.

    `phrases` are the words by which such a report is known, one a line; an empty product or class means any.
    """

    vendor = models.CharField(max_length=NAME_LENGTH)
    product = models.CharField(max_length=NAME_LENGTH, blank=True)
    flaw_class = models.CharField(max_length=40, blank=True)
    phrases = models.TextField(blank=True)
    says = models.CharField(max_length=500)
    reference = models.URLField(max_length=500)
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(Party, null=True, on_delete=models.SET_NULL, related_name="+")
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("vendor", "product", "pk")
        constraints = (
            models.CheckConstraint(
                condition=~(models.Q(flaw_class="") & models.Q(phrases="")),
                name="documented_behavior_is_known_by_class_or_phrase",
            ),
        )

    def __str__(self) -> str:
        """Return the vendor and what it says."""
        return f"{self.vendor}: {self.says}"


class AssessmentState(models.TextChoices):
    """How far the assessment is."""

    OPEN = "open", "open"
    WAITING = "waiting", "waiting for the reporter"
    ACCEPTED = "accepted", "accepted"
    REJECTED = "rejected", "not accepted"
    DUPLICATE = "duplicate", "already known"


class Assessment(models.Model):
    """What the rules answered and what a person made of it.

    `facts` are the values a person set (codes, no text), `answers` the decisions of the rules as data and `overrides`
    the person's changes, each with who, when and why; these two are sealed. `rulebook` names the versions of the tables
    used. A duplicate names the earlier report, or the public entry of the register.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_assessment_id, editable=False)
    report = models.OneToOneField(Report, on_delete=models.PROTECT, related_name="assessment")
    state = models.CharField(max_length=10, choices=AssessmentState.choices, default=AssessmentState.OPEN)
    facts = models.JSONField(default=dict)
    answers = models.BinaryField(default=b"")
    overrides = models.BinaryField(default=b"")
    tier = models.CharField(max_length=10, choices=TIERS, blank=True)
    tier_low = models.CharField(max_length=10, choices=TIERS, blank=True)
    cvss_vector = models.CharField(max_length=300, blank=True)
    ml_profile = models.CharField(max_length=120, blank=True)
    exploitation = models.CharField(max_length=10, blank=True)
    tracks = models.JSONField(default=list)
    gate = models.CharField(max_length=16, choices=GateState.choices, default=GateState.NOT_RUN)
    priority = models.CharField(max_length=120, blank=True)
    rulebook = models.CharField(max_length=120, blank=True)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Party, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    duplicate_of = models.ForeignKey(Report, null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates")
    duplicate_entry = models.ForeignKey(
        Entry, null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates"
    )

    class Meta:
        ordering = ("priority", "made_at", "id")
        indexes = (models.Index(fields=("state", "priority", "made_at"), name="the_queue_in_its_order"),)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(duplicate_of__isnull=True) | models.Q(duplicate_entry__isnull=True),
                name="a_duplicate_has_one_original",
            ),
        )

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
