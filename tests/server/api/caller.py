# SPDX-License-Identifier: Apache-2.0
"""A caller of the programming interface that holds every answer against the published description."""

import json
import secrets
from functools import cache
from typing import Any

from django.test import Client
from tests.factories import records

from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.mailbox import derive_mailbox
from safeconduct.domain.report import Report
from safeconduct.formats import native

BASE = "/api/v1"


@cache
def description() -> dict[str, Any]:
    return json.loads(Client().get(f"{BASE}/openapi.json").content)


def declared(path: str, method: str) -> dict[str, Any] | None:
    """Return the operation that the description holds for a path, with its placeholders."""
    for template, operations in description()["paths"].items():
        parts, given = template.split("/"), path.split("?", maxsplit=1)[0].split("/")
        if len(parts) == len(given) and all(a == b or a.startswith("{") for a, b in zip(parts, given, strict=True)):
            return operations.get(method)
    return None


class Caller:
    """Calls operations; an answer with a status that is not declared, or an error that is no problem, fails."""

    def __init__(self, *, token: str = "") -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, **query: Any) -> Any:
        return self._checked(self.client.get(BASE + path, query), path, "get")

    def post(self, path: str, body: Any, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.client.post(BASE + path, data, content_type="application/json", headers=headers)
        return self._checked(answer, path, "post")

    def form(self, path: str, fields: dict[str, Any], **headers: str) -> Any:
        return self._checked(self.client.post(BASE + path, fields, headers=headers), path, "post")

    def _checked(self, answer: Any, path: str, method: str) -> Any:
        operation = declared(BASE + path, method)
        if operation is not None:
            assert str(answer.status_code) in operation["responses"], (path, answer.status_code, answer.content)
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error"}
            assert set(answer.json()["error"]) == {"code", "message", "hint", "facts"}
        assert answer.headers["Cache-Control"] == "no-store" or path == "/openapi.json"
        return answer


class Finder:
    """A client with a codename of its own, as the command line makes one."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        salt = bytes.fromhex(caller.get("/service").json()["mailbox_salt"])
        self.keys = derive_mailbox(Codename.new(secrets.token_bytes), salt=salt)

    @property
    def lookup(self) -> str:
        return self.keys.lookup.reveal().hex()

    @property
    def auth(self) -> str:
        return self.keys.auth.reveal().hex()

    def body(self, told: Report | None = None, **changes: Any) -> dict[str, Any]:
        return {
            "report": native.plain(told or records.report()),
            "mailbox": {
                "lookup_sha256": self.keys.lookup_digest.hex(),
                "auth_sha256": self.keys.auth_digest.hex(),
                "recipient": self.keys.age_recipient,
            },
        } | changes

    def report(self, told: Report | None = None, **headers: str) -> Any:
        return self.caller.post("/reports", self.body(told), **headers)
