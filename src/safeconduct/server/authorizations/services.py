# SPDX-License-Identifier: Apache-2.0
"""The acts on targets: grant, suspend, resume, revoke, and write down what was spent."""

import re
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import F

from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, MalformedError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations.models import Target, TargetRole, TargetState
from safeconduct.server.parties.viewer import Viewer

SECRET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


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
        MalformedError: the address is no web address, the window is turned round, or the secret's name is none.
    """
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    _check(label, terms)
    target = Target.objects.create(
        label=label,
        vendor=vendor,
        product=product,
        role=role,
        adapter=terms.adapter,
        url=terms.url.rstrip("/"),
        entry=terms.entry,
        packages=terms.packages,
        model=terms.model,
        secret_name=terms.secret_name,
        allow_private=terms.allow_private,
        max_calls=terms.caps.calls,
        max_tokens=terms.caps.tokens,
        max_tokens_per_call=terms.caps.tokens_per_call,
        calls_per_minute=terms.caps.calls_per_minute,
        call_seconds=terms.caps.call_seconds,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        granted_by_id=by.party_id,
        granted_at=now,
    )
    audit.record(EventTag.TARGET_GRANTED, subject=target.pk, actor=by.actor, at=now)
    return target


@atomic_write
def suspend(*, target: Target, reason: str, by: Viewer, now: datetime) -> Target:
    """Stop all tests of a target until it is resumed; a running campaign stops at its next call."""
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
def spend(*, target_id: str, calls: int, tokens: int) -> None:
    """Write down what a run has used, so that caps hold over all runs."""
    Target.objects.filter(pk=target_id).update(
        calls_used=F("calls_used") + calls, tokens_used=F("tokens_used") + tokens
    )


def _move(target: Target, state: TargetState, tag: EventTag, *, reason: str, by: Viewer, now: datetime) -> Target:
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    if not reason.strip():
        raise IncompleteError("say why", hint="one sentence is enough", missing=["reason"])
    current = Target.objects.select_for_update().get(pk=target.pk)
    if current.state == TargetState.REVOKED:
        raise ConflictError("this grant was revoked for good", hint="grant the target anew")
    if current.state == state:
        raise ConflictError(f"the target is {state.label} already")
    current.state = state
    current.reason = reason.strip()
    current.save(update_fields=["state", "reason"])
    audit.record(tag, subject=current.pk, actor=by.actor, at=now)
    return current


def _check(label: str, terms: TargetGrant) -> None:
    missing = [name for name, value in (("label", label), ("model", terms.model)) if not value.strip()]
    if terms.adapter is Adapter.OPENAI_CHAT and not terms.url:
        missing.append("url")
    if terms.adapter is not Adapter.OPENAI_CHAT and not terms.entry:
        missing.append("entry")
    if missing:
        raise IncompleteError("the grant is not complete", hint="fill in what is missing", missing=missing)
    address = urlsplit(terms.url)
    if terms.url and (address.scheme not in {"http", "https"} or not address.hostname or address.username):
        raise MalformedError("the address must start with http:// or https:// and hold no password")
    if terms.starts_at is not None and terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise MalformedError("the window ends before it starts", hint="both times are in UTC")
    if terms.secret_name and not SECRET_NAME.fullmatch(terms.secret_name):
        raise MalformedError("the secret is given by name: letters, digits, - and _")
    if min(terms.caps.calls, terms.caps.tokens, terms.caps.tokens_per_call) < 1 or terms.caps.call_seconds <= 0:
        raise MalformedError("caps must be at least one")
