# SPDX-License-Identifier: Apache-2.0
"""The description of the interface: OpenAPI 3.1, complete, and true."""

import pytest
from tests.server.api.caller import BASE, Caller, description

pytestmark = pytest.mark.django_db
PROBLEM = {"$ref": "#/components/schemas/Problem"}


def operations() -> list[tuple[str, str, dict]]:
    return [
        (path, method, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1_and_says_where_it_is() -> None:
    assert description()["openapi"].startswith("3.1.")
    assert description()["info"]["title"]
    assert all(path.startswith(BASE) for path, _, _ in operations())


def test_every_operation_has_a_name_a_sentence_and_its_errors() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names)) >= 11
    for path, method, operation in operations():
        errors = {status: said for status, said in operation["responses"].items() if int(status) >= 400}
        assert operation["description"], path
        assert {"400", "404", "413", "503"} <= set(errors), (path, method)
        assert ("401" in errors) == bool(operation.get("security")), path
        assert all(said["content"]["application/json"]["schema"] == PROBLEM for said in errors.values())


def test_every_reference_leads_somewhere() -> None:
    def references(node: object) -> list[str]:
        match node:
            case dict():
                own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
                return own + [ref for value in node.values() for ref in references(value)]
            case list():
                return [ref for value in node for ref in references(value)]
            case _:
                return []

    known = {f"#/components/schemas/{name}" for name in description()["components"]["schemas"]}
    assert set(references(description()["paths"])) <= known


@pytest.mark.parametrize("path", ["/nowhere", "/reports/", "/reports/x/y", "/mailbox/%00", "/"])
def test_an_unknown_address_is_a_problem(path: str) -> None:
    answer = Caller().get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/reports", "/reports/with-files", "/mailbox", "/mailbox/receipt", "/targets"])
def test_a_wrong_method_is_a_problem(path: str) -> None:
    answer = Caller().get(path)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
