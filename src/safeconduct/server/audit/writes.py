# SPDX-License-Identifier: Apache-2.0
"""The one way to write: a transaction, and on SQLite a lock around it.

SQLite has one writer at a time, and its own waiting is unfair: without a lock of ours single writers wait for nearly a
second. So `atomic_write` takes a lock of the process and then an advisory lock on a file of the home folder, which
every other process (a command beside the server) takes too. On PostgreSQL there is no lock.

A full disk or a database that is out of reach ends in `UnavailableError`; the transaction is rolled back whole.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar, overload

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from safeconduct.errors import UnavailableError

LOCK_FILE = "write.lock"
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.002
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# SQLSTATE of PostgreSQL: 53 insufficient resources, 08 connection, 57P administrator shut it down, 55P lock.
OUT_OF_REACH = ("53", "08", "57P", "55P03")
SQLITE_OUT_OF_REACH = ("disk is full", "disk i/o error", "database is locked", "readonly database", "unable to open")


P = ParamSpec("P")
R = TypeVar("R")


class WriteLock:
    """The lock of one home folder: one thread of one process holds it; the holder may take it again."""

    def __init__(self) -> None:
        """Start unheld."""
        self._threads = threading.RLock()
        self._depth = 0
        self._handle = -1
        self._path: Path | None = None
        os.register_at_fork(after_in_child=self._forget)

    def take(self, path: Path) -> None:
        """Wait for the lock.

        Raises:
            UnavailableError: another thread or process held it for too long, or the disk is full.
        """
        if not self._threads.acquire(timeout=WAIT_SECONDS):
            raise UnavailableError("the write lock is held for too long", hint="try again in a minute")
        if self._depth == 0:
            is_taken = False
            try:
                self._take_file(path)
                is_taken = True
            finally:
                if not is_taken:
                    self._threads.release()
        self._depth += 1

    def give(self) -> None:
        """Release the lock once."""
        self._depth -= 1
        if self._depth == 0:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        self._threads.release()

    def _take_file(self, path: Path) -> None:
        if self._path != path:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._path = path
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise UnavailableError("another process holds the write lock", hint="try again") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _forget(self) -> None:
        # A forked child shares the parent's open file and with it the lock, so it must open its own.
        self._threads = threading.RLock()
        self._depth = 0
        self._handle = -1
        self._path = None


_lock = WriteLock()


@overload
def atomic_write() -> AbstractContextManager[None]: ...
@overload
def atomic_write(act: Callable[P, R]) -> Callable[P, R]: ...
def atomic_write(act: Callable[P, R] | None = None) -> Callable[P, R] | AbstractContextManager[None]:
    """Make an act one transaction: as a decorator of a service, or in a `with` statement.

    Acts may nest: the inner one becomes a savepoint of the outer one.

    Raises:
        UnavailableError: the disk is full, the lock is held for too long or the database is out of reach.
    """
    if act is None:
        return _writing()

    @wraps(act)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with _writing():
            return act(*args, **kwargs)

    return wrapped


@contextmanager
def _writing() -> Iterator[None]:
    locked = connection.vendor == "sqlite"
    if locked:
        _lock.take(settings.SAFECONDUCT.home / LOCK_FILE)
    try:
        with transaction.atomic():
            yield
    except (OperationalError, InterfaceError, DatabaseError) as error:
        if not is_out_of_reach(error):
            raise
        raise _unavailable() from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise _unavailable() from error
    finally:
        if locked:
            _lock.give()


def is_out_of_reach(error: DatabaseError | InterfaceError) -> bool:
    """Tell whether the database failed for want of disk, lock or connection, and not because of what was asked."""
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(OUT_OF_REACH)
    if connection.vendor == "sqlite":
        return any(words in str(error).lower() for words in SQLITE_OUT_OF_REACH)
    return isinstance(error, OperationalError | InterfaceError)


def only_one(name: str) -> None:
    """Wait until no other transaction of any process holds the name; the lock ends with the transaction.

    On SQLite every write is alone already.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _unavailable() -> UnavailableError:
    return UnavailableError(
        "nothing was saved: the disk is full or the database is out of reach", hint="try again later; nothing was lost"
    )
