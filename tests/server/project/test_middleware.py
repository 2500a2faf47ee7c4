# SPDX-License-Identifier: Apache-2.0
"""What every request passes: who asks is forgotten, the headers bind the browser, the log tells routes only."""

import json
import logging
import sys
from dataclasses import replace

import pytest
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from safeconduct.errors import ConflictError, SandboxError
from safeconduct.server.parties.access import ErrorPages
from safeconduct.server.project.logs import JsonLines
from safeconduct.server.project.middleware import HEADERS, Blindfold

IDENTIFYING = {
    "REMOTE_ADDR": "203.0.113.77",
    "REMOTE_HOST": "host.canary.example",
    "HTTP_USER_AGENT": "canary-agent",
    "HTTP_X_FORWARDED_FOR": "203.0.113.78",
    "HTTP_X_REAL_IP": "203.0.113.79",
    "HTTP_FORWARDED": "for=203.0.113.80",
    "HTTP_VIA": "1.1 canary-proxy",
    "HTTP_SEC_CH_UA": "canary-brand",
    "HTTP_CF_CONNECTING_IP": "203.0.113.81",
}


def blindfolded(**meta: str) -> HttpRequest:
    seen: list[HttpRequest] = []

    def handler(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    Blindfold(handler)(RequestFactory().get("/", **meta))
    return seen[0]


def test_nothing_downstream_can_read_who_asks() -> None:
    request = blindfolded(**IDENTIFYING, HTTP_ACCEPT="text/html", HTTP_X_CSRFTOKEN="t", HTTP_IDEMPOTENCY_KEY="k")

    meta = {name: value for name, value in request.META.items() if isinstance(value, str)}
    assert not any("canary" in value or "203.0.113" in value for value in meta.values())
    assert {meta["HTTP_ACCEPT"], meta["HTTP_X_CSRFTOKEN"], meta["HTTP_IDEMPOTENCY_KEY"]} == {"text/html", "t", "k"}


def test_the_scheme_follows_the_base_address_and_no_header(settings) -> None:
    assert not blindfolded(HTTP_X_FORWARDED_PROTO="https").is_secure()
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, base_url="https://disclosure.example")

    assert blindfolded().is_secure()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/nowhere/", "/people/", "/healthz", "/static/safeconduct.css", "/account/sign-in/"]
)
def test_every_answer_has_every_header(client: Client, path: str) -> None:
    answer = client.get(path)

    assert set(HEADERS) - {"Cache-Control"} <= set(answer.headers)
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"] or path.startswith("/static/")
    for close in answer._resource_closers:
        close()


def raising(error: Exception) -> HttpResponse | None:
    return ErrorPages(lambda _: HttpResponse()).process_exception(RequestFactory().get("/"), error)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConflictError("no"), 409),
        (DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), 400),
        (OperationalError("database is locked"), 503),
        (SandboxError("no"), 500),
    ],
)
def test_an_error_outside_our_views_is_answered_as_inside(error: Exception, status: int) -> None:
    answer = raising(error)

    assert answer is not None
    assert answer.status_code == status


def test_a_fault_of_ours_is_left_to_the_page_of_faults() -> None:
    assert raising(ValueError("x")) is None


@pytest.mark.django_db
def test_a_forged_form_is_refused_with_our_page() -> None:
    answer = Client(enforce_csrf_checks=True).post(reverse("account_login"), {"login": "a", "password": "b"})

    assert answer.status_code == 403
    assert b"load the page again" in answer.content


@pytest.mark.django_db
def test_cookies_are_strict_and_out_of_reach_of_scripts(client: Client) -> None:
    cookie = client.get(reverse("account_login")).cookies["form"]

    assert (cookie["samesite"], cookie["httponly"]) == ("Strict", True)


@pytest.mark.django_db
def test_the_request_log_tells_the_route_and_not_the_path(client: Client, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="safeconduct.request"):
        client.get("/join/canary-secret/?q=canary-query", **IDENTIFYING)

    (record,) = [record for record in caplog.records if record.name == "safeconduct.request"]
    line = JsonLines().format(record)
    told = json.loads(line)
    assert (told["route"], told["status"], told["method"]) == ("parties:join", 404, "GET")
    assert "canary" not in line
    assert "203.0.113" not in line


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/report/", "/mailbox/", "/mailbox/room/", "/api/v1/reports", "/api/v1/mailbox"])
def test_the_request_log_does_not_tell_when_somebody_reported(client: Client, caplog, path: str) -> None:
    with caplog.at_level(logging.INFO, logger="safeconduct.request"):
        client.post(path)
        client.get("/healthz")

    told = [record.facts["route"] for record in caplog.records if record.name == "safeconduct.request"]
    assert told == ["healthz"]


def test_a_foreign_line_loses_its_words_and_an_error_its_values() -> None:
    try:
        raise ValueError("canary-value")
    except ValueError:
        fault = sys.exc_info()
    record = logging.LogRecord("django.request", logging.ERROR, "x", 1, "Failed: %s", ("/join/canary",), fault)

    line = JsonLines().format(record)

    assert "canary" not in line.replace(__file__, "")
    assert json.loads(line)["error"] == "ValueError"
    assert json.loads(line)["places"]


def test_our_own_line_keeps_its_words() -> None:
    record = logging.LogRecord("safeconduct.worker", logging.INFO, "x", 1, "worker %s", ("started",), None)

    assert json.loads(JsonLines().format(record))["message"] == "worker started"
