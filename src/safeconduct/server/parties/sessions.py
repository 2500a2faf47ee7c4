# SPDX-License-Identifier: Apache-2.0
"""Django's session engine on our own table, so that a party's sessions can be listed and ended."""

from datetime import datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.parties.models import WebSession

BEGAN = "began_at"


class SessionStore(DatabaseStore):
    """Keeps sessions in `WebSession`."""

    @classmethod
    def get_model_class(cls) -> type[WebSession]:
        """Return our table."""
        return WebSession

    def create_model_instance(self, data: dict[str, Any]) -> WebSession:
        """Return the row: the signed data, whose session it is and when it began."""
        row = cast("WebSession", super().create_model_instance(data))
        row.party_id = data.get(SESSION_KEY, "")
        row.began_at = datetime.fromisoformat(data[BEGAN]) if BEGAN in data else None
        return row

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  # Django's signature
        """Save the session under the write lock.

        Raises:
            UnavailableError: the disk is full or the database out of reach.
        """
        with atomic_write():
            super().save(must_create)
