# SPDX-License-Identifier: Apache-2.0
"""The acts on targets: grant, suspend, resume, revoke; set calls aside for a run, and write down what it spent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from safeconduct.domain.authorization import Caps, TargetGrant, WeeklyHours
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.price import Price
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, NotPermittedError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries
from safeconduct.server.authorizations.models import NAME_LENGTH, Hold, Target, TargetRole, TargetState
from safeconduct.server.authorizations.secret_files import require_secret
from safeconduct.server.authorizations.terms import require_terms
from safeconduct.server.parties.viewer import Viewer

REASON_LENGTH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Calls that are set aside: the target, and its grant narrowed to these calls. End it with `settle`."""

    target: Target
    terms: TargetGrant

    @property
    def calls(self) -> int:
        """Return how many calls are set aside."""
        return self.terms.caps.calls


@atomic_write
def grant(
    *,
    label: str,
    terms: TargetGrant,
    by: Viewer,
    now: datetime,
    role: TargetRole = TargetRole.UNPATCHED,
    vendor: str = "",
    product: str = "",
) -> Target:
    """Allow a target to be tested within the terms.

    Raises:
        NotPermittedError: only a coordinator or an administrator grants.
        IncompleteError: the label, the model, or the address or entry is missing.
        MalformedError: a value cannot be meant: the address, the window, a cap, the secret's name, a folder.
        UnknownValueError: no secret is stored under the name.
    """
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    require_terms(label, terms, home=settings.SAFECONDUCT.home)
    require_secret(terms.secret_name)
    if max(len(vendor), len(product)) > NAME_LENGTH:
        raise MalformedError("too long: vendor or product", hint="shorten it")
    target = Target(label=label.strip(), vendor=vendor.strip(), product=product.strip(), role=role, **_columns(terms))
    target.granted_by_id, target.granted_at, target.changed_at = by.party_id, now, now
    target.save(force_insert=True)
    _record(EventTag.TARGET_GRANTED, target, by=by, now=now)
    return target


def _columns(terms: TargetGrant) -> dict[str, Any]:
    """Return the terms as the columns of a target."""
    return {
        "adapter": terms.adapter,
        "url": terms.url.rstrip("/"),
        "entry": terms.entry,
        "packages": terms.packages,
        "model": terms.model.strip(),
        "secret_name": terms.secret_name,
        "allow_private": terms.allow_private,
        "max_calls": terms.caps.calls,
        "max_tokens": terms.caps.tokens,
        "max_tokens_per_call": terms.caps.tokens_per_call,
        "calls_per_minute": terms.caps.calls_per_minute,
        "call_seconds": terms.caps.call_seconds,
        "max_spending": terms.caps.spending,
        **_price(terms.price),
        "starts_at": terms.starts_at,
        "ends_at": terms.ends_at,
        **_weekly(terms.hours),
    }


def _price(price: Price | None) -> dict[str, Any]:
    if price is None:
        return {}
    return {
        "currency": price.currency,
        "price_per_call": price.per_call,
        "price_per_million_in": price.per_million_in,
        "price_per_million_out": price.per_million_out,
    }


def _weekly(hours: WeeklyHours | None) -> dict[str, Any]:
    if hours is None:
        return {}
    days = "".join(str(day) for day in sorted(hours.days))
    return {"days": days, "opens": hours.opens, "closes": hours.closes, "zone": hours.zone}


@atomic_write
def suspend(*, target: Target, reason: str, by: Viewer, now: datetime) -> Target:
    """Stop all tests of a target until it is resumed; a run that is going on stops soon."""
    return _move(target, TargetState.SUSPENDED, EventTag.TARGET_SUSPENDED, reason=reason, by=by, now=now)


@atomic_write
def resume(*, target: Target, reason: str, by: Viewer, now: datetime) -> Target:
    """Allow a suspended target again."""
    return _move(target, TargetState.GRANTED, EventTag.TARGET_RESUMED, reason=reason, by=by, now=now)


@atomic_write
def revoke(*, target: Target, reason: str, by: Viewer, now: datetime) -> Target:
    """End a grant for good."""
    return _move(target, TargetState.REVOKED, EventTag.TARGET_REVOKED, reason=reason, by=by, now=now)


@atomic_write
def reserve(*, target_id: str, least: int, most: int, now: datetime) -> Reservation:
    """Set calls aside for a run, so that runs at the same time cannot spend them twice.

    As many are set aside as are left, up to `most`, and of the tokens and the money that are left the same share.

    Raises:
        NotPermittedError: the target may not be tested any more, or has fewer than `least` calls left.
    """
    target = Target.objects.select_for_update().filter(pk=target_id).first()
    if target is None or not queries.usable(now).filter(pk=target_id).exists():
        raise NotPermittedError("the target may not be tested now", hint="look at its state, window and caps")
    calls = min(most, queries.calls_left(target))
    if calls < least:
        raise NotPermittedError(f"fewer than {least} calls are left in the grant", hint="grant the target anew")
    terms = queries.grant_of(target)
    caps = _share(terms.caps, calls)
    target.calls_reserved += calls
    target.tokens_reserved += caps.tokens
    target.save(update_fields=["calls_reserved", "tokens_reserved"])
    return Reservation(target=target, terms=replace(terms, caps=caps))


