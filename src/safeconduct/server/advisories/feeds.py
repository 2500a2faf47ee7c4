# SPDX-License-Identifier: Apache-2.0
"""The Atom feed of advisories (RFC 4287), made with Django's own generator."""

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from safeconduct.server.advisories.models import Advisory
from safeconduct.server.registry.queries import record_of

NEWEST = 50


def atom(advisories: Iterable[Advisory]) -> bytes:
    """Return the feed of the newest advisories."""
    base = settings.SAFECONDUCT.base_url.rstrip("/")
    feed = Atom1Feed(
        title=f"{settings.SAFECONDUCT.name}: advisories",
        link=f"{base}{reverse('registry:index')}",
        description="Flaws in machine-learning systems that were disclosed here.",
        feed_url=f"{base}{reverse('advisories:feed')}",
        language="en",
        author_name=settings.SAFECONDUCT.name,
    )
    for advisory in list(advisories)[:NEWEST]:
        record = record_of(advisory.entry)
        feed.add_item(
            title=f"{record.id}: {record.title}",
            link=f"{base}{reverse('registry:entry', args=[record.id])}",
            description=record.summary,
            unique_id=f"{base}{reverse('registry:entry', args=[record.id])}",
            pubdate=record.published_at,
            updateddate=record.modified_at,
            categories=[record.flaw_class.value],
        )
    text: str = feed.writeString("utf-8")
    return text.encode()
