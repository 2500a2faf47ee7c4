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
from safeconduct.server.intake.models import Report

ID_LENGTH = 40
DIGEST_LENGTH = 64


def new_campaign_id() -> str:
    """Return a fresh identifier of a campaign."""
    return new_id(IdKind.CAMPAIGN, secrets.token_bytes)


def new_round_id() -> str:
    """Return a fresh identifier of a round."""
    return new_id(IdKind.ROUND, secrets.token_bytes)


def new_check_id() -> str:
    """Return a fresh identifier of a check against a suite."""
    return new_id(IdKind.SUITE_CHECK, secrets.token_bytes)


def new_probe_id() -> str:
    """Return a fresh identifier of a probe."""
    return new_id(IdKind.PROBE, secrets.token_bytes)


def new_watch_id() -> str:
    """Return a fresh identifier of a watch."""
    return new_id(IdKind.WATCH, secrets.token_bytes)


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
    PAUSED = "paused", "paused"
    DECIDED = "decided", "decided"
    CANCELED = "canceled", "canceled"
    FAILED = "failed", "failed"


class Campaign(models.Model):
    """One test of one claimed fix, from the frozen criterion to the signed certificate."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_campaign_id, editable=False)
    claim = models.ForeignKey(FixClaim, on_delete=models.CASCADE, related_name="campaigns")
    unpatched = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+")
    patched = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+")
    judge = models.ForeignKey(Target, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.QUEUED)
    criterion = models.JSONField()
    approval = models.JSONField(default=dict, blank=True)
    criterion_sha256 = models.CharField(max_length=DIGEST_LENGTH)
    commitment = models.CharField(max_length=DIGEST_LENGTH)
    secret = models.BinaryField()
    sealed_progress = models.BinaryField(blank=True)
    verdict = models.CharField(max_length=16, choices=[(item.value, item.value) for item in Verdict], blank=True)
    sealed_reasons = models.BinaryField(blank=True)
    sealed_certificate = models.BinaryField(blank=True)
    sealed_trials = models.BinaryField(blank=True)
    sealed_failure = models.BinaryField(blank=True)
    sealed_costs = models.BinaryField(blank=True)
    sealed_transcripts = models.BinaryField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    pause_asked = models.BooleanField(default=False)
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
        return read_json(self.kept("progress") or b"{}")

    @property
    def reasons(self) -> Json:
        """Return the grounds of the verdict in words; empty before it."""
        return read_json(self.kept("reasons") or b"[]")

    @property
    def certificate(self) -> str:
        """Return the signed certificate; empty before the verdict."""
        return self.kept("certificate").decode()

    @property
    def trials(self) -> str:
        """Return the trials, one line each; empty before the verdict."""
        return self.kept("trials").decode()

    @property
    def failure(self) -> str:
        """Return why it could not be run, in words; empty where it could."""
        return self.kept("failure").decode()

    @property
    def costs(self) -> Json:
        """Return what it cost, as plain data; empty before its end."""
        return read_json(self.kept("costs") or b"{}")

    def sealed(self, column: str, value: Json) -> bytes:
        """Return a value as it is kept in the column: text as it is, other data as canonical JSON."""
        content = value.encode() if isinstance(value, str) else canonical_json(value)
        return vault.seal(content, subject=self.claim.case_id, place=kept_place(self.pk, column))

    def kept(self, column: str) -> bytes:
        """Return what is kept sealed in a column, as it was sealed; nothing where it is empty."""
        found = bytes(getattr(self, f"sealed_{column}"))
        place = kept_place(self.pk, column)
        return vault.open_sealed(found, subject=self.claim.case_id, place=place) if found else b""


class JournalLine(models.Model):
    """One call of a campaign, sealed: written down before it is made, and what came of it after.

    The reply is kept only where a judge took it for a success, and until the end, so that a person can look at it.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="journal")
    number = models.PositiveIntegerField()
    sealed_plan = models.BinaryField()
    sealed_trial = models.BinaryField(blank=True)
    sealed_reply = models.BinaryField(blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("campaign", "number"), name="a_call_is_planned_once"),)

    def __str__(self) -> str:
        """Return the number of the call."""
        return f"call {self.number} of {self.campaign_id}"


class Ruling(models.TextChoices):
    """What a person says of an answer that the oracle took as a success of the attack."""

    HIT = "hit", "a real success of the attack"
    MISS = "miss", "no success"
    UNCLEAR = "unclear", "cannot tell"


