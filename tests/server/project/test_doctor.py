# SPDX-License-Identifier: Apache-2.0
"""The examination finds what is wrong, says what to do, and lets no failed check keep the next from running."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from tests.server.project.test_serve import free_port

from safeconduct.domain.event import EventTag
from safeconduct.server.audit import ledger
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.models import Leaf
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.authorizations.secret_files import secret_path
from safeconduct.server.outbox import services as outbox
from safeconduct.server.project import doctor
from safeconduct.server.project.doctor import Finding, Health, examine
from safeconduct.verification.sandbox import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def found(now: datetime) -> Callable[..., dict[str, Finding]]:
    """Return a function that examines, with changed settings."""

    def look(**changes: Any) -> dict[str, Finding]:
        return {item.check: item for item in examine(replace(django_settings.SAFECONDUCT, **changes), now=now)}

    return look


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the self-check of the sandbox, which has tests of its own, find what it was told; forget the keys after."""
    monkeypatch.setattr(doctor, "self_check", lambda _sandbox: ())
    monkeypatch.setattr(doctor, "require_sound", lambda _results: None)
    yield
    ledger._log.cache_clear()


def test_a_sound_home_is_found_good(found, now: datetime) -> None:
    outbox.give_heartbeat("one", now=now)
    key_ring().add_recipient(str(pyrage.x25519.Identity.generate().to_public()))
    audit.record(EventTag.KEYS_MADE, subject="keys", at=now)
    ledger.beat(now=now)

    findings = found(minimum_free_bytes=1)

    assert {name for name, item in findings.items() if item.health is not Health.GOOD} == {"mail"}
    assert "1 recipient" in findings["keys"].found
    assert all(set(item.as_dict()) == {"check", "health", "found", "hint"} for item in findings.values())


def test_a_missing_second_recipient_is_told_without_promising_too_much(found) -> None:
    item = found()["keys"]

    assert item.health is Health.WARNING
    assert "backup" in item.found
    assert "add-recipient" in item.hint


def test_a_key_that_others_can_read_is_bad(found) -> None:
    (django_settings.SAFECONDUCT.keys / "log.key").chmod(0o644)

    findings = found()

    assert findings["keys"].health is Health.BAD
    assert findings["database"].health is Health.GOOD


def test_a_damaged_key_is_bad_and_not_shown(found) -> None:
    (django_settings.SAFECONDUCT.keys / "instance.key").write_text("canary-of-a-key")

    item = found()["keys"]

    assert item.health is Health.BAD
    assert "canary" not in item.found + item.hint


def test_a_database_that_was_set_back_is_a_fork(found, now: datetime) -> None:
    for number in range(3):
        ledger.commit(kind="advisory", value=secrets.token_bytes(32), now=now + timedelta(seconds=number))
    ledger.beat(now=now)
    from django.db import connection

    from safeconduct.server.audit.guards import drop_guards, set_guards

    drop_guards(connection, ("audit_leaf",))
    Leaf.objects.order_by("-index").first().delete()
    set_guards(connection, ("audit_leaf",))
    ledger._log.cache_clear()

    item = found()["log"]

    assert item.health is Health.BAD
    assert item.hint


def test_a_machine_without_the_sandbox_is_told(found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = Sandbox.find
    monkeypatch.setattr(Sandbox, "find", lambda: find(path=str(tmp_path)))

    item = found()["sandbox"]

    assert item.health is Health.BAD
    assert "bubblewrap" in item.found


def test_a_clock_behind_its_own_record_is_told(found, now: datetime) -> None:
    audit.record(EventTag.KEYS_MADE, subject="keys", at=now + timedelta(hours=1))

    item = found()["clock"]

    assert item.health is Health.BAD
    assert "future" in item.found


@pytest.mark.parametrize(
    ("host", "security"),
    [("127.0.0.1", "none"), ("127.0.0.1", "tls"), ("a..b", "none"), ("x" * 70 + ".example", "none")],
)
def test_a_mail_server_out_of_reach_is_told(found, host: str, security: str) -> None:
    item = found(smtp_host=host, smtp_port=free_port(), smtp_security=security)["mail"]

    assert item.health is Health.BAD
    assert "smtp_host" in item.hint


def test_a_disk_that_fills_is_told_before_it_is_full(found) -> None:
    free = shutil.disk_usage(django_settings.SAFECONDUCT.home).free

    assert found(minimum_free_bytes=free * 2)["disk"].health is Health.BAD
    assert found(minimum_free_bytes=free // 5)["disk"].health is Health.WARNING
    assert found(minimum_free_bytes=1)["disk"].health is Health.GOOD


def test_a_worker_that_fell_silent_is_told(found, now: datetime) -> None:
    assert found()["worker"].health is Health.WARNING
    outbox.give_heartbeat("one", now=now - timedelta(hours=1))

    item = found()["worker"]

    assert item.health is Health.WARNING
    assert "3600 s" in item.found


def test_a_check_that_fails_does_not_keep_the_next_from_running(found, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Finding:
        raise OperationalError("canary-of-an-address")

    monkeypatch.setattr(doctor, "_database", gone)

    findings = found()

    assert findings["database"].health is Health.BAD
    assert "canary" not in findings["database"].found
    assert list(findings)[-1] == "mail"


def test_the_secrets_of_targets_are_never_told(found) -> None:
    path = secret_path("ACME")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    Path(path).write_text("canary-of-a-target")

    assert not any("canary" in str(item.as_dict()) for item in found().values())
