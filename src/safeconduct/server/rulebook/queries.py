# SPDX-License-Identifier: Apache-2.0
"""Reads of the policies: the text that is in force, and all its versions. Policies are public."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from safeconduct.errors import NotFoundError
from safeconduct.server.rulebook.defaults import DEFAULT_EMBARGO_DAYS, DEFAULT_TEXTS
from safeconduct.server.rulebook.models import PolicyKind, PolicyText


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as it stands: version 0 is the text that Safeconduct comes with."""

    kind: PolicyKind
    version: int
    text: str
    embargo_days: int
    in_force_from: datetime | None = None


def policy_in_force(kind: PolicyKind, *, now: datetime) -> Policy:
    """Return the newest version whose day has come, or the text that Safeconduct comes with."""
    row = PolicyText.objects.filter(kind=kind, in_force_from__lte=now).order_by("-version").first()
    if row is None:
        return Policy(kind=kind, version=0, text=DEFAULT_TEXTS[kind], embargo_days=DEFAULT_EMBARGO_DAYS)
    return _policy(row)


def policy_version(kind: PolicyKind, version: int) -> Policy:
    """Return one version.

    Raises:
        NotFoundError: there is none of this number.
    """
    if version == 0:
        return Policy(kind=kind, version=0, text=DEFAULT_TEXTS[kind], embargo_days=DEFAULT_EMBARGO_DAYS)
    row = versions(kind).filter(version=version).first()
    if row is None:
        raise NotFoundError("no such version")
    return _policy(row)


def versions(kind: PolicyKind) -> QuerySet[PolicyText]:
    """Return all stored versions, newest first."""
    return PolicyText.objects.filter(kind=kind).order_by("-version")


def _policy(row: PolicyText) -> Policy:
    return Policy(
        kind=PolicyKind(row.kind),
        version=row.version,
        text=row.text,
        embargo_days=row.embargo_days,
        in_force_from=row.in_force_from,
    )