class Adjudication(models.Model):
    """What a person said of one trial; a later word on the same trial replaces it, and the record keeps both."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="adjudications")
    trial = models.PositiveIntegerField()
    ruling = models.CharField(max_length=8, choices=Ruling.choices)
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("trial",)
        constraints = (models.UniqueConstraint(fields=("campaign", "trial"), name="one_ruling_for_a_trial"),)

    def __str__(self) -> str:
        """Return the ruling."""
        return f"trial {self.trial}: {self.ruling}"


class Round(models.Model):
    """One act of the desk: the flaw of a case is tried on the systems of several vendors, a probe each."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_round_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="rounds")
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    started_at = models.DateTimeField()

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class SuiteCheck(models.Model):
    """The closed and published flaws of a model family, tried on one new version: a probe each.

    It belongs to a campaign that is about to say FIXED, or was asked for by hand (`campaign` is empty). What is asked
    for by hand belongs to no case, so `family` is sealed with a key of the service.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_check_id, editable=False)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+")
    campaign = models.OneToOneField(
        Campaign, null=True, blank=True, on_delete=models.CASCADE, related_name="suite_check"
    )
    family = models.BinaryField()
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class SuiteName(models.Model):
    """One model family in whose suite the flaw of a case is, as a mark that only the key ring can make from a name."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="suite_names")
    mark = models.CharField(max_length=DIGEST_LENGTH, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("case", "mark"), name="a_case_is_once_in_a_suite"),)

    def __str__(self) -> str:
        """Return the case."""
        return f"{self.case_id} in a suite"


class SuiteExclusion(models.Model):
    """A coordinator keeps the flaw of a case out of every suite, with a sealed reason."""

    case = models.OneToOneField(Case, on_delete=models.CASCADE, related_name="suite_exclusion")
    reason = models.BinaryField()
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the case."""
        return f"{self.case_id} is in no suite"


class ProbeState(models.TextChoices):
    """How far a probe is, or what it found."""

    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    REPRODUCED = "reproduced", "reproduces"
    NOT_REPRODUCED = "not_reproduced", "does not reproduce"
    INVALID = "invalid", "cannot be run"
    ERROR = "error", "could not be asked"
    CANCELED = "canceled", "canceled"


class Probe(models.Model):
    """A few fresh variants of one case's bundle against one granted target: does the flaw reproduce there?

    `case` is the case whose bundle is asked, and its key seals what came out. `seat` is the vendor whose system was
    asked and who may see it. A run that a crash left is over: nobody knows what it spent, so what was set aside counts.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_probe_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="probes")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="+")
    seat = models.ForeignKey(Participant, null=True, blank=True, on_delete=models.CASCADE, related_name="probes")
    round = models.ForeignKey(Round, null=True, blank=True, on_delete=models.CASCADE, related_name="probes")
    check_run = models.ForeignKey(SuiteCheck, null=True, blank=True, on_delete=models.CASCADE, related_name="probes")
    state = models.CharField(max_length=14, choices=ProbeState.choices, default=ProbeState.QUEUED)
    calls = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0)
    sealed_detail = models.BinaryField(blank=True)
    sealed_trials = models.BinaryField(blank=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("queued_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(round__isnull=True) | models.Q(seat__isnull=False),
                name="a_probe_of_a_round_belongs_to_a_vendor",
            ),
        )

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class WatchState(models.TextChoices):
    """Whether a watch goes on."""

    ACTIVE = "active", "active"
    PAUSED = "paused", "paused"
    STOPPED = "stopped", "stopped"
    REGRESSED = "regressed", "the flaw is back"


class Watch(models.Model):
    """A verified fix is asked a few fresh variants again and again, until an alarm or until somebody stops it.

    While the fix holds, `run_length` calls or more pass on average before a false alarm. `report` is the linked finding
    that an alarm opened.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_watch_id, editable=False)
    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="watch")
    state = models.CharField(max_length=10, choices=WatchState.choices, default=WatchState.ACTIVE)
    every_days = models.PositiveSmallIntegerField()
    draws = models.PositiveSmallIntegerField()
    run_length = models.FloatField()
    reason = models.BinaryField(blank=True)
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    started_at = models.DateTimeField()
    next_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    report = models.ForeignKey(Report, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class TurnState(models.TextChoices):
    """What became of a turn."""

    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "could not be asked"


class WatchTurn(models.Model):
    """One turn of a watch. Its trials are kept sealed; where the detector stands is derived from those of all turns.

    `segment` counts the systems that were seen: another fingerprint begins another one.
    """

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="turns")
    number = models.PositiveIntegerField()
    segment = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=TurnState.choices, default=TurnState.RUNNING)
    calls = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    reserved = models.PositiveIntegerField(default=0)
    sealed_detail = models.BinaryField(blank=True)
    sealed_trials = models.BinaryField(blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("watch", "number"), name="turns_of_a_watch_are_numbered"),)

    def __str__(self) -> str:
        """Return the number."""
        return f"turn {self.number} of {self.watch_id}"
