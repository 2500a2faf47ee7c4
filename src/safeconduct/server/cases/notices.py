# SPDX-License-Identifier: Apache-2.0
"""Telling participants that something waits for them. A notice says where to look and never what is there.

One person is told of the same kind of news once an hour. The reporter reads in the mailbox and gets no notice. Those
who coordinate see their desk, and get mail only where mail can reach them.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from safeconduct.domain.parties import CaseRole
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.outbox import services as outbox
from safeconduct.server.parties.models import Party


class News(StrEnum):
    """What a notice is about."""

    MESSAGE = "message"
    TERMS = "terms"
    EMBARGO_ENDED = "embargo_ended"
    INVITED = "invited"
    LEAK = "leak"
    REGRESSED = "regressed"


NEWS_WORDS = {
    News.MESSAGE: "Somebody wrote a message in a case you take part in.",
    News.TERMS: "The terms of an embargo you were asked to keep have changed, or others are proposed.",
    News.EMBARGO_ENDED: "The embargo of a case you take part in has ended.",
    News.LEAK: "Something of a case you take part in is public. A new date has to be agreed on.",
    News.REGRESSED: "A fix that was found to hold does not hold any more.",
    News.INVITED: "You are invited to a coordinated disclosure.",
}


def tell_all(case: Case, news: News, *, now: datetime, but: Participant | None = None) -> None:
    """Tell everybody who takes part, but for the one who acted."""
    tell((seat for seat in case.participants.all() if but is None or seat.pk != but.pk), case, news, now=now)


def tell(seats: Iterable[Participant], case: Case, news: News, *, now: datetime) -> None:
    """Tell the people who sit there. Call it inside the act's `atomic_write`."""
    present = [seat for seat in seats if seat.left_at is None and seat.role != CaseRole.REPORTER]
    for seat in present:
        for party in people_of(seat):
            if seat.role != CaseRole.COORDINATOR or (settings.SAFECONDUCT.smtp_host and party.email):
                _queue(party, case, news, now=now)


def people_of(seat: Participant) -> list[Party]:
    """Return the accounts that hold a seat."""
    held = Q(seats=seat) | Q(organizations__seats=seat)
    if seat.invitation_id is not None and seat.invitation is not None:
        held |= Q(pk=seat.invitation.joined_id)
    return list(Party.objects.filter(held, is_active=True).distinct())


def address_of(case: Case) -> str:
    """Return the full address of the case's room."""
    return settings.SAFECONDUCT.base_url.rstrip("/") + reverse("desk:case", args=[case.pk])


def _queue(party: Party, case: Case, news: News, *, now: datetime) -> None:
    outbox.queue(
        subject=NEWS_WORDS[news],
        text=f"{NEWS_WORDS[news]} What it is stands here, after sign-in:\n\n{address_of(case)}\n",
        now=now,
        party=party,
        about=case.pk,
        key=f"news:{news}:{case.pk}:{party.pk}:{now:%Y%m%d%H}",
    )
