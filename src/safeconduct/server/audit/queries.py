# SPDX-License-Identifier: Apache-2.0
"""Reads of the record: the events of a thing, what is not chained yet, and whether the chain holds."""

from django.db.models import QuerySet

from safeconduct.domain.event import EventTag
from safeconduct.errors import VerificationError
from safeconduct.server.audit.chain import ROOT, next_digest
from safeconduct.server.audit.models import Event, Link


def events_of(subject: str) -> QuerySet[Event]:
    """Return the events of one thing, oldest first. The caller has checked that the asker may see the thing."""
    return Event.objects.filter(subject=subject)


def events_tagged(*tags: EventTag) -> QuerySet[Event]:
    """Return the events with one of the tags, oldest first."""
    return Event.objects.filter(tag__in=tags)


def unchained(limit: int) -> list[Event]:
    """Return the events that no link holds yet, oldest first."""
    return list(Event.objects.filter(link__isnull=True)[:limit])


def last_link() -> Link | None:
    """Return the newest link, or nothing while the chain is empty."""
    return Link.objects.order_by("-position").first()


def check_chain() -> int:
    """Recompute the whole chain and return its length.

    Raises:
        VerificationError: an event was changed, or a link is missing or wrong.
    """
    digest, position = ROOT, 0
    for link in Link.objects.select_related("event").iterator(chunk_size=1000):
        digest = next_digest(digest, link.event)
        if link.position != position or link.digest != digest:
            raise VerificationError("the record of acts was changed", hint="restore a backup", position=link.position)
        position += 1
    return position
