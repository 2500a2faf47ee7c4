# SPDX-License-Identifier: Apache-2.0
"""Is this installation sound? Each check says what it looked at, what it found, and what to do."""

import shutil
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from safeconduct.crypto.keys import KeyRing
from safeconduct.errors import SafeconductError
from safeconduct.server.audit import ledger
from safeconduct.server.audit import queries as audit
from safeconduct.server.audit.models import Event
from safeconduct.server.outbox import queries as outbox
from safeconduct.server.project.config import Config
from safeconduct.verification.sandbox import Sandbox, require_sound, self_check

SKEW = timedelta(minutes=5)
LAG = timedelta(minutes=5)
SMTP_SECONDS = 10


class Health(StrEnum):
    """How a check came out."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    check: str
    health: Health
    found: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return {"check": self.check, "health": self.health.value, "found": self.found, "hint": self.hint}


def examine(config: Config, *, now: datetime) -> Iterator[Finding]:
    """Yield the findings one after the other; a check that fails does not keep the next from running."""
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("keys", lambda: _keys(config)),
        ("database", _database),
        ("record", _record),
        ("log", _log),
        ("disk", lambda: _disk(config)),
        ("sandbox", _sandbox),
        ("clock", lambda: _clock(now)),
        ("worker", lambda: _worker(now)),
        ("mail", lambda: _mail(config)),
    )
    for name, check in checks:
        try:
            yield check()
        except SafeconductError as error:
            yield Finding(check=name, health=Health.BAD, found=error.message, hint=error.hint)
        except (DatabaseError, OSError) as error:
            yield Finding(check=name, health=Health.BAD, found=f"it failed: {type(error).__name__}")


def _keys(config: Config) -> Finding:
    further = KeyRing.load(config.keys).further_recipients
    if not further:
        return Finding(
            check="keys",
            health=Health.WARNING,
            found="whole and private; nobody else can open the copy of the keys in a backup",
            hint=(
                "make an identity with `age-keygen` on another machine, then: safeconduct keys add-recipient age1…; "
                "without keys and backup every report is lost"
            ),
        )
    told = f"whole and private; backups seal a copy of the keys to {len(further)} recipient(s) elsewhere"
    return Finding(check="keys", health=Health.GOOD, found=told)


def _database() -> Finding:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return Finding(
            check="database", health=Health.BAD, found="tables are behind", hint="start `serve` once, it brings them up"
        )
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check")
            found = cursor.fetchone()[0]
        if found != "ok":
            return Finding(check="database", health=Health.BAD, found=str(found), hint="restore the last backup")
    return Finding(check="database", health=Health.GOOD, found=f"{connection.vendor}, tables up to date")


def _record() -> Finding:
    return Finding(check="record", health=Health.GOOD, found=f"the chain of {audit.check_chain()} acts holds")


def _log() -> Finding:
    checkpoint = ledger.log().check()
    return Finding(check="log", health=Health.GOOD, found=f"{checkpoint.size} entries, no fork")


def _disk(config: Config) -> Finding:
    free = shutil.disk_usage(config.home).free
    told = f"{free >> 20} MiB free"
    if free < config.minimum_free_bytes:
        return Finding(check="disk", health=Health.BAD, found=told, hint="make room: new reports are refused")
    if free < 10 * config.minimum_free_bytes:
        return Finding(check="disk", health=Health.WARNING, found=told, hint="make room soon")
    return Finding(check="disk", health=Health.GOOD, found=told)


def _sandbox() -> Finding:
    results = self_check(Sandbox.find())
    require_sound(results)
    return Finding(check="sandbox", health=Health.GOOD, found=f"{len(results)} attempts to escape were refused")


def _clock(now: datetime) -> Finding:
    last = Event.objects.order_by("-at").first()
    if last is not None and last.at > now + SKEW:
        return Finding(
            check="clock",
            health=Health.BAD,
            found="acts are recorded that lie in the future of this clock",
            hint="set the clock: deadlines and testing windows rest on it",
        )
    return Finding(check="clock", health=Health.GOOD, found=f"{now:%Y-%m-%d %H:%M:%S} UTC, no act in its future")


def _worker(now: datetime) -> Finding:
    last = outbox.last_heartbeat()
    if last is None:
        return Finding(check="worker", health=Health.WARNING, found="no worker has run yet", hint="start `serve`")
    lag = now - last
    told = f"last sign of life {int(lag.total_seconds())} s ago"
    if lag > LAG:
        return Finding(check="worker", health=Health.WARNING, found=told, hint="is `serve` or `worker` running?")
    return Finding(check="worker", health=Health.GOOD, found=told)


def _mail(config: Config) -> Finding:
    if not config.smtp_host:
        return Finding(
            check="mail",
            health=Health.WARNING,
            found="no mail server: messages are shown to the coordinator to pass on",
            hint="set smtp_host and smtp_sender",
        )
    kind = smtplib.SMTP_SSL if config.smtp_security == "tls" else smtplib.SMTP
    try:
        with kind(config.smtp_host, config.smtp_port, timeout=SMTP_SECONDS) as server:
            server.noop()
    except (OSError, UnicodeError) as error:
        return Finding(
            check="mail",
            health=Health.BAD,
            found=f"the mail server does not answer: {type(error).__name__}",
            hint="look at smtp_host, smtp_port and smtp_security; mails wait and are tried again",
        )
    return Finding(check="mail", health=Health.GOOD, found="the mail server answers")
