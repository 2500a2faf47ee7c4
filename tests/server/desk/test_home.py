# SPDX-License-Identifier: Apache-2.0
"""The doors of the desk: who coordinates finds the watches and the suites, nobody else sees the way."""

import pytest
from tests.server.factories import client_of

from safeconduct.domain.parties import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
DOORS = ("/campaigns/watch/", "/campaigns/suites/")


def test_a_coordinator_is_led_to_watches_and_suites() -> None:
    client = client_of(Role.COORDINATOR)
    page = client.get("/desk/").content.decode()

    for door in DOORS:
        assert f'href="{door}"' in page
        assert client.get(door).status_code == 200


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}))
def test_nobody_else_sees_these_doors(role: Role) -> None:
    page = client_of(role).get("/desk/").content.decode()

    assert not [door for door in DOORS if f'href="{door}"' in page]
