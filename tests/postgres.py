# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server for the tests: its own data folder, a unix socket, a user that is not root, gone at the end."""

import atexit
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

BINARIES = (
    sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) if Path("/usr/lib/postgresql").exists() else []
)
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")


def is_postgres_here() -> bool:
    """Tell whether the server's programs are installed."""
    return _binary("initdb") is not None and _binary("postgres") is not None


def start_postgres(*, durable: bool = False) -> str:
    """Start a server and return its address for the setting `database`; it stops when this process ends.

    With `durable` the server syncs to disk as in production, for benchmarks and crash tests.
    """
    initdb, postgres = _binary("initdb"), _binary("postgres")
    if initdb is None or postgres is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="safeconduct-pg-"))
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    as_user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    subprocess.run(
        [initdb, "-D", data, "-U", "safeconduct", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
        **as_user,
    )
    options = [part for setting in (SETTINGS if not durable else SETTINGS[3:]) for part in ("-c", setting)]
    server = subprocess.Popen(
        [postgres, "-D", data, "-k", folder, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **as_user,
    )
    atexit.register(_stop, server, folder)
    _wait_until_ready(folder, server)
    return f"postgres://safeconduct@/postgres?host={quote(str(folder), safe='')}"


def new_database(address: str) -> str:
    """Make an empty database on the server of this address and return its address."""
    import psycopg

    parts = urlsplit(address)
    name = f"t{secrets.token_hex(6)}"
    host = dict(parse_qsl(parts.query))["host"]
    with psycopg.connect(host=host, user="safeconduct", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlunsplit(parts._replace(path=f"/{name}"))


def _binary(name: str) -> str | None:
    return next((str(folder / name) for folder in BINARIES if (folder / name).exists()), shutil.which(name))


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


def _wait_until_ready(folder: Path, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    for _ in range(300):
        try:
            psycopg.connect(host=str(folder), user="safeconduct", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise RuntimeError("PostgreSQL ended at once") from None
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("PostgreSQL did not answer in 30 seconds")


def _stop(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)
