# SPDX-License-Identifier: Apache-2.0
"""The acts of the outbox: put in a message or a job, take a slot, give a sign of life.

A message is put in with the transaction of the act it tells of, so neither exists without the other. Mail is not
secret: a message says that something waits and where, and never what.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.instance_seal import seal_for
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.outbox import leases
from safeconduct.server.outbox.models import PURPOSE, Channel, Heartbeat, Job, Message, Outcome, Slot
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer


@atomic_write
def queue(
    *,
    subject: str,
    text: str,
    now: datetime,
    party: Party | None = None,
    address: str = "",
    about: str = "",
    key: str = "",
    due_at: datetime | None = None,
) -> Message:
    """Put in a message to a party, or to an address that has no account yet.

    Without a mail server, or without an address, it waits for a coordinator to pass it on by hand. The same `key` puts
    in one message only.
    """
    reachable = address or (party.email if party is not None else "")
    channel = Channel.MAIL if settings.SAFECONDUCT.smtp_host and reachable else Channel.HAND
    name = key or f"message:{secrets.token_hex(16)}"
    message, _ = Message.objects.get_or_create(
        key=name,
        defaults={
            "kind": channel,
            "party": party,
            "address": address,
            "about": about,
            "subject": subject,
            "sealed_text": seal_for(PURPOSE, text, row=name),
            "due_at": due_at or now,
        },
    )
    return message


@atomic_write
def mark_passed_on(*, message: Message, by: Viewer, now: datetime) -> None:
    """Note that a coordinator passed the message on by hand."""
    by.require(Role.COORDINATOR, Role.ADMINISTRATOR)
    leases.finish(message, now=now)
    _empty(message)
    audit.record(EventTag.MESSAGE_SENT, subject=message.pk, actor=by.actor, at=now, facts={"channel": "hand"})


@atomic_write
def mark_sent(*, message: Message, now: datetime) -> None:
    """Note that the mail server took the message."""
    if leases.finish(message, now=now):
        _empty(message)
        audit.record(EventTag.MESSAGE_SENT, subject=message.pk, at=now, facts={"channel": message.kind})


@atomic_write
def mark_failed(*, message: Message, code: str, now: datetime) -> None:
    """Note that the message did not leave; after many attempts it is passed on by hand."""
    if leases.fail(message, code=code, now=now):
        audit.record(EventTag.MESSAGE_FAILED, subject=message.pk, at=now, facts={"code": code})
        Message.objects.filter(pk=message.pk).update(kind=Channel.HAND, outcome=Outcome.WAITING, finished_at=None)


@atomic_write
def schedule(*, kind: str, subject: str, due_at: datetime, key: str = "") -> Job:
    """Put in a job. The same `key` (by default kind and subject) puts in one job only."""
    job, _ = Job.objects.get_or_create(
        key=key or f"{kind}:{subject}", defaults={"kind": kind, "subject": subject, "due_at": due_at}
    )
    return job


@atomic_write
def take_slot(name: str, *, every: timedelta, now: datetime) -> bool:
    """Take the slot of a periodic job that `now` falls into; tell whether it was still free.

    Slots are counted from the epoch, so all workers agree on them.
    """
    number = int(now.timestamp() // every.total_seconds())
    _, is_new = Slot.objects.get_or_create(key=f"{name}:{number}", defaults={"taken_at": now})
    return is_new


@atomic_write
def give_heartbeat(worker: str, *, now: datetime) -> None:
    """Give a sign of life of a background worker, and forget what is older than a day."""
    Heartbeat.objects.update_or_create(worker=worker, defaults={"at": now})
    Heartbeat.objects.filter(at__lt=now - timedelta(days=1)).delete()
    Slot.objects.filter(taken_at__lt=now - timedelta(days=400)).delete()


def _empty(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(sealed_text=b"", address="")
