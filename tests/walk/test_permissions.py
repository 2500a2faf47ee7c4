# SPDX-License-Identifier: Apache-2.0
"""Every address for every role and for nobody: who may not come is told the same as where nothing is, and nothing breaks."""

from datetime import datetime

import pytest
from django.test import Client
from tests.server.factories import make_party
from tests.walk.addresses import Address, addresses
from tests.walk.world import MISSING, World, build

from safeconduct.domain.parties import Role
from safeconduct.server.api.urls import api

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
OURS = [address for address in addresses() if address.is_ours]
UNMARKED = {"api:reports-with-files", "reports-with-files"}
METHODS = ("get", "post")


@pytest.fixture
def world(now: datetime) -> World:
    return build(now)


def signed_in(party) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(party)
    return client


def ask(client: Client, method: str, url: str):
    return getattr(client, method)(url, headers={"accept": "text/html"})


@pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
def test_every_page_says_whom_it_is_for(address: Address) -> None:
    assert address.name in UNMARKED or hasattr(address.view, "acts_for"), "mark it @acts_for or @open_to_all"


@pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
def test_every_argument_is_known_to_the_walk(address: Address) -> None:
    assert set(address.arguments) <= set(MISSING), "add the argument to tests/walk/world.py"


def test_nobody_is_led_to_sign_in_whether_a_thing_is_there_or_not(world: World) -> None:
    for address in OURS:
        if getattr(address.view, "acts_for", None) is None:
            continue
        for method in METHODS:
            for values in (world.values, MISSING):
                answer = ask(Client(), method, address.url(values))
                assert answer.status_code in {302, 405}, (address.name, method, answer.status_code)
                assert answer.status_code == 405 or "/account/sign-in/" in answer["Location"], address.name


@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_a_page_of_another_role_is_like_none(world: World, role: Role | None) -> None:
    client = signed_in(make_party(*([role] if role else [])))
    nothing = client.get("/there/is/nothing/here/").content
    for address in OURS:
        wanted = getattr(address.view, "acts_for", None)
        if not wanted or role in wanted:
            continue
        for method in METHODS:
            answer = ask(client, method, address.url(world.values))
            assert answer.status_code in {404, 405}, (address.name, method, answer.status_code)
            assert answer.status_code == 405 or answer.content == nothing, address.name


@pytest.mark.parametrize(
    "role", [Role.VENDOR, Role.DEPLOYER, Role.OBSERVER, Role.REGULATOR, Role.ADMINISTRATOR], ids=str
)
def test_a_foreign_thing_is_like_a_missing_one(world: World, role: Role) -> None:
    client = signed_in(make_party(role))
    for address in OURS:
        if getattr(address.view, "acts_for", "open") == "open" or address.view.acts_for is None:
            continue
        if not address.arguments or role in address.view.acts_for or set(address.arguments) <= {"party_id"}:
            continue
        for method in METHODS:
            there, missing = (ask(client, method, address.url(values)) for values in (world.values, MISSING))
            assert there.status_code == missing.status_code, (address.name, method)
            assert there.content == missing.content, (address.name, method)
            assert there.status_code in {404, 405}, (address.name, method, there.status_code)


@pytest.mark.parametrize("who", ["coordinator", "vendor"])
def test_no_page_breaks_for_those_who_may_come(world: World, who: str) -> None:
    client = signed_in(getattr(world, who))
    for address in OURS:
        for values in (world.values, MISSING):
            answer = ask(client, "get", address.url(values))
            assert answer.status_code < 500 or address.name == "readyz", (address.name, answer.status_code)


def test_no_open_page_breaks_for_anyone(world: World) -> None:
    for address in OURS:
        for method in METHODS:
            for values in (world.values, MISSING):
                answer = ask(Client(), method, address.url(values))
                assert answer.status_code < 500 or address.name == "readyz", (address.name, method, answer.status_code)


def test_every_operation_of_the_interface_keeps_its_scope(world: World) -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    seen = 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            url = path
            for name, value in MISSING.items():
                url = url.replace("{" + name + "}", str(value))
            answer = (
                getattr(Client(), method)(url, data=b"{}", content_type="application/json")
                if method != "get"
                else (Client().get(url))
            )
            seen += 1
            declared = {int(code) for code in operation["responses"]}
            assert answer.status_code in declared, (path, method, answer.status_code, declared)
            if operation.get("security"):
                assert answer.status_code == 401, (path, method)
    assert seen >= 10
    assert api.version == "1"
