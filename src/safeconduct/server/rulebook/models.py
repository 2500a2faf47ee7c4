# SPDX-License-Identifier: Apache-2.0
"""The policies in force: each text has versions, and the newest whose day has come is the one that holds."""

from enum import StrEnum

from django.db import models


class PolicyKind(StrEnum):
    """Which policy a text is."""

    DISCLOSURE = "disclosure"
    SAFE_HARBOR = "safe_harbor"
    EMBARGO = "embargo"


class PolicyText(models.Model):
    """One version of one policy, as Markdown. A version is never changed: a new one is added."""

    kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in PolicyKind])
    version = models.PositiveIntegerField()
    text = models.TextField()
    in_force_from = models.DateTimeField()
    embargo_days = models.PositiveIntegerField(default=90)

    class Meta:
        ordering = ("kind", "-version")
        constraints = (models.UniqueConstraint(fields=("kind", "version"), name="one_text_per_version"),)

    def __str__(self) -> str:
        """Return kind and version."""
        return f"{self.kind} {self.version}"
