# SPDX-License-Identifier: Apache-2.0
"""The acts on the register: reserve an entry, make it public, withdraw it."""

import secrets
from datetime import datetime

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.event import EventTag
from safeconduct.domain.ids import ALPHABET
from safeconduct.domain.parties import Role
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import ConflictError, TooLargeError
from safeconduct.formats import native
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry.models import ALIAS_LENGTH, NAME_LENGTH, Affected, Alias, Entry, EntryState
from safeconduct.server.registry.words import search_text

PREFIX = "SC"
BODY_LENGTH = 8


def new_public_id(now: datetime) -> str:
    """Return a fresh public identifier: the year and forty random bits, so that no count can be read from it."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(BODY_LENGTH))
    return f"{PREFIX}-{now.year}-{body}"


@atomic_write
def reserve(*, flaw_class: FlawClass, by: Viewer, now: datetime) -> Entry:
    """Make the embargoed entry of a new flaw: an identifier and nothing to read."""
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    entry = Entry.objects.create(public_id=new_public_id(now), flaw_class=flaw_class, reserved_at=now)
    audit.record(EventTag.ENTRY_CREATED, subject=entry.pk, actor=by.actor, at=now)
    return entry


@atomic_write
def publish(*, entry: Entry, record: Advisory, by: Viewer, now: datetime) -> Entry:
    """Make the entry public, or replace its public record by a newer one.

    Raises:
        ConflictError: the record is another entry's, the entry was merged, or an alias belongs to another entry.
        TooLargeError: a name is longer than the register keeps.
    """
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    current = Entry.objects.select_for_update().get(pk=entry.pk)
    if record.id != current.public_id:
        raise ConflictError("the record carries another identifier than the entry", hint="draft the advisory anew")
    if current.state == EntryState.MERGED:
        raise ConflictError("the entry was merged into another", hint="publish the other one")
    _require_fitting(record)
    current.state = EntryState.WITHDRAWN if record.withdrawn_at else EntryState.PUBLIC
    current.record = native.plain(record)
    current.title = record.title
    current.tier = record.severity.tier if record.severity else ""
    current.flaw_class = record.flaw_class
    current.search_text = search_text(record)
    current.published_at = current.published_at or record.published_at
    current.modified_at = record.modified_at
    current.save()
    _index(current, record)
    audit.record(EventTag.ENTRY_PUBLISHED, subject=current.pk, actor=by.actor, at=now)
    return current


def _require_fitting(record: Advisory) -> None:
    """Refuse names that do not fit, because one database would cut what the other refuses."""
    names = {"title": [record.title]}
    names["vendor"] = [system.vendor for system in record.affected]
    names["product"] = [system.product for system in record.affected]
    names["package URL"] = [system.identity.purl for system in record.affected]
    names["model string"] = [system.identity.model_string for system in record.affected]
    limits = dict.fromkeys(names, NAME_LENGTH) | {"alias": ALIAS_LENGTH}
    for what, texts in (names | {"alias": list(record.aliases)}).items():
        if max(map(len, texts), default=0) > limits[what]:
            raise TooLargeError(f"a {what} is longer than {limits[what]} characters", hint="shorten it")


def _index(entry: Entry, record: Advisory) -> None:
    taken = Alias.objects.filter(value__in=record.aliases).exclude(entry=entry).first()
    if taken is not None:
        raise ConflictError("another entry has this alias already", hint="compare the two entries", alias=taken.value)
    entry.aliases.all().delete()
    Alias.objects.bulk_create(Alias(entry=entry, value=value) for value in sorted(set(record.aliases)))
    entry.affected.all().delete()
    Affected.objects.bulk_create(
        Affected(
            entry=entry,
            vendor=system.vendor,
            product=system.product,
            purl=system.identity.purl,
            model_string=system.identity.model_string,
            status=system.status,
        )
        for system in record.affected
    )
