# SPDX-License-Identifier: Apache-2.0
"""Visits: a mailbox that is open in a browser, by a cookie of its own that no account shares.

The row holds the digest of the cookie and of the mailbox's lookup key, no more. A visit ends on `leave`, or at the end
of the hour after the one in which it began: an exact end would tell the minute in which the mailbox was opened.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings

from safeconduct.errors import NotFoundError
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.intake import queries
from safeconduct.server.intake.drafts import coarse
from safeconduct.server.intake.models import MailboxVisit, Report

SECRET_BYTES = 32
LASTS = timedelta(hours=2)


def cookie_name() -> str:
    """Return the name of the cookie; its prefix binds it to this host where there is transport security."""
    return "__Host-mailbox" if settings.SAFECONDUCT.is_https else "mailbox"


@atomic_write
def begin(*, row: Report, now: datetime) -> str:
    """Open a mailbox in a browser and return the secret for the cookie."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    MailboxVisit.objects.create(key=_digest(secret), lookup=bytes(row.lookup), ends_at=coarse(now) + LASTS)
    return secret


def visited(secret: str, *, now: datetime) -> Report:
    """Return the report of the mailbox that is open.

    Raises:
        NotFoundError: no mailbox is open here, or not any more.
    """
    if not secret:
        raise NotFoundError("no mailbox is open here")
    visit = MailboxVisit.objects.filter(pk=_digest(secret), ends_at__gt=now).first()
    if visit is None:
        raise NotFoundError("no mailbox is open here")
    return queries.mailbox(bytes(visit.lookup))


def is_open(secret: str, *, now: datetime) -> bool:
    """Tell whether a mailbox is open under this secret."""
    try:
        visited(secret, now=now)
    except NotFoundError:
        return False
    return True


def leave(*, secret: str) -> None:
    """End a visit; one that has ended is no error."""
    if secret:
        _end(secret)


@atomic_write
def _end(secret: str) -> None:
    MailboxVisit.objects.filter(pk=_digest(secret)).delete()


@atomic_write
def forget_ended(*, now: datetime) -> int:
    """Remove the visits that have ended and return how many there were."""
    return MailboxVisit.objects.filter(ends_at__lte=now).delete()[0]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
