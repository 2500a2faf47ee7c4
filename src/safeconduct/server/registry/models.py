# SPDX-License-Identifier: Apache-2.0
"""The central register: one entry for each flaw. Until an entry is public, it holds only an identifier."""

import secrets

from django.db import models

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.domain.severity import Tier
from safeconduct.domain.weakness import FlawClass

ID_LENGTH = 40
PUBLIC_ID_LENGTH = 24
NAME_LENGTH = 300
ALIAS_LENGTH = 120


def new_flaw_id() -> str:
    """Return a fresh identifier of a flaw."""
    return new_id(IdKind.FLAW, secrets.token_bytes)


class EntryState(models.TextChoices):
    """Whether the world may read the entry."""

    EMBARGOED = "embargoed", "embargoed"
    PUBLIC = "public", "public"
    WITHDRAWN = "withdrawn", "withdrawn"
    MERGED = "merged", "merged into another"


class Entry(models.Model):
    """One flaw. `record` is the native advisory record and exists only from publication on."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_flaw_id, editable=False)
    public_id = models.CharField(max_length=PUBLIC_ID_LENGTH, unique=True)
    state = models.CharField(max_length=10, choices=EntryState.choices, default=EntryState.EMBARGOED)
    flaw_class = models.CharField(max_length=40, choices=[(item.value, item.value) for item in FlawClass])
    tier = models.CharField(max_length=10, choices=[(item.value, item.value) for item in Tier], blank=True)
    title = models.CharField(max_length=NAME_LENGTH, blank=True)
    record = models.JSONField(null=True, blank=True)
    search_text = models.TextField(blank=True)
    reserved_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    modified_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")

    class Meta:
        ordering = ("-published_at", "public_id")
        verbose_name_plural = "entries"
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(state="embargoed") | models.Q(record__isnull=True, title="", search_text=""),
                name="an_embargoed_entry_tells_nothing",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="public") | models.Q(record__isnull=False, published_at__isnull=False),
                name="a_public_entry_has_its_record",
            ),
        )

    def __str__(self) -> str:
        """Return the public identifier."""
        return self.public_id


class Alias(models.Model):
    """Another name of the flaw: a CVE, an AVID or an identifier of another register."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="aliases")
    value = models.CharField(max_length=ALIAS_LENGTH, unique=True)

    class Meta:
        ordering = ("value",)
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        """Return the alias."""
        return self.value


class Affected(models.Model):
    """One affected system of a public entry, for search and for matching a bill of materials."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="affected")
    vendor = models.CharField(max_length=NAME_LENGTH, db_index=True)
    product = models.CharField(max_length=NAME_LENGTH, db_index=True)
    purl = models.CharField(max_length=NAME_LENGTH, blank=True, db_index=True)
    model_string = models.CharField(max_length=NAME_LENGTH, blank=True, db_index=True)
    status = models.CharField(max_length=20)

    class Meta:
        ordering = ("vendor", "product")

    def __str__(self) -> str:
        """Return vendor and product."""
        return f"{self.vendor} {self.product}"
