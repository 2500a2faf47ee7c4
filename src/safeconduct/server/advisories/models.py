# SPDX-License-Identifier: Apache-2.0
"""Advisories: a sealed draft while the embargo holds, then the published bytes of each version in each format."""

import secrets

from django.db import models

from safeconduct.domain.ids import IdKind, new_id
from safeconduct.server.cases.models import Case
from safeconduct.server.registry.models import Entry

ID_LENGTH = 40
DIGEST_LENGTH = 64
FORMAT_LENGTH = 16


def new_advisory_id() -> str:
    """Return a fresh identifier of an advisory."""
    return new_id(IdKind.ADVISORY, secrets.token_bytes)


class AdvisoryState(models.TextChoices):
    """Whether the advisory is out."""

    DRAFT = "draft", "draft"
    PUBLISHED = "published", "published"
    WITHDRAWN = "withdrawn", "withdrawn"


class Advisory(models.Model):
    """The advisory of a case. `draft` is the sealed native record that the next version will be made of."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_advisory_id, editable=False)
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="advisory")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="advisories")
    state = models.CharField(max_length=10, choices=AdvisoryState.choices, default=AdvisoryState.DRAFT)
    draft = models.BinaryField()
    version = models.PositiveIntegerField(default=0)
    drafted_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-published_at", "-drafted_at")
        verbose_name_plural = "advisories"

    def __str__(self) -> str:
        """Return the public identifier of the entry."""
        return self.entry.public_id


class Publication(models.Model):
    """The exact bytes of one version in one format; made once and served as they are."""

    advisory = models.ForeignKey(Advisory, on_delete=models.PROTECT, related_name="publications")
    version = models.PositiveIntegerField()
    format = models.CharField(max_length=FORMAT_LENGTH)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=DIGEST_LENGTH)
    loss = models.JSONField(default=list)
    published_at = models.DateTimeField()

    class Meta:
        ordering = ("-version", "format")
        constraints = (
            models.UniqueConstraint(
                fields=("advisory", "version", "format"), name="one_document_per_version_and_format"
            ),
        )

    def __str__(self) -> str:
        """Return format and version."""
        return f"{self.format} {self.version}"
