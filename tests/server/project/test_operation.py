# SPDX-License-Identifier: Apache-2.0
"""What an operator relies on: readiness tells what is wrong, keys are private, the log's files are served as they are."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.utils import timezone
from tests.conftest import NOON

from safeconduct.errors import ConfigurationError
from safeconduct.server.audit import tasks
from safeconduct.server.outbox import services as outbox
from safeconduct.server.parties.adapters import AccountAdapter
from safeconduct.server.project import urls
from safeconduct.server.project.keys import ensure_secret_key, secret_key
from safeconduct.server.project.readiness import readiness


def faulty(request: object) -> HttpResponse:
    raise ValueError("canary-of-a-fault")


urlpatterns = [*urls.urlpatterns, path("faulty/", faulty, name="faulty")]
handler500 = urls.handler500


@pytest.mark.django_db
def test_the_service_is_ready_when_a_worker_lives(client: Client) -> None:
    assert client.get("/readyz").json() == {
        "ready": False,
        "checks": {"database": True, "keys": True, "disk": True, "worker": False},
    }
    outbox.give_heartbeat("one", now=timezone.now())

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["ready"]


@pytest.mark.django_db
def test_a_disk_without_room_and_missing_keys_are_seen(settings, tmp_path: Path) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, home=tmp_path, minimum_free_bytes=2**62)

    checks = readiness(now=NOON)

    assert (checks["disk"], checks["keys"], checks["database"]) == (False, False, True)


@pytest.mark.django_db
def test_a_database_out_of_reach_is_seen(client: Client) -> None:
    def gone(execute, sql, params, many, context):
        raise OperationalError("gone")

    with connection.execute_wrapper(gone):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert not answer.json()["checks"]["database"]


@pytest.mark.django_db
@pytest.mark.usefixtures("_fresh_log")
def test_the_log_is_served_with_lasting_tiles_and_a_short_checkpoint(client: Client) -> None:
    tasks.beat(NOON)

    checkpoint = client.get("/log/checkpoint")
    size = int(b"".join(checkpoint.streaming_content).splitlines()[1])
    tile = client.get(f"/log/tile/0/000.p/{size}")

    assert checkpoint.headers["Cache-Control"] == "public, max-age=1"
    assert "immutable" in tile.headers["Cache-Control"]
    assert len(b"".join(tile.streaming_content)) == size * 32
    assert client.get("/log/tile/0/999").status_code == 404
    for answer in (checkpoint, tile):
        for close in answer._resource_closers:
            close()


@pytest.mark.django_db
def test_a_fault_of_ours_shows_nothing_of_itself(settings) -> None:
    settings.ROOT_URLCONF = __name__

    answer = Client(raise_request_exception=False).get("/faulty/")

    assert answer.status_code == 500
    assert b"canary" not in answer.content
    assert b"A failure of ours" in answer.content


def test_the_key_of_sessions_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert secret_key(folder) == ""

    assert ensure_secret_key(folder)
    assert not ensure_secret_key(folder)

    assert len(secret_key(folder)) > 60
    assert stat.S_IMODE((folder / "django.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    ensure_secret_key(tmp_path)
    (tmp_path / "django.key").chmod(0o644)

    with pytest.raises(ConfigurationError):
        secret_key(tmp_path)


def test_the_account_library_learns_nothing_of_the_network() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="canary")
    adapter = AccountAdapter(request)

    assert adapter.get_client_ip(request) == adapter.get_http_user_agent(request) == "none"
    assert not adapter.is_open_for_signup(request)
    assert adapter.send_mail("account/email/x", "ada@example.org", {}) is None
