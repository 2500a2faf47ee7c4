# SPDX-License-Identifier: Apache-2.0
"""Claims of a fix, and the campaigns that test them.

The salt and the seed of the held-out draws are sealed under the case's key until the verdict; the commitment to them is
public from the start. Trials hold digests and outcomes, never what was asked or answered. What names a family of the
bundle or a system (progress, reasons, certificate, trials, a failure) is sealed as well, because it repeats words of a
report that is not public.
"""

import secrets

from django.db import models

from safeconduct.domain.evidence import Verdict
from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.safe_json import Json, canonical_json, read_json
from safeconduct.server.audit import vault
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns.places import kept_place
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
    sealed_progress = models.BinaryField(blank=True)
    verdict = models.CharField(max_length=16, choices=[(item.value, item.value) for item in Verdict], blank=True)
    sealed_reasons = models.BinaryField(blank=True)
    sealed_certificate = models.BinaryField(blank=True)
    sealed_trials = models.BinaryField(blank=True)
    sealed_failure = models.BinaryField(blank=True)
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
                condition=~models.Q(state="decided") | (~models.Q(verdict="") & ~models.Q(sealed_certificate=b"")),
                name="a_decided_campaign_has_verdict_and_certificate",
            ),
        )

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id

    @property
    def progress(self) -> Json:
        """Return how far a running campaign is, as plain data; empty before its first call."""
        return read_json(self._kept("progress") or b"{}")

    @property
    def reasons(self) -> Json:
        """Return the grounds of the verdict in words; empty before it."""
        return read_json(self._kept("reasons") or b"[]")

    @property
    def certificate(self) -> str:
        """Return the signed certificate; empty before the verdict."""
        return self._kept("certificate").decode()

    @property
    def trials(self) -> str:
        """Return the trials, one line each; empty before the verdict."""
        return self._kept("trials").decode()

    @property
    def failure(self) -> str:
        """Return why it could not be run, in words; empty where it could."""
        return self._kept("failure").decode()

    def sealed(self, column: str, value: Json) -> bytes:
        """Return a value as it is kept in the column: text as it is, other data as canonical JSON."""
        content = value.encode() if isinstance(value, str) else canonical_json(value)
        return vault.seal(content, subject=self.claim.case_id, place=kept_place(self.pk, column))

    def _kept(self, column: str) -> bytes:
        found = bytes(getattr(self, f"sealed_{column}"))
        place = kept_place(self.pk, column)
        return vault.open_sealed(found, subject=self.claim.case_id, place=place) if found else b""
