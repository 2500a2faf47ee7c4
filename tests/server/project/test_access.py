# SPDX-License-Identifier: Apache-2.0
"""Who may open what: every address of the resolver, with every role and without any. New pages join by themselves."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from tests.server.factories import client_of

from safeconduct.domain.parties import Role
from safeconduct.server.parties.models import Party

LIBRARY = ("account_", "mfa_")
ELSEWHERE = ("api", "ninja")
DUMMIES = {
    "StringConverter": "pty_00000000000000000000000000",
    "IntConverter": 0,
    "PathConverter": "none",
    "SlugConverter": "none",
}


def addresses(patterns: list[Any], namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every named address with its full name."""
    for pattern in patterns:
        match pattern:
            case URLResolver():
                inner = ":".join(filter(None, (namespace, pattern.namespace)))
                if not inner.startswith(ELSEWHERE):
                    yield from addresses(pattern.url_patterns, inner)
            case URLPattern():
                assert pattern.name, f"an address without a name: {pattern}"
                yield ":".join(filter(None, (namespace, pattern.name))), pattern


@cache
def all_addresses() -> dict[str, URLPattern]:
    return dict(addresses(get_resolver().url_patterns))


def path_of(name: str) -> str:
    converters = all_addresses()[name].pattern.converters
    return reverse(name, kwargs={key: DUMMIES.get(type(value).__name__, "none") for key, value in converters.items()})


def allowed(name: str) -> frozenset[Role] | None:
    view = all_addresses()[name].callback
    assert hasattr(view, "acts_for"), f"{name} is marked neither @acts_for nor @open_to_all"
    return view.acts_for


OURS = sorted(name for name in all_addresses() if not name.startswith(LIBRARY))
MANY = {200, 302, 303, 400, 404, 405, 406, 409, 413, 415, 422, 429, 503}


@pytest.fixture
def clients(db: None) -> dict[Role, Client]:
    return {role: client_of(role) for role in Role}


@pytest.mark.parametrize("name", OURS)
def test_every_page_says_who_may_open_it(name: str) -> None:
    marked = allowed(name)

    assert marked is None or marked <= frozenset(Role)


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", OURS)
def test_the_anonymous_come_to_open_pages_only(client: Client, name: str, method: str) -> None:
    answer = getattr(client, method)(path_of(name))

    assert answer.status_code in MANY
    if allowed(name) is not None and answer.status_code != 405:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", OURS)
def test_a_role_comes_to_its_pages_only(clients: dict[Role, Client], name: str, method: str) -> None:
    marked = allowed(name)

    for role, client in clients.items():
        answer = getattr(client, method)(path_of(name))
        assert answer.status_code in MANY, (role, answer.status_code)
        if marked and role not in marked and answer.status_code != 405:
            assert answer.status_code == 404, (role, answer.status_code)
    assert not Party.objects.filter(is_active=False).exists()
