# SPDX-License-Identifier: Apache-2.0
"""Storing reports: those that wait for the disk at the same time share one transaction.

A sync to the disk takes as long for twenty reports as for one. So a report that is ready joins those that wait; whoever
has the turn stores all of them, and the others find theirs done. Nobody waits longer than for the transaction before
and the own one. A report is kept whole or not at all, and is acknowledged after the sync only.

Where one of a group cannot be stored, such as a mailbox that is taken, each of the group is stored by itself, so that
it alone fails. Inside a transaction of the caller there is no group.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import DatabaseError, connection

from safeconduct.errors import UnavailableError
from safeconduct.server.audit import ledger
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.models import SubjectKey
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake.drafts import Draft
from safeconduct.server.intake.models import Attachment, Report

MOST = 64


@dataclass(slots=True, eq=False)
class Waiting:
    """A draft in the line; `error` says why it was not stored."""

    made: Draft
    is_done: bool = False
    error: DatabaseError | UnavailableError | None = None


class Line:
    """Those who wait in one process. One at a time stores; who is done leaves without waiting for the next."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._changed = threading.Condition()
        self._waiting: list[Waiting] = []
        self._is_storing = False

    def pass_through(self, mine: Waiting) -> None:
        """Wait until the draft was stored or refused."""
        with self._changed:
            self._waiting.append(mine)
        while not mine.is_done:
            group = self._next_group(mine)
            if group:
                self._store(group)

    def _next_group(self, mine: Waiting) -> list[Waiting]:
        """Return whom to store now, or nobody if mine was stored meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: mine.is_done or not self._is_storing)
            if mine.is_done:
                return []
            self._is_storing = True
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            return group

    def _store(self, group: list[Waiting]) -> None:
        try:
            _store_group(group)
        finally:
            with self._changed:
                for one in group:
                    if not one.is_done:
                        one.error = UnavailableError("nothing was saved: storing was broken off", hint="try again")
                        one.is_done = True
                self._is_storing = False
                self._changed.notify_all()


_line = Line()


def keep(made: Draft) -> None:
    """Store a draft durably.

    Raises:
        IntegrityError: its mailbox is taken, or its request name was used.
        UnavailableError: the disk is full or the database out of reach.
    """
    if connection.in_atomic_block:
        with atomic_write():
            _store([made])
        return
    mine = Waiting(made)
    _line.pass_through(mine)
    if mine.error is not None:
        raise mine.error


def _store_group(group: Sequence[Waiting]) -> None:
    try:
        with atomic_write():
            _store([one.made for one in group])
    except UnavailableError as error:
        for one in group:
            one.error = UnavailableError(error.message, hint=error.hint)
            one.is_done = True
    except DatabaseError as error:
        if len(group) == 1:
            group[0].error = error
            group[0].is_done = True
        else:
            for one in group:
                _store_group([one])
    else:
        for one in group:
            one.is_done = True


def _store(drafts: Sequence[Draft]) -> None:
    for made in drafts:
        # A first try that was rolled back has left numbers that are no longer theirs.
        made.commitment.pk = made.event.pk = None
    SubjectKey.objects.bulk_create([made.key for made in drafts])
    Report.objects.bulk_create([made.row for made in drafts])
    Attachment.objects.bulk_create([row for made in drafts for row in made.attachments])
    ledger.commit_all([made.commitment for made in drafts])
    audit.record_all([made.event for made in drafts])
