# SPDX-License-Identifier: Apache-2.0
"""What every template may read: the name of the service and the roles of the person who is signed in."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def service(request: HttpRequest) -> dict[str, Any]:
    """Return the service's name, whether it is a trial, and the roles of the signed-in party."""
    party = getattr(request, "user", None)
    signed_in = party is not None and party.is_authenticated
    return {
        "service_name": settings.SAFECONDUCT.name,
        "is_embedded": settings.SAFECONDUCT.is_embedded,
        "roles": {role.value for role in party.roles} if signed_in else set(),  # type: ignore[union-attr]  # a party
    }
