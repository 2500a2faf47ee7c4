# SPDX-License-Identifier: Apache-2.0
"""The one way to write: whole or not at all, one at a time on SQLite, and a clear refusal when the disk is full."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, connections

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.audit import writes
from safeconduct.server.audit.writes import WriteLock, atomic_write
from safeconduct.server.parties.models import Organization

on_sqlite = pytest.mark.skipif(not settings.SAFECONDUCT.on_sqlite, reason="a matter of SQLite")


@atomic_write
def make(name: str) -> Organization:
    return Organization.objects.create(name=name)


@atomic_write
def make_and_fail(name: str) -> None:
    make(name)
    raise ConflictError("no")


@atomic_write
def make_many(count: int) -> None:
    for number in range(count):
        make(f"{number:0>150}")


def names() -> set[str]:
    return set(Organization.objects.values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
def test_an_act_that_fails_leaves_nothing() -> None:
    with pytest.raises(ConflictError):
        make_and_fail("half")

    assert names() == set()


@pytest.mark.django_db(transaction=True)
def test_an_inner_act_that_fails_takes_only_itself_back() -> None:
    with atomic_write():
        make("outer")
        with pytest.raises(ConflictError):
            make_and_fail("inner")

    assert names() == {"outer"}


@pytest.mark.django_db(transaction=True)
def test_many_threads_write_without_losing_one() -> None:
    def many(number: int) -> None:
        for count in range(10):
            make(f"{number}-{count}")
        connections.close_all()

    threads = [threading.Thread(target=many, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names()) == 80


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_another_process_waits_for_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "WAIT_SECONDS", 0.05)
    path = settings.SAFECONDUCT.home / writes.LOCK_FILE
    script = "import fcntl,sys; f=open(sys.argv[1],'a'); fcntl.flock(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"

    with pytest.raises(UnavailableError):
        make("refused")
    other.communicate()
    make("accepted")

    assert names() == {"accepted"}


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_thread_that_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "WAIT_SECONDS", 0.05)
    refused: list[str] = []

    def other() -> None:
        try:
            make("late")
        except UnavailableError as error:
            refused.append(error.code)
        connections.close_all()

    with atomic_write():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert refused == ["unavailable"]


@pytest.mark.django_db
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_our_error(number: int) -> None:
    with pytest.raises(UnavailableError), atomic_write():
        raise OSError(number, os.strerror(number))


@pytest.mark.django_db
def test_another_fault_of_the_system_stays_what_it_is() -> None:
    with pytest.raises(PermissionError), atomic_write():
        raise PermissionError(errno.EACCES, "no")


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_database_that_may_not_grow_refuses_and_keeps_what_it_has() -> None:
    make("before")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count={pages}")
        try:
            with pytest.raises(UnavailableError):
                make_many(5000)
        finally:
            cursor.execute("PRAGMA max_page_count=1073741823")

    assert names() == {"before"}
    make("after")
    assert names() == {"before", "after"}


@pytest.mark.django_db(transaction=True)
def test_a_broken_statement_is_not_taken_for_a_full_disk() -> None:
    with pytest.raises(DatabaseError), atomic_write(), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


@pytest.mark.parametrize(
    ("state", "expected"), [("53100", True), ("08006", True), ("57P01", True), ("55P03", True), ("23505", False)]
)
def test_postgres_tells_by_its_state(state: str, *, expected: bool) -> None:
    cause = Exception()
    cause.sqlstate = state  # type: ignore[attr-defined]  # as psycopg does
    error = OperationalError("words")
    error.__cause__ = cause

    assert writes.is_out_of_reach(error) is expected


def test_the_lock_is_free_after_the_outermost_release(tmp_path: Path) -> None:
    lock, path = WriteLock(), tmp_path / "lock"
    lock.take(path)
    lock.take(path)
    lock.give()
    with path.open("a") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.give()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_forked_child_does_not_hold_the_parents_lock(tmp_path: Path) -> None:
    lock, path = WriteLock(), tmp_path / "lock"
    lock.take(path)

    lock._forget()

    assert lock._depth == 0
    assert lock._handle == -1
