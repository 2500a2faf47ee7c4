# SPDX-License-Identifier: Apache-2.0
"""Reads of the register. Everything here shows public entries only, whoever asks."""

from dataclasses import dataclass
from functools import reduce

from django.db.models import Count, Q, QuerySet

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError
from safeconduct.formats import native
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry.models import Entry, EntryState
from safeconduct.server.registry.words import fold, words

PER_PAGE = 25
SHOWN = (EntryState.PUBLIC, EntryState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to look for. Empty values do not filter; all words must be found."""

    text: str = ""
    flaw_class: str = ""
    tier: str = ""
    vendor: str = ""
    technique: str = ""


def public_entries() -> QuerySet[Entry]:
    """Return the entries that the world may read, the newest first."""
    return Entry.objects.filter(state__in=SHOWN).prefetch_related("aliases", "affected")


def search(filters: Filters) -> QuerySet[Entry]:
    """Return the public entries that match; the same on every database."""
    found = public_entries()
    if filters.flaw_class:
        found = found.filter(flaw_class=filters.flaw_class)
    if filters.tier:
        found = found.filter(tier=filters.tier)
    if filters.vendor:
        found = found.filter(affected__vendor=filters.vendor).distinct()
    sought = (*words(filters.text), *((fold(filters.technique),) if filters.technique else ()))
    return reduce(lambda entries, word: entries.filter(Q(search_text__contains=word)), sought, found)


def by_public_id(public_id: str) -> Entry:
    """Return a public entry by its identifier or by an alias; a merged one leads to its heir.

    Raises:
        NotFoundError: there is none, or it is not public.
    """
    entry = (
        Entry.objects.filter(Q(public_id=public_id) | Q(aliases__value=public_id)).select_related("merged_into").first()
    )
    if entry is not None and entry.merged_into is not None:
        entry = entry.merged_into
    if entry is None or entry.state not in SHOWN:
        raise NotFoundError("no such entry")
    return entry


def record_of(entry: Entry) -> Advisory:
    """Return the public record of an entry.

    Raises:
        NotFoundError: the entry is not public.
    """
    if entry.record is None:
        raise NotFoundError("no such entry")
    return native.advisory_from(entry.record)


def vendors() -> list[tuple[str, int]]:
    """Return the vendors of public entries with how many entries each has, the most named first."""
    rows = (
        public_entries()
        .order_by()
        .values_list("affected__vendor")
        .annotate(entries=Count("pk", distinct=True))
        .order_by("-entries", "affected__vendor")
    )
    return [(vendor, count) for vendor, count in rows if vendor]


def reserved_for(viewer: Viewer) -> QuerySet[Entry]:
    """Return the embargoed entries, for those who coordinate."""
    if viewer.has(Role.COORDINATOR, Role.ADMINISTRATOR):
        return Entry.objects.filter(state=EntryState.EMBARGOED)
    return Entry.objects.none()
