# SPDX-License-Identifier: Apache-2.0
"""Claims of a fix, and the campaigns that test them.

The salt and the seed of the held-out draws are sealed under the case's key until the verdict; the commitment to them is
public from the start. Trials hold digests and outcomes, never what was asked or answered.
"""

import secrets

from django.db import models

from safeconduct.domain.evidence import Verdict
from safeconduct.domain.ids import IdKind, new_id
from safeconduct.server.authorizations.models import Target
from safeconduct.server.cases.models import Case, Participant

ID_LENGTH = 40
DIGEST_LENGTH = 64


def new_campaign_id() -> str:
    """Return a fresh identifier of a campaign."""
    return new_id(IdKind.CAMPAIGN, secrets.token_bytes)


class FixClaim(models.Model):
    """A participant says that a fix is there, and how it can be reached; the note is sealed under the case's key."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="claims")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="claims")
    note = models.BinaryField()
    claimed_at = models.DateTimeField()

    class Meta:
        ordering = ("claimed_at", "id")

    def __str__(self) -> str:
        """Return the case."""
        return f"claim in {self.case_id}"


class CampaignState(models.TextChoices):
    """How far a campaign is."""

    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    DECIDED = "decided", "decided"
    CANCELED = "canceled", "canceled"
    FAILED = "failed", "failed"


class Campaign(models.Model):
    """One test of one claimed fix, from the frozen criterion to the signed certificate."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_campaign_id, editable=False)
    claim = models.ForeignKey(FixClaim, on_delete=models.CASCADE, related_name="campaigns")
    unpatched = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+")
    patched = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.QUEUED)
    criterion = models.JSONField()
    criterion_sha256 = models.CharField(max_length=DIGEST_LENGTH)
    commitment = models.CharField(max_length=DIGEST_LENGTH)
    secret = models.BinaryField()
    progress = models.JSONField(default=dict)
    verdict = models.CharField(max_length=16, choices=[(item.value, item.value) for item in Verdict], blank=True)
    reasons = models.JSONField(default=list)
    certificate = models.TextField(blank=True)
    trials = models.TextField(blank=True)
    failure = models.CharField(max_length=400, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-queued_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(state="decided") | (~models.Q(verdict="") & ~models.Q(certificate="")),
                name="a_decided_campaign_has_verdict_and_certificate",
            ),
        )

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id
