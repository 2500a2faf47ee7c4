# SPDX-License-Identifier: Apache-2.0
"""The doors in the head: each reader sees those that open."""

import pytest
from django.test import Client
from tests.server.factories import client_of

from safeconduct.domain.parties import Role
from safeconduct.server.project.navigation import DOORS, Door, doors_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", Role)
def test_every_door_that_is_shown_opens(role: Role) -> None:
    client = client_of(role)

    for door in doors_for({role}, is_guest=False, path="/"):
        answer = client.get(door.url)
        assert answer.status_code == 200, door.url
        assert f'href="{door.url}" aria-current="page"' in answer.content.decode()


def test_a_guest_sees_the_open_doors(client: Client) -> None:
    shown = [door.url for door in doors_for((), is_guest=True, path="/")]

    assert shown
    assert all(client.get(url).status_code == 200 for url in shown)
    assert "/people/" not in shown


def test_a_door_to_nowhere_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.server.project.navigation.DOORS", (Door(label="x", route="nowhere:page"),))

    assert doors_for((), is_guest=True, path="/") == []


def test_the_mailbox_is_for_guests() -> None:
    labels = {str(door.label) for door in doors_for(Role, is_guest=False, path="/")}

    assert "Mailbox" not in labels
    assert len(labels) <= len(DOORS) - 1
