# SPDX-License-Identifier: Apache-2.0
"""Work that waits: messages to people and jobs of the service, each taken under a lease.

A lease ends by itself: a worker that is killed loses its work to the next one. A slot is a unique key for one run of a
periodic job, so several workers run it once. The heartbeat tells how long ago the background work was alive.
"""

import secrets
from enum import StrEnum

from django.db import models

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.server.audit.instance_seal import open_for
from safeconduct.server.parties.models import Party

ID_LENGTH = 40
KEY_LENGTH = 160
KIND_LENGTH = 60
PURPOSE = "outbox"


class Channel(StrEnum):
    """How a message leaves."""

    MAIL = "mail"
    HAND = "hand"


class Outcome(StrEnum):
    """What became of waiting work."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


def new_message_id() -> str:
    """Return a fresh identifier of a message."""
    return new_id(IdKind.MESSAGE, secrets.token_bytes)


def new_job_id() -> str:
    """Return a fresh identifier of a job."""
    return new_id(IdKind.JOB, secrets.token_bytes)


class Leased(models.Model):
    """What is taken under a lease, tried again after a pause, and given up after some attempts.

    `kind` says what is to be done: the channel of a message, the name of a job.
    """

    kind = models.CharField(max_length=KIND_LENGTH)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    outcome = models.CharField(
        max_length=10, choices=[(outcome.value, outcome.value) for outcome in Outcome], default=Outcome.WAITING
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=KEY_LENGTH, unique=True)

    class Meta:
        abstract = True
        ordering = ("due_at",)
        indexes = (models.Index(fields=("kind", "outcome", "due_at"), name="%(class)s_due"),)


class Message(Leased):
    """A message to one person. Its text holds no content of a case: it says where to look.

    A text may hold a one-time link, so it is stored sealed and is emptied when the message has left.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_message_id, editable=False)
    party = models.ForeignKey(Party, null=True, blank=True, on_delete=models.CASCADE, related_name="messages")
    address = models.EmailField(blank=True)
    about = models.CharField(max_length=ID_LENGTH, blank=True, db_index=True)
    subject = models.CharField(max_length=200)
    sealed_text = models.BinaryField(blank=True)

    class Meta(Leased.Meta):
        pass

    def __str__(self) -> str:
        """Return the subject line."""
        return self.subject

    @property
    def text(self) -> str:
        """Return the text, which is empty once the message has left."""
        return open_for(PURPOSE, self.sealed_text, row=self.key) if self.sealed_text else ""


class Job(Leased):
    """Work for the service itself: what to do to which thing."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_job_id, editable=False)
    subject = models.CharField(max_length=ID_LENGTH)

    class Meta(Leased.Meta):
        pass

    def __str__(self) -> str:
        """Return what is to be done to which thing."""
        return f"{self.kind} {self.subject}"


class Slot(models.Model):
    """One run of a periodic job that somebody has taken."""

    key = models.CharField(primary_key=True, max_length=KEY_LENGTH)
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the key."""
        return self.key


class Heartbeat(models.Model):
    """When a background worker was last alive."""

    worker = models.CharField(primary_key=True, max_length=60)
    at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the worker's name."""
        return self.worker
