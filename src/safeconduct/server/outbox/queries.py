# SPDX-License-Identifier: Apache-2.0
"""Reads of waiting work: what a coordinator has to pass on by hand, and how long the background work is silent."""

from datetime import datetime, timedelta

from django.db.models import Max, QuerySet

from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError
from safeconduct.server.outbox.models import Channel, Heartbeat, Job, Message, Outcome
from safeconduct.server.parties.viewer import Viewer


def to_pass_on(viewer: Viewer) -> QuerySet[Message]:
    """Return the messages that no channel could carry and that a coordinator passes on by hand."""
    if not viewer.has(Role.COORDINATOR, Role.ADMINISTRATOR):
        return Message.objects.none()
    return Message.objects.filter(kind=Channel.HAND, outcome=Outcome.WAITING).select_related("party")


def message_to_pass_on(viewer: Viewer, message_id: str) -> Message:
    """Return one of these messages.

    Raises:
        NotFoundError: there is none, or the viewer does not coordinate.
    """
    message = to_pass_on(viewer).filter(pk=message_id).first()
    if message is None:
        raise NotFoundError("no such message")
    return message


def messages_for(viewer: Viewer) -> QuerySet[Message]:
    """Return the messages to the viewer, newest first."""
    return Message.objects.filter(party_id=viewer.party_id or "-").order_by("-due_at")


def messages_about(subject: str) -> QuerySet[Message]:
    """Return the messages about one thing. The caller has checked that the asker may see the thing."""
    return Message.objects.filter(about=subject).select_related("party")


def waiting_jobs(kind: str) -> QuerySet[Job]:
    """Return the jobs of a kind that are not finished."""
    return Job.objects.filter(kind=kind, outcome=Outcome.WAITING)


def is_worker_alive(*, now: datetime, within: timedelta) -> bool:
    """Tell whether a background worker gave a sign of life within the time."""
    return Heartbeat.objects.filter(at__gt=now - within).exists()


def last_heartbeat() -> datetime | None:
    """Return the last sign of life of any worker, or nothing if there never was one."""
    last: datetime | None = Heartbeat.objects.aggregate(last=Max("at"))["last"]
    return last
