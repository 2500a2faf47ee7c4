# SPDX-License-Identifier: Apache-2.0
"""Who may call what: every operation of the description, with every role, every scope, and without a token."""

from datetime import datetime
from typing import Any

import pytest
from tests.server.api.caller import BASE, Caller, description
from tests.server.factories import make_party

from safeconduct.domain.parties import Role, Scope
from safeconduct.server.parties import services
from safeconduct.server.parties.access import viewer_of

pytestmark = pytest.mark.django_db
OPEN = {"service", "send_report", "send_report_with_files", "read_mailbox", "write_to_mailbox", "fetch_receipt"} | {
    "withdraw_report",
    "search_register",
    "read_entry",
}
SCOPES = {"read_queue": Scope.TRIAGE, "list_cases": Scope.CASE_READ, "grant_target": Scope.TARGET_GRANT}
TARGET = {"label": "bank", "model": "m", "url": "https://model.example/v1"}


def operations() -> dict[str, tuple[str, str]]:
    return {
        operation["operationId"]: (method, path.removeprefix(BASE).replace("{public_id}", "SC-2026-00000000"))
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    }


def token(*roles: Role, scopes: tuple[Scope, ...], now: datetime) -> str:
    by = viewer_of(make_party(*roles))
    return services.issue_token(by=by, name="program", scopes=scopes, days=30, now=now).text


def call(caller: Caller, name: str) -> Any:
    method, path = operations()[name]
    return caller.get(path) if method == "get" else caller.post(path, TARGET if name == "grant_target" else {})


def test_every_operation_is_open_or_has_a_scope() -> None:
    assert set(operations()) == OPEN | set(SCOPES)
    for path, methods in description()["paths"].items():
        for operation in methods.values():
            assert bool(operation.get("security")) == (operation["operationId"] in SCOPES), path


@pytest.mark.parametrize("name", sorted(SCOPES))
def test_without_a_token_that_holds_nothing_opens(name: str) -> None:
    for text in ("", "nonsense", "sct_" + "0" * 60, "\u00e4"):
        answer = call(Caller(token=text.encode().decode("latin-1")), name)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", sorted(SCOPES))
@pytest.mark.parametrize("role", list(Role))
def test_a_token_with_other_scopes_opens_nothing(name: str, role: Role, clock: Any) -> None:
    others = tuple(scope for scope in Scope if scope is not SCOPES[name])

    answer = call(Caller(token=token(role, scopes=others, now=clock.now)), name)

    assert answer.status_code == 403
    assert SCOPES[name] in answer.json()["error"]["message"]


@pytest.mark.parametrize("role", list(Role))
def test_a_scope_opens_what_the_role_may(role: Role, clock: Any) -> None:
    caller = Caller(token=token(role, scopes=tuple(Scope), now=clock.now))

    assert call(caller, "list_cases").json() == []
    assert call(caller, "read_queue").json() == []
    granted = 201 if role in {Role.COORDINATOR, Role.ADMINISTRATOR} else 403
    assert call(caller, "grant_target").status_code == granted


def test_a_token_ends(clock: Any) -> None:
    caller = Caller(token=token(Role.COORDINATOR, scopes=(Scope.TRIAGE,), now=clock.now))
    assert call(caller, "read_queue").status_code == 200

    clock.pass_by(days=31)

    assert call(caller, "read_queue").status_code == 401


@pytest.mark.parametrize("name", sorted(OPEN))
def test_an_open_operation_asks_for_no_token(name: str) -> None:
    assert call(Caller(), name).status_code in {200, 400, 404}
