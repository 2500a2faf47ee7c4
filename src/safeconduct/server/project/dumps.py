# SPDX-License-Identifier: Apache-2.0
"""Consistent copies of the database, made and put back by the engine itself while the service runs.

SQLite copies through its backup interface; PostgreSQL through `pg_dump` and `pg_restore`, whose version must not be
older than the server's. The password is given to them by the environment, where other accounts cannot read it.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.project.config import Config

SQLITE = "safeconduct.sqlite3"
TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"


def engine_of(config: Config) -> str:
    """Return the name of the engine, as an archive lists it."""
    return "sqlite" if config.on_sqlite else "postgresql"


def copy_database(config: Config, destination: Path) -> None:
    """Write a consistent copy of the live database.

    Raises:
        UnavailableError: there is no database, the disk is full, or the tool is missing or failed.
    """
    if not config.on_sqlite:
        _run(config, "pg_dump", "--format=custom", f"--file={destination}")
        return
    source = f"{(config.home / SQLITE).absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(source, uri=True)) as live, closing(sqlite3.connect(destination)) as copy:
            live.backup(copy)
    except sqlite3.Error as error:
        raise UnavailableError("the database could not be copied", hint=str(error)) from error
    destination.chmod(0o600)


def require_empty(config: Config) -> None:
    """Refuse to restore over a database.

    Raises:
        ConflictError: there is one.
        UnavailableError: PostgreSQL is out of reach.
    """
    if (config.home / SQLITE).exists() or (not config.on_sqlite and _has_tables(config.database)):
        raise ConflictError("the database is not empty", hint="restore into an empty one; nothing is overwritten")


def put_database(config: Config, copy: Path) -> None:
    """Put a copy in place of the empty database, whole or not at all.

    Raises:
        UnavailableError: the tool is missing or failed.
    """
    if config.on_sqlite:
        copy.rename(config.home / SQLITE)
        return
    flags = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    _run(config, "pg_restore", *flags, str(copy))


def _has_tables(address: str) -> bool:
    import psycopg  # noqa: PLC0415  # the optional extra [postgres]

    try:
        with psycopg.connect(address) as connection:
            row = connection.execute(TABLES).fetchone()
    except psycopg.Error as error:
        raise UnavailableError("the database is out of reach", hint="see the setting database") from error
    return row is not None and row[0] > 0


def _run(config: Config, tool: str, *arguments: str) -> None:
    found = shutil.which(tool)
    if found is None:
        raise UnavailableError(f"{tool} is not installed", hint="install the client tools of PostgreSQL")
    address, environ = _without_password(config.database)
    done = subprocess.run(
        [found, f"--dbname={address}", *arguments], env=os.environ | environ, capture_output=True, check=False
    )
    if done.returncode:
        # Standard error may hold rows of the database, so it is not repeated.
        raise UnavailableError(
            f"{tool} failed with exit code {done.returncode}",
            hint="is the database reachable, the disk not full, and the tool not older than the server?",
        )


def _without_password(address: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query))
    password = unquote(parts.password or "") or asked.pop("password", "")
    if not password:
        return address, {}
    user, _, host = parts.netloc.rpartition("@")
    bare = parts._replace(netloc=f"{user.partition(':')[0]}@{host}", query=urlencode(asked))
    return urlunsplit(bare), {"PGPASSWORD": password}
