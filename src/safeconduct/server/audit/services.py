# SPDX-License-Identifier: Apache-2.0
"""The acts of the record: write an event in the transaction of the act, and chain what was written."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from safeconduct.domain.event import EventTag
from safeconduct.ledger.entry import EntryKind
from safeconduct.server.audit import ledger, queries
from safeconduct.server.audit.chain import ROOT, next_digest
from safeconduct.server.audit.models import Event, Link
from safeconduct.server.audit.writes import atomic_write, only_one

Fact = str | int | bool | None | Sequence[str] | Sequence[int]
BATCH = 2000


def record(
    tag: EventTag, *, subject: str, actor: str = "", at: datetime, facts: Mapping[str, Fact] | None = None
) -> Event:
    """Write one event. Call it inside the act's `atomic_write`.

    The facts are read by people and sealed into the chain: no secret, no content, no identity but plain identifiers.
    """
    made = event(tag, subject=subject, actor=actor, at=at, facts=facts)
    made.save(force_insert=True)
    return made


def event(
    tag: EventTag, *, subject: str, actor: str = "", at: datetime, facts: Mapping[str, Fact] | None = None
) -> Event:
    """Return one event that nothing has written yet, for acts that write many rows at once."""
    return Event(tag=tag, subject=subject, actor=actor, at=at, facts=dict(facts or {}))


@atomic_write
def chain(*, now: datetime) -> int:
    """Append a link for the events that have none, let the log seal the head, and return how many were appended.

    The head is a digest over random identifiers, so it tells nothing to who does not have the events.
    """
    only_one("audit.chain")
    last = queries.last_link()
    digest, position = (last.digest, last.position + 1) if last else (ROOT, 0)
    links = []
    for event in queries.unchained(BATCH):
        digest = next_digest(digest, event)
        links.append(Link(position=position, event=event, digest=digest))
        position += 1
    Link.objects.bulk_create(links)
    if links:
        ledger.commit(kind=EntryKind.AUDIT_HEAD, value=bytes.fromhex(digest), now=now)
    return len(links)
