# SPDX-License-Identifier: Apache-2.0
"""Real objects for tests of the server, made by the services."""

from datetime import datetime
from itertools import count

from django.test import Client
from tests.conftest import NOON, PASSWORD

from safeconduct.domain.parties import Role
from safeconduct.server.parties import services
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.parties.models import Organization, Party
from safeconduct.server.parties.viewer import Viewer

_numbers = count(1)


def make_party(*roles: Role, handle: str = "", organization: Organization | None = None, now: datetime = NOON) -> Party:
    """Make an account with these roles."""
    return services.create_party(
        handle=handle or f"{'-'.join(roles) or 'nobody'}-{next(_numbers)}",
        password=PASSWORD,
        roles=roles,
        now=now,
        organization=organization,
    )


def viewer(*roles: Role, organization: Organization | None = None) -> Viewer:
    """Make an account and return it as a viewer."""
    return viewer_of(make_party(*roles, organization=organization))


def make_organization(name: str = "") -> Organization:
    """Make an organization."""
    return Organization.objects.create(name=name or f"Organization {next(_numbers)}")


def client_of(who: Party | Role) -> Client:
    """Return a client that is signed in as the party, or as a new one with the role."""
    client = Client()
    client.force_login(make_party(who) if isinstance(who, Role) else who)
    return client
