# SPDX-License-Identifier: Apache-2.0
"""Reads of targets: what the viewer may see, what may be tested now, and the grant as the broker takes it."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Q, QuerySet

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.parties import Role
from safeconduct.domain.systems import UNKNOWN, AffectedSystem
from safeconduct.errors import NotFoundError
from safeconduct.server.authorizations.models import Target, TargetRole, TargetState
from safeconduct.server.parties.viewer import Viewer


def targets_for(viewer: Viewer) -> QuerySet[Target]:
    """Return the targets the viewer may see: those who coordinate see all, the others none."""
    if viewer.has(Role.COORDINATOR, Role.ADMINISTRATOR):
        return Target.objects.select_related("granted_by")
    return Target.objects.none()


def target_for(viewer: Viewer, target_id: str) -> Target:
    """Return one target.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    target = targets_for(viewer).filter(pk=target_id).first()
    if target is None:
        raise NotFoundError("no such target")
    return target


def usable(now: datetime) -> QuerySet[Target]:
    """Return the targets that may be tested at this instant and have calls left."""
    return Target.objects.filter(
        Q(starts_at__isnull=True) | Q(starts_at__lte=now),
        Q(ends_at__isnull=True) | Q(ends_at__gt=now),
        state=TargetState.GRANTED,
        calls_used__lt=F("max_calls"),
        tokens_used__lt=F("max_tokens"),
    )


def matching(systems: Iterable[AffectedSystem], *, now: datetime) -> Target | None:
    """Return the unpatched target that stands for one of the reported systems, the most exact match first.

    A model string or product must be the same but for case; a vendor alone is not enough to test somebody's system.
    """
    names = [
        name.casefold()
        for system in systems
        for name in (system.identity.model_string, system.product)
        if name and name.casefold() != UNKNOWN
    ]
    for target in usable(now).filter(role=TargetRole.UNPATCHED):
        if target.model.casefold() in names or (target.product and target.product.casefold() in names):
            return target
    return None


def grant_of(target: Target) -> TargetGrant:
    """Return the grant as the broker takes it, with the caps less what was spent."""
    return TargetGrant(
        model=target.model,
        adapter=Adapter(target.adapter),
        url=target.url,
        entry=target.entry,
        packages=target.packages,
        caps=Caps(
            calls=max(0, target.max_calls - target.calls_used),
            tokens=max(0, target.max_tokens - target.tokens_used),
            tokens_per_call=target.max_tokens_per_call,
            calls_per_minute=target.calls_per_minute,
            call_seconds=target.call_seconds,
        ),
        starts_at=target.starts_at,
        ends_at=target.ends_at,
        secret_name=target.secret_name,
        allow_private=target.allow_private,
    )
