# SPDX-License-Identifier: Apache-2.0
"""Whose words a participant hears: its own and those of the desk, and never another vendor's."""

from datetime import datetime, timedelta

import pytest
from tests.factories import cases
from tests.server.factories import client_of

from safeconduct.server.cases import negotiation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
WORDS = "Fern Insurance must first reach its branches."


def test_the_words_of_a_proposal_are_not_told_to_another_vendor(now: datetime) -> None:
    world = cases.opened(now, guests=("Orchid Bank", "Fern Insurance"))
    other, author = (cases.seated(world, name, now) for name in ("Orchid Bank", "Fern Insurance"))
    negotiation.propose(
        case=world.case,
        seat=author.present(),
        ends_at=now + timedelta(days=20),
        reason=WORDS,
        by=author.viewer,
        now=now,
    )
    room = f"/cases/{world.case.pk}/"

    pages = [client_of(party).get(room).content.decode() for party in (other.party, author.party, world.coordinator)]

    assert [WORDS in page for page in pages] == [False, True, True]
    assert "Fern" not in pages[0]


def test_the_words_of_the_desk_are_told_to_all(now: datetime) -> None:
    world = cases.opened(now)
    vendor = cases.seated(world, "Orchid Bank", now)
    negotiation.propose(
        case=world.case,
        seat=world.desk_seat(),
        ends_at=now + timedelta(days=20),
        reason="Holidays are ahead.",
        by=world.desk,
        now=now,
    )

    assert "Holidays are ahead." in client_of(vendor.party).get(f"/cases/{world.case.pk}/").content.decode()
