# SPDX-License-Identifier: Apache-2.0
"""What every template may read: the name of the service, the roles of the person who is signed in, and the doors."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from safeconduct.server.parties.models import Party
from safeconduct.server.project.navigation import doors_for


def service(request: HttpRequest) -> dict[str, Any]:
    """Return the service's name, whether it is a trial, the roles of the signed-in party, and the doors."""
    party = getattr(request, "user", None)
    roles = party.roles if isinstance(party, Party) else frozenset()
    return {
        "service_name": settings.SAFECONDUCT.name,
        "is_embedded": settings.SAFECONDUCT.is_embedded,
        "roles": {role.value for role in roles},
        "doors": doors_for(roles, is_guest=not isinstance(party, Party), path=request.path),
    }
