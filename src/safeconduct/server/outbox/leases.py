# SPDX-License-Identifier: Apache-2.0
"""Leases: one statement takes due work for a while, so that no two workers do the same and none is lost.

The claim is the same SQL on both databases but for `FOR UPDATE SKIP LOCKED`, which lets several workers on PostgreSQL
take different rows at once. A worker that dies keeps its rows only until the lease ends. The time of the lease must be
longer than the work takes: work that outlives it is done twice.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection
from django.db.models import QuerySet

from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.outbox.models import Leased, Outcome

LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)
MOST_ATTEMPTS = 12

Work = TypeVar("Work", bound=Leased)


@atomic_write
def claim(table: type[Work], kind: str, *, now: datetime, limit: int = 10, lease: timedelta = LEASE) -> list[Work]:
    """Take up to `limit` due pieces of this kind of work for the time of the lease, oldest first."""
    name = connection.ops.quote_name(table._meta.db_table)
    lock = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    statement = (
        f"UPDATE {name} SET lease_until = %s, attempts = attempts + 1 WHERE id IN ("  # noqa: S608  # names of ours
        f"SELECT id FROM {name} WHERE kind = %s AND outcome = %s AND due_at <= %s "
        f"AND (lease_until IS NULL OR lease_until <= %s) ORDER BY due_at LIMIT %s{lock}) RETURNING id"
    )
    until, instant = (connection.ops.adapt_datetimefield_value(value) for value in (now + lease, now))
    values = [until, kind, Outcome.WAITING.value, instant, instant, limit]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        taken = [row[0] for row in cursor.fetchall()]
    return list(table._default_manager.filter(pk__in=taken).order_by("due_at"))


@atomic_write
def finish(work: Leased, *, now: datetime) -> bool:
    """Mark the work as done; tell whether it was still ours to finish."""
    return _close(work, outcome=Outcome.DONE, now=now, trouble="")


@atomic_write
def fail(work: Leased, *, code: str, now: datetime) -> bool:
    """Put the work back after a pause that doubles each time, or give it up; tell whether it was given up."""
    if work.attempts >= MOST_ATTEMPTS:
        return _close(work, outcome=Outcome.FAILED, now=now, trouble=code)
    pause = min(FIRST_PAUSE * 2 ** (work.attempts - 1), LONGEST_PAUSE)
    _mine(work).update(due_at=now + pause, lease_until=None, trouble=code)
    return False


def _close(work: Leased, *, outcome: Outcome, now: datetime, trouble: str) -> bool:
    changed = _mine(work).update(outcome=outcome, finished_at=now, lease_until=None, trouble=trouble)
    return changed == 1


def _mine(work: Leased) -> QuerySet[Leased]:
    # A lease that ended may have been taken by another worker, whose attempt has a higher number.
    return type(work)._default_manager.filter(pk=work.pk, attempts=work.attempts, outcome=Outcome.WAITING)
