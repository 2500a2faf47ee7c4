# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for: sockets to the loopback only, accounts of each role, signed-in clients."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes depends on the machine and is no fault of the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

LOOPBACK = ("127.0.0.1", "::1", "localhost", b"127.0.0.1", b"localhost")
PASSWORD = "correct horse battery staple"
GUARDED = ("audit_event", "audit_link", "audit_leaf")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            pytest.fail(f"a test opened a connection to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _forget_rate_limits() -> None:
    """Begin every test without counted sign-ins."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def now() -> datetime:
    """Return the instant at which the tests take place."""
    return NOON


@pytest.fixture
def make_party(db: None) -> Callable[..., Any]:
    """Return a function that makes an account: `make_party(Role.COORDINATOR, handle="ada")`."""
    from tests.server.factories import make_party

    return make_party


@pytest.fixture
def client_of(db: None) -> Callable[..., Any]:
    """Return a function that gives a signed-in client: `client_of(party)` or `client_of(Role.VENDOR)`."""
    from tests.server.factories import client_of

    return client_of


@pytest.fixture(autouse=True, scope="session")
def _clean_up_may_empty_the_record() -> Iterator[None]:
    """Let the clean-up of transactional tests empty the append-only tables, which nothing else may."""
    from django.db import connection
    from django.test import TransactionTestCase

    from safeconduct.server.audit.guards import drop_guards, set_guards

    teardown = TransactionTestCase._fixture_teardown

    def emptied(self: TransactionTestCase) -> None:
        drop_guards(connection, GUARDED)
        teardown(self)
        set_guards(connection, GUARDED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptied)
        yield


@pytest.fixture(autouse=True, scope="session")
def _keys() -> None:
    """Make the key ring of the tests' own home folder."""
    from safeconduct.server.audit.ring import ensure_key_ring

    ensure_key_ring()


@pytest.fixture
def _fresh_log(settings: Any, tmp_path: Path) -> None:
    """Give the test a transparency log of its own, because the files of the log outlive a transaction."""
    from safeconduct.server.audit import ring

    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, home=tmp_path)
    ring.ensure_key_ring()


@pytest.fixture
def own_home(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Give the test a home folder with keys of its own, and return it."""
    from safeconduct.server.audit import ledger
    from safeconduct.server.audit.ring import ensure_key_ring

    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, home=tmp_path)
    ensure_key_ring()
    yield tmp_path
    ledger._log.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stop the clock of all pages; `clock.pass_by(hours=2)` lets time pass."""
    from django.utils import timezone
    from tests.factories.clock import Clock

    stopped = Clock()
    monkeypatch.setattr(timezone, "now", lambda: stopped.now)
    return stopped
