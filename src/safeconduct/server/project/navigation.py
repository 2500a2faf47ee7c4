# SPDX-License-Identifier: Apache-2.0
"""The doors in the head of every page: who sees which. A door leads to a page that its reader may open."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from safeconduct.domain.parties import Role

STAFF = frozenset({Role.COORDINATOR, Role.ADMINISTRATOR})
EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One door: its words, its page, and who sees it; without roles everyone does."""

    label: str | Promise
    route: str
    roles: frozenset[Role] | None = None
    is_for_guests: bool = False


DOORS = (
    Door(label=_("Report a flaw"), route="intake:start"),
    Door(label=_("Mailbox"), route="intake:mailbox", is_for_guests=True),
    Door(label=_("Register"), route="registry:index"),
    Door(label=_("Measures"), route="metrics:index"),
    Door(label=_("Desk"), route="desk:home", roles=EVERY_ROLE),
    Door(label=_("Queue"), route="desk:queue", roles=frozenset({Role.COORDINATOR})),
    Door(label=_("Targets"), route="authorizations:targets", roles=frozenset({Role.COORDINATOR})),
    Door(label=_("Messages"), route="outbox:waiting", roles=STAFF),
    Door(label=_("People"), route="parties:people", roles=STAFF),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDoor:
    """A door as it is drawn."""

    label: str | Promise
    url: str
    is_current: bool


def doors_for(roles: Iterable[Role], *, is_guest: bool, path: str) -> list[OpenDoor]:
    """Return the doors that a reader with these roles sees on the page at the path."""
    held = frozenset(roles)
    seen = (door for door in DOORS if _is_seen(door, held, is_guest=is_guest))
    return [OpenDoor(label=door.label, url=url, is_current=url == path) for door in seen if (url := _url(door))]


def _is_seen(door: Door, roles: frozenset[Role], *, is_guest: bool) -> bool:
    if door.roles is not None:
        return not is_guest and not door.roles.isdisjoint(roles)
    return is_guest or not door.is_for_guests


def _url(door: Door) -> str:
    try:
        return reverse(door.route)
    except NoReverseMatch:
        # The slice behind the door has no such page in this installation.
        return ""
