# SPDX-License-Identifier: Apache-2.0
"""Granted targets, made by the real act."""

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.parties import Role
from safeconduct.server.authorizations import services
from safeconduct.server.authorizations.models import Target
from safeconduct.server.authorizations.secret_files import secret_path
from safeconduct.server.parties.viewer import Viewer

OPERATOR = Viewer(roles=frozenset({Role.COORDINATOR, Role.ADMINISTRATOR}))
MODEL = "orchid-assistant-1"
URL = "https://models.example/v1"


def terms(*, caps: dict[str, Any] | None = None, **changes: Any) -> TargetGrant:
    """Return the terms of a chat endpoint that stands for the hosted model of `records`."""
    given: dict[str, Any] = {"model": MODEL, "url": URL, **changes}
    return TargetGrant(caps=Caps(**(caps or {})), **given)


def granted(now: datetime, *, by: Viewer = OPERATOR, caps: dict[str, Any] | None = None, **changes: Any) -> Target:
    """Return a granted target; changes of the label, vendor, product and role are told apart from the terms."""
    about = {name: changes.pop(name) for name in ("label", "vendor", "product", "role") if name in changes}
    given: dict[str, Any] = {"label": "the assistant", **about}
    return services.grant(terms=terms(caps=caps, **changes), by=by, now=now, **given)


def write_secret(name: str, value: bytes | None = None) -> bytes:
    """Write a secret under the name and return it."""
    secret = secrets.token_hex(16).encode() if value is None else value
    path = secret_path(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(secret)
    path.chmod(0o600)
    assert path.is_relative_to(settings.SAFECONDUCT.home)
    return secret
