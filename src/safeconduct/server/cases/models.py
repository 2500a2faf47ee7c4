# SPDX-License-Identifier: Apache-2.0
"""Cases: who takes part, what they said, which embargo holds, and every step of every state.

States are kept as the letters of the multi-party protocol. Whatever a person wrote (title, messages, reasons) is sealed
under the case's key. What happened is kept as instants, so that a case can be replayed as it stood at any moment.
"""

import secrets

from django.db import models

from safeconduct.domain.case import Consent, EmbargoState, ReportState
from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.parties import CaseRole
from safeconduct.domain.report import Tlp
from safeconduct.server.parties.models import Invitation, Organization, Party
from safeconduct.server.registry.models import Entry
from safeconduct.server.triage.models import Assessment

ID_LENGTH = 40
NAME_LENGTH = 200


def new_case_id() -> str:
    """Return a fresh identifier of a case."""
    return new_id(IdKind.CASE, secrets.token_bytes)


def new_participant_id() -> str:
    """Return a fresh identifier of a participant."""
    return new_id(IdKind.PARTICIPANT, secrets.token_bytes)


def new_embargo_id() -> str:
    """Return a fresh identifier of embargo terms."""
    return new_id(IdKind.EMBARGO, secrets.token_bytes)


def new_message_id() -> str:
    """Return a fresh identifier of a message."""
    return new_id(IdKind.MESSAGE, secrets.token_bytes)


class Case(models.Model):
    """One case. `embargo` is the EM letter; the first three instants are the facts P, X and A of the case state.

    Whether a fix was verified and the advisory published is told by the later stages, because clocks run on it.
    `attack_override` is the sealed reason for keeping the embargo in spite of attacks.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_case_id, editable=False)
    assessment = models.OneToOneField(Assessment, on_delete=models.PROTECT, related_name="case")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="cases")
    title = models.BinaryField()
    embargo = models.CharField(
        max_length=1, choices=[(state.value, state.name.lower()) for state in EmbargoState], default=EmbargoState.NONE
    )
    public_at = models.DateTimeField(null=True, blank=True)
    exploit_public_at = models.DateTimeField(null=True, blank=True)
    attacks_at = models.DateTimeField(null=True, blank=True)
    attack_override = models.BinaryField(blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-opened_at",)

    def __str__(self) -> str:
        """Return the identifier; the title is sealed."""
        return self.id


class Participant(models.Model):
    """One party to a case, with its own report state and consent, and, for a vendor, its facts V, F and D.

    A vendor without an account is invited by a one-time link; whoever joins by it takes the seat. `invited_at` starts
    the clocks and stays; `asked_at` is when consent to the embargo was last asked for.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_participant_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="participants")
    role = models.CharField(max_length=12, choices=[(role.value, role.value) for role in CaseRole])
    name = models.CharField(max_length=NAME_LENGTH)
    party = models.ForeignKey(Party, null=True, blank=True, on_delete=models.SET_NULL, related_name="seats")
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.SET_NULL, related_name="seats"
    )
    contact = models.EmailField(blank=True)
    report_state = models.CharField(
        max_length=1, choices=[(state.value, state.name.lower()) for state in ReportState], default=ReportState.START
    )
    consent = models.CharField(
        max_length=12, choices=[(item.value, item.value) for item in Consent], default=Consent.NO_EMBARGO
    )
    aware_at = models.DateTimeField(null=True, blank=True)
    mitigated_at = models.DateTimeField(null=True, blank=True)
    fix_ready_at = models.DateTimeField(null=True, blank=True)
    fix_deployed_at = models.DateTimeField(null=True, blank=True)
    invited_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    invitation = models.ForeignKey(Invitation, null=True, blank=True, on_delete=models.SET_NULL, related_name="seats")
    joined_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("invited_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(fix_ready_at__isnull=True) | models.Q(aware_at__isnull=False),
                name="a_fix_is_ready_only_where_the_vendor_knows",
            ),
            models.CheckConstraint(
                condition=models.Q(fix_deployed_at__isnull=True) | models.Q(fix_ready_at__isnull=False),
                name="a_fix_is_deployed_only_when_ready",
            ),
        )

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class TermState(models.TextChoices):
    """What became of proposed terms."""

    PROPOSED = "proposed", "proposed"
    ACTIVE = "active", "in force"
    REPLACED = "replaced", "replaced"
    REJECTED = "rejected", "rejected"
    ENDED = "ended", "ended"


class EmbargoTerm(models.Model):
    """One set of embargo terms: an end and who proposed it."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_embargo_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="terms")
    proposed_by = models.ForeignKey(Participant, null=True, on_delete=models.PROTECT, related_name="proposals")
    state = models.CharField(max_length=10, choices=TermState.choices, default=TermState.PROPOSED)
    ends_at = models.DateTimeField()
    answer_by = models.DateTimeField(null=True, blank=True)
    reason = models.BinaryField(blank=True)
    proposed_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("proposed_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("case",), condition=models.Q(state="active"), name="one_active_embargo_per_case"
            ),
        )

    def __str__(self) -> str:
        """Return the end."""
        return f"until {self.ends_at:%Y-%m-%d %H:%M}Z"


class EmbargoAnswer(models.Model):
    """One participant's answer to one set of terms."""

    term = models.ForeignKey(EmbargoTerm, on_delete=models.CASCADE, related_name="answers")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="answers")
    accepts = models.BooleanField()
    answered_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("term", "participant"), name="one_answer_per_term"),)

    def __str__(self) -> str:
        """Return the answer."""
        return "accepts" if self.accepts else "rejects"


class CaseMessage(models.Model):
    """One sealed message: to all participants, or to the private room of one of them and the coordinator."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_message_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="written")
    room = models.ForeignKey(
        Participant, null=True, blank=True, on_delete=models.CASCADE, related_name="private_messages"
    )
    tlp = models.CharField(max_length=20, choices=[(mark.value, mark.value) for mark in Tlp], default=Tlp.AMBER_STRICT)
    body = models.BinaryField()
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ("sent_at", "id")

    def __str__(self) -> str:
        """Return the identifier."""
        return self.id


class Transition(models.Model):
    """One step of one state, written once: which message moved which axis from where to where, by whom and why.

    What belongs to the whole case (the embargo, the facts P, X and A) has no participant. `position` keeps the order.
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="transitions")
    participant = models.ForeignKey(
        Participant, null=True, blank=True, on_delete=models.CASCADE, related_name="transitions"
    )
    position = models.PositiveIntegerField()
    message = models.CharField(max_length=2)
    axis = models.CharField(max_length=3)
    before = models.CharField(max_length=12)
    after = models.CharField(max_length=12)
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    reason = models.BinaryField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("case", "position"), name="steps_of_a_case_have_an_order"),)

    def __str__(self) -> str:
        """Return the step."""
        return f"{self.message}: {self.axis} {self.before} to {self.after}"
