# SPDX-License-Identifier: Apache-2.0
"""Reads of targets: what the viewer may see, what may be tested now, and the grant as the broker takes it."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Q, QuerySet

from safeconduct.domain.authorization import Caps, TargetGrant, WeeklyHours
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.parties import Role
from safeconduct.domain.price import Price
from safeconduct.domain.systems import UNKNOWN, AffectedSystem
from safeconduct.errors import NotFoundError
from safeconduct.server.authorizations.models import Target, TargetRole, TargetState
from safeconduct.server.parties.viewer import Viewer

DIFFERENT = 2


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
    """Return the targets that may be tested at this instant and have calls left, the newest first."""
    found = Target.objects.filter(
        Q(starts_at__isnull=True) | Q(starts_at__lte=now),
        Q(ends_at__isnull=True) | Q(ends_at__gt=now),
        state=TargetState.GRANTED,
        max_calls__gt=F("calls_used") + F("calls_reserved"),
        max_tokens__gt=F("tokens_used") + F("tokens_reserved"),
    )
    # Hours of the week and money are no matter of the database; few targets have them.
    special = found.exclude(days="", max_spending__isnull=True)
    return found.exclude(pk__in=[target.pk for target in special if not _is_open(target, now=now)])


def is_usable(target_id: str, *, now: datetime) -> bool:
    """Tell whether a run that is going on may go on: nobody suspended the target, and its window is open."""
    granted = Target.objects.filter(pk=target_id, state=TargetState.GRANTED).first()
    return granted is not None and grant_of(granted).is_open(now=now)


def mark_of_usable(now: datetime) -> str:
    """Return a mark of the targets that reports may be run against now; another one tells that something changed."""
    unpatched = usable(now).filter(role=TargetRole.UNPATCHED).order_by("pk")
    rows = unpatched.values_list("pk", "changed_at")
    text = "\n".join(f"{name} {changed.isoformat()}" for name, changed in rows)
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def matching(systems: Iterable[AffectedSystem], *, now: datetime) -> tuple[Target, ...]:
    """Return the unpatched targets that stand for one of the reported systems, the most exact match first.

    A model string or a product must be the same but for case; a product only where the vendors do not differ. A vendor
    alone is not enough to test somebody's system.
    """
    named = tuple(systems)
    found = [(_fit(target, named), target) for target in usable(now).filter(role=TargetRole.UNPATCHED)]
    return tuple(target for fit, target in sorted(found, key=lambda one: -one[0]) if fit)


def grant_of(target: Target) -> TargetGrant:
    """Return the grant as the broker takes it, with the caps less what was spent and set aside."""
    return TargetGrant(
        model=target.model,
        adapter=Adapter(target.adapter),
        url=target.url,
        entry=target.entry,
        packages=target.packages,
        caps=_caps_left(target),
        starts_at=target.starts_at,
        ends_at=target.ends_at,
        hours=hours_of(target),
        secret_name=target.secret_name,
        allow_private=target.allow_private,
        price=price_of(target),
    )


def calls_left(target: Target) -> int:
    """Return how many calls may still be begun."""
    return max(0, target.max_calls - target.calls_used - target.calls_reserved)


def hours_of(target: Target) -> WeeklyHours | None:
    """Return the hours of the week in which the target may be tested, or nothing where it may be at any time."""
    if not target.days or target.opens is None or target.closes is None:
        return None
    days = frozenset(int(day) for day in target.days)
    return WeeklyHours(days=days, opens=target.opens, closes=target.closes, zone=target.zone or "UTC")


def spent_money(target: Target) -> Decimal:
    """Return what was spent and set aside in money, by the prices of the grant."""
    calls, tokens = target.calls_used + target.calls_reserved, target.tokens_used + target.tokens_reserved
    return TargetGrant(model=target.model, price=price_of(target)).cost_of(calls=calls, tokens=tokens)


def price_of(target: Target) -> Price | None:
    """Return what calls of the target cost, if the grant states it."""
    if not target.currency:
        return None
    return Price(
        currency=target.currency,
        per_call=target.price_per_call,
        per_million_in=target.price_per_million_in,
        per_million_out=target.price_per_million_out,
    )


def _caps_left(target: Target) -> Caps:
    left = None if target.max_spending is None else max(Decimal(0), target.max_spending - spent_money(target))
    return Caps(
        calls=calls_left(target),
        tokens=max(0, target.max_tokens - target.tokens_used - target.tokens_reserved),
        tokens_per_call=target.max_tokens_per_call,
        calls_per_minute=target.calls_per_minute,
        call_seconds=target.call_seconds,
        spending=left,
    )


def _is_open(target: Target, *, now: datetime) -> bool:
    """Tell whether the hours of the week are open, and money is left for a call."""
    grant = grant_of(target)
    return grant.is_open(now=now) and grant.affords(calls=0, tokens=0)


def _fit(target: Target, systems: tuple[AffectedSystem, ...]) -> int:
    """Return 0 for no match, more for a better one: the model string counts most, then the product, then the vendor."""
    return max((_fit_of(target, system) for system in systems), default=0)


def _fit_of(target: Target, system: AffectedSystem) -> int:
    vendors = {name for name in (_name(target.vendor), _name(system.vendor)) if name}
    names = {_name(system.identity.model_string), _name(system.product)} - {""}
    is_model = _name(target.model) in names
    is_product = _name(target.product) in names and len(vendors) < DIFFERENT
    is_vendor = bool(_name(target.vendor)) and _name(target.vendor) == _name(system.vendor)
    return 4 * is_model + 2 * is_product + (is_vendor and (is_model or is_product))


def _name(text: str) -> str:
    folded = " ".join(text.split()).casefold()
    return "" if folded == UNKNOWN else folded
