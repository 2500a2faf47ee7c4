# SPDX-License-Identifier: Apache-2.0
"""The front page, the pages for machines, and answers to requests that lead nowhere."""

import pytest
from django.test import Client

from safeconduct.domain.parties import Role

pytestmark = pytest.mark.django_db


def test_the_front_page_answers_everyone(client: Client) -> None:
    assert client.get("/").status_code == 200


def test_an_unknown_address_is_our_404(client: Client) -> None:
    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert b"not_found" in answer.content


def test_a_signed_in_coordinator_sees_a_way_out(client_of) -> None:
    answer = client_of(Role.COORDINATOR).get("/")

    assert b"Sign out" in answer.content