def _share(caps: Caps, calls: int) -> Caps:
    """Return so many of the calls that are left, with their share of the tokens and the money."""
    spending = None if caps.spending is None else caps.spending * calls / caps.calls
    return replace(caps, calls=calls, tokens=caps.tokens * calls // caps.calls, spending=spending)


@atomic_write
def settle(*, target_id: str, reserved: int, calls: int, tokens: int) -> None:
    """Give back what was set aside and write down what was spent.

    With the calls goes their share of the tokens that are set aside. Of a run that broke off nobody knows what it
    spent: the caller counts all that was set aside.
    """
    target = Target.objects.select_for_update().get(pk=target_id)
    shared = target.tokens_reserved * reserved // target.calls_reserved if reserved else 0
    _move_aside(target, calls=-reserved, tokens=-shared)
    _use(target, calls=calls, tokens=tokens)


@atomic_write
def hold(*, target_id: str, holder: str, most: int, now: datetime) -> TargetGrant:
    """Set calls aside for a long run that spends them little by little, and return the grant narrowed to them.

    What the same run held there before is given back first.

    Raises:
        NotPermittedError: the target may not be tested any more, or has no calls left.
    """
    _give_back(Hold.objects.filter(target=target_id, holder=holder))
    reserved = reserve(target_id=target_id, least=1, most=most, now=now)
    tokens = reserved.terms.caps.tokens
    Hold.objects.create(target=reserved.target, holder=holder, calls=reserved.calls, tokens=tokens)
    return reserved.terms


@atomic_write
def release(*, holder: str) -> None:
    """Give back what is left of all that a run holds; one that holds nothing is no error."""
    _give_back(Hold.objects.filter(holder=holder))


@atomic_write
def spend(*, target_id: str, calls: int, tokens: int, holder: str = "") -> None:
    """Write down what a run has used, so that caps hold over all runs; first from what it holds."""
    target = Target.objects.select_for_update().get(pk=target_id)
    held = Hold.objects.select_for_update().filter(target=target, holder=holder).first() if holder else None
    if held is not None:
        from_calls, from_tokens = min(held.calls, calls), min(held.tokens, tokens)
        held.calls, held.tokens = held.calls - from_calls, held.tokens - from_tokens
        held.save(update_fields=["calls", "tokens"])
        _move_aside(target, calls=-from_calls, tokens=-from_tokens)
    _use(target, calls=calls, tokens=tokens)


def _give_back(holds: QuerySet[Hold]) -> None:
    for held in holds.order_by("target"):
        target = Target.objects.select_for_update().get(pk=held.target_id)
        _move_aside(target, calls=-held.calls, tokens=-held.tokens)
        target.save(update_fields=["calls_reserved", "tokens_reserved"])
        held.delete()


def _move_aside(target: Target, *, calls: int, tokens: int) -> None:
    """Change what is set aside. Shares of tokens are rounded, so the last one takes what is left."""
    target.calls_reserved = max(0, target.calls_reserved + calls)
    target.tokens_reserved = max(0, target.tokens_reserved + tokens) if target.calls_reserved else 0


def _use(target: Target, *, calls: int, tokens: int) -> None:
    target.calls_used += calls
    target.tokens_used += tokens
    target.save(update_fields=["calls_reserved", "tokens_reserved", "calls_used", "tokens_used"])


def _move(target: Target, state: TargetState, tag: EventTag, *, reason: str, by: Viewer, now: datetime) -> Target:
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    said = reason.strip()
    if not said:
        raise IncompleteError("say why", hint="one sentence is enough", missing=["reason"])
    if len(said) > REASON_LENGTH:
        raise MalformedError("the reason is too long", hint=f"{REASON_LENGTH} characters at most")
    current = Target.objects.select_for_update().get(pk=target.pk)
    if current.state == TargetState.REVOKED:
        raise ConflictError("this grant was revoked for good", hint="grant the target anew")
    if current.state == state:
        raise ConflictError(f"the target is {state.label} already", hint="load the page again")
    current.state, current.reason, current.changed_at = state, said, now
    current.save(update_fields=["state", "reason", "changed_at"])
    _record(tag, current, by=by, now=now)
    return current


def _record(tag: EventTag, target: Target, *, by: Viewer, now: datetime) -> None:
    # Who acts at the prompt of the machine has no account; the record says so instead of a name.
    facts: Mapping[str, str] = {} if by.actor else {"by": "operator"}
    audit.record(tag, subject=target.pk, actor=by.actor, at=now, facts=facts)
