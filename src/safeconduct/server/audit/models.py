# SPDX-License-Identifier: Apache-2.0
"""The record of acts: who did what to which thing and when, append-only and chained.

An event names its actor and its subject as plain identifiers, so that an identity can be erased without touching the
record. The database itself refuses to change or delete an event or a link (triggers, see the migrations). The chain is
written in batches after the acts: acts stay independent of each other, and order is fixed before the log seals it.
"""

from django.db import models

TAG_LENGTH = 64
ID_LENGTH = 64
DIGEST_LENGTH = 64


class Event(models.Model):
    """One recorded act."""

    tag = models.CharField(max_length=TAG_LENGTH)
    subject = models.CharField(max_length=ID_LENGTH, db_index=True)
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        """Return the tag and the subject."""
        return f"{self.tag} {self.subject}"


class Link(models.Model):
    """One link of the chain: the digest of the event together with the digest of the link before it."""

    position = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT)
    digest = models.CharField(max_length=DIGEST_LENGTH)

    class Meta:
        ordering = ("position",)

    def __str__(self) -> str:
        """Return the position and the digest."""
        return f"{self.position} {self.digest}"


class SubjectKey(models.Model):
    """The wrapped data key of one report or case; without this row its sealed contents never open again."""

    subject = models.CharField(primary_key=True, max_length=ID_LENGTH)
    wrapped = models.BinaryField()

    def __str__(self) -> str:
        """Return whose key it is."""
        return self.subject


class Commitment(models.Model):
    """What the log is to hold: a commitment that waits for the next beat, and afterwards the index of its entry."""

    kind = models.CharField(max_length=20)
    value = models.BinaryField(max_length=32)
    added_at = models.DateTimeField()
    index = models.PositiveBigIntegerField(null=True, blank=True, unique=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("id",), condition=models.Q(index__isnull=True), name="commitments_that_wait"),
            models.Index(fields=("value",), name="commitments_by_value"),
        )

    def __str__(self) -> str:
        """Return the kind and where it stands."""
        return f"{self.kind} at {'-' if self.index is None else self.index}"


class Leaf(models.Model):
    """One entry of the log, in the bytes that were hashed. The order of the log is the order of the index."""

    index = models.PositiveBigIntegerField(primary_key=True)
    entry = models.BinaryField()

    class Meta:
        ordering = ("index",)
        verbose_name_plural = "leaves"

    def __str__(self) -> str:
        """Return the index."""
        return str(self.index)
