# SPDX-License-Identifier: Apache-2.0
"""Open cases with the people in them, made by the real acts from a received and assessed report."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from tests.conftest import PASSWORD
from tests.factories import triage
from tests.server.factories import make_party

from safeconduct.domain.parties import CaseRole, Role
from safeconduct.domain.report import Report
from safeconduct.server.cases import negotiation, queries, services
from safeconduct.server.cases.invitations import Guest, Invited
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.parties import services as parties
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated:
    """Somebody who sits in a case: the account, how it looks, and the seat."""

    party: Party
    viewer: Viewer
    seat: Participant

    def present(self) -> Participant:
        """Return the seat as it stands now."""
        return Participant.objects.get(pk=self.seat.pk)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A case, who coordinates it, and who was invited to it."""

    case: Case
    coordinator: Party
    desk: Viewer
    invited: tuple[Invited, ...]

    def present(self) -> Case:
        """Return the case as it stands now."""
        return Case.objects.select_related("assessment__report", "entry").get(pk=self.case.pk)

    def guest(self, name: str) -> Invited:
        """Return the invitation of this name."""
        return next(one for one in self.invited if one.participant.name == name)

    def reporter(self) -> Participant:
        """Return the reporter's seat."""
        return self.case.participants.get(role=CaseRole.REPORTER)

    def desk_seat(self) -> Participant:
        """Return the coordinators' seat."""
        return queries.desk_seat(self.case)


def opened(
    now: datetime, *, guests: tuple[str, ...] = ("Orchid Bank",), told: Report | None = None, **changes: Any
) -> World:
    """Open a case and invite vendors of these names."""
    coordinator = make_party(Role.COORDINATOR)
    desk = viewer_of(coordinator)
    case = services.open_case(
        assessment=triage.tiered(now, by=desk, told=told),
        guests=[Guest(name=name) for name in guests],
        by=desk,
        now=now,
        **changes,
    )
    return World(case=case.case, coordinator=coordinator, desk=desk, invited=case.invited)


def joined(invited: Invited, now: datetime) -> Seated:
    """Let the guest make an account from the one-time link; the seat is not taken yet."""
    secret = invited.url.rstrip("/").rsplit("/", 1)[1]
    party = parties.join(secret=secret, handle=f"guest-{next(_numbers)}", password=PASSWORD, name="", email="", now=now)
    return Seated(party=party, viewer=viewer_of(party), seat=invited.participant)


def seated(world: World, name: str, now: datetime) -> Seated:
    """Let the guest of this name join, take the seat and accept the embargo, if there is one."""
    guest = joined(world.guest(name), now)
    services.take_seat(case=world.case, seat=guest.seat, by=guest.viewer, now=now)
    term = queries.active_term(world.present())
    if term is not None:
        negotiation.answer(term=term, seat=guest.seat, accepts=True, by=guest.viewer, now=now)
    return guest
