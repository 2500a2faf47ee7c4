# SPDX-License-Identifier: Apache-2.0
"""The Atom feed of advisories (RFC 4287), made with Django's own generator.

Characters that XML 1.0 cannot hold (section 2.2) are replaced: one of them would keep all readers from the feed.
"""

import re

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from safeconduct.server.advisories.models import Advisory
from safeconduct.server.registry.queries import record_of

NEWEST = 50
UNFIT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(advisories: QuerySet[Advisory]) -> bytes:
    """Return the feed of the advisories that were published or changed last."""
    base = settings.SAFECONDUCT.base_url.rstrip("/")
    feed = Atom1Feed(
        title=_fit(f"{settings.SAFECONDUCT.name}: advisories"),
        link=f"{base}{reverse('registry:index')}",
        description="Flaws in machine-learning systems that were disclosed here.",
        feed_url=f"{base}{reverse('advisories:feed')}",
        language="en",
        author_name=_fit(settings.SAFECONDUCT.name),
    )
    for advisory in advisories.order_by("-entry__modified_at", "-pk")[:NEWEST]:
        record = record_of(advisory.entry)
        feed.add_item(
            title=_fit(f"{record.id}: {record.title}{' (withdrawn)' if record.withdrawn_at else ''}"),
            link=f"{base}{reverse('registry:entry', args=[record.id])}",
            description=_fit(record.revisions[-1].summary if record.withdrawn_at else record.summary),
            unique_id=f"{base}{reverse('registry:entry', args=[record.id])}",
            pubdate=record.published_at,
            updateddate=record.modified_at,
            categories=[record.flaw_class.value],
        )
    text: str = feed.writeString("utf-8")
    return text.encode()


def _fit(text: str) -> str:
    return UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
