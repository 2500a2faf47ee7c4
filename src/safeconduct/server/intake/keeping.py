# SPDX-License-Identifier: Apache-2.0
"""Storing reports: one by one, or those that wait for the disk at the same time in one transaction.

A sync to the disk takes as long for twenty reports as for one. A report is kept whole or not at all, and is
acknowledged after the sync only. Where one of a group cannot be stored, such as a mailbox that is taken, each of the
group is stored by itself, so that it alone fails.
"""

from collections.abc import Sequence

from django.db import DatabaseError, close_old_connections

from safeconduct.errors import UnavailableError
from safeconduct.server.audit.inserting import insert_all
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake.drafts import Draft

MOST = 64
"""The most that share a transaction."""

Failure = DatabaseError | UnavailableError


def keep(made: Draft) -> None:
    """Store a draft durably.

    Raises:
        IntegrityError: its mailbox is taken, or its request name was used.
        UnavailableError: the disk is full or the database out of reach.
    """
    with atomic_write():
        _store([made])


def keep_all(drafts: Sequence[Draft]) -> list[Failure | None]:
    """Store drafts durably, and return for each why it was not stored, or nothing.

    It is called outside of a request, so a connection that broke is given up here and made anew by the next call.
    """
    try:
        with atomic_write():
            _store(drafts)
    except UnavailableError as error:
        close_old_connections()
        return [error] * len(drafts)
    except DatabaseError as error:
        close_old_connections()
        return [error] if len(drafts) == 1 else [failure for made in drafts for failure in keep_all([made])]
    return [None] * len(drafts)


def _store(drafts: Sequence[Draft]) -> None:
    insert_all(
        [made.key for made in drafts],
        [made.row for made in drafts],
        [row for made in drafts for row in made.attachments],
        [made.commitment for made in drafts],
        [made.event for made in drafts],
    )
