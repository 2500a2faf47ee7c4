# SPDX-License-Identifier: Apache-2.0
"""axe finds nothing on any page of the resolver for any role, in both color schemes, and all fit on a telephone.

The pages are asked for first, by signed-in clients in a world with one of everything; then the browser is shown exactly
what the service answered. A new page joins by itself.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch
from tests.browser.chromium import PROGRAM, Scanner, chromium
from tests.server.factories import make_party
from tests.walk.addresses import Address, addresses
from tests.walk.world import MISSING, World, build

from safeconduct.domain.parties import Role

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_home"),
    pytest.mark.xdist_group("axe"),
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed: apt-get install chromium"),
]
DOORS = re.compile(r'<nav class="nav".*?</nav>', re.DOTALL)
CHANGING = re.compile(
    r'(?<=name="csrfmiddlewaretoken" value=")[^"]*|(?<=name="token" value=")[^"]*|(?<![a-z])[a-z]{3}_[0-9a-z]{26}'
    r'|SC-\d{4}-[0-9a-z]{8}|[0-9a-f]{12,}| aria-current="page"|(?<=/claim/)\d+|(?<=claim-)\d+'
    r"|(?:guest|nobody|" + "|".join(Role) + r")-\d+"
)
LEAST = {None: 15, Role.COORDINATOR: 60, Role.VENDOR: 30}


def party_of(world: World, role: Role | None) -> Any:
    match role:
        case None:
            return None
        case Role.COORDINATOR:
            return world.coordinator
        case Role.VENDOR:
            return world.vendor
        case _:
            return make_party(role)


class Looked:
    """What axe has looked at: the same doors around the same page need no second look for another role."""

    def __init__(self) -> None:
        self.doors: set[str] = set()
        self.rest: set[str] = set()

    def is_new(self, markup: str) -> bool:
        """Tell whether doors or page were never seen, and keep both."""
        plain = CHANGING.sub("", markup)
        doors, rest = "".join(DOORS.findall(plain)), DOORS.sub("", plain)
        is_new = doors not in self.doors or rest not in self.rest
        self.doors.add(doors)
        self.rest.add(rest)
        return is_new


@pytest.fixture(scope="module")
def looked() -> Looked:
    return Looked()


def pages(client: Client, world: World) -> Iterator[tuple[Address, str, str]]:
    """Yield every address that answers this client with a page, and the page."""
    for address in addresses():
        for values in (world.values, MISSING):
            try:
                url = address.url(values)
            except (KeyError, NoReverseMatch):
                # A page of a library with an argument of its own; ours are all known, which the walk tests.
                continue
            answer = client.get(url, headers={"accept": "text/html"})
            if answer.streaming or not answer["Content-Type"].startswith("text/html"):
                continue
            if answer.content:
                yield address, url, answer.content.decode()


def pictures_of(role: Role | None) -> Path | None:
    """Return where pictures of the pages are kept, if somebody wishes to look at them."""
    wish = os.environ.get("SAFECONDUCT_TEST_SCREENS")
    if not wish:
        return None
    folder = Path(wish) / f"pages-{role or 'anonymous'}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "anonymous")
def test_axe_finds_nothing_on_any_page(role: Role | None, now: datetime, looked: Looked) -> None:
    world = build(now)
    client = Client()
    if (party := party_of(world, role)) is not None:
        client.force_login(party)
    found = list(pages(client, world))

    with chromium() as browser:
        scanner = Scanner(browser, pictures=pictures_of(role))
        faults = {
            f"{address.name} {url}": there
            for address, url, markup in found
            if looked.is_new(markup) and (there := scanner.faults(markup, url))
        }

    assert len(found) >= LEAST.get(role, 10)
    assert not faults
