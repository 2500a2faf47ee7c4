# SPDX-License-Identifier: Apache-2.0
"""Makes a home folder ready to serve: tables, keys, and the one-time link of the first administrator."""

from datetime import datetime

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError

from safeconduct.errors import UnavailableError
from safeconduct.server.audit.ring import ensure_key_ring
from safeconduct.server.parties import services as parties
from safeconduct.server.parties.links import join_url


def prepare() -> None:
    """Bring the tables up to date and make the keys that are missing.

    Raises:
        UnavailableError: the database is out of reach.
        ConfigurationError: a key is damaged or open to others.
    """
    try:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
    except OperationalError as error:
        raise UnavailableError("the database is out of reach", hint="see the setting database") from error
    ensure_key_ring()


def administrator_url(*, now: datetime) -> str:
    """Return the address with which the first administrator joins, or an empty text if there is one already."""
    link = parties.first_administrator_link(now=now)
    return "" if link is None else join_url(settings.SAFECONDUCT.base_url, link)
