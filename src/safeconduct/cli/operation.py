# SPDX-License-Identifier: Apache-2.0
"""Commands of the operator: `serve` and `worker`."""

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from safeconduct.cli.output import JsonFlag, answer

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Configuration file instead of the home folder's.")]

# Files of a running service are nobody else's; the public log sets its own modes.
PRIVATE = 0o077


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("serve")(serve)
    app.command("worker")(worker)


def serve(
    *,
    config: ConfigOption = None,
    bind: Annotated[str | None, typer.Option("--bind", help="Address and port instead of the setting bind.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve the portal: bring tables up to date, make keys, print a one-time link for the first administrator."""
    from safeconduct.server.project.boot import load_django

    os.umask(PRIVATE)
    if bind is not None:
        os.environ["SAFECONDUCT_BIND"] = bind
    loaded = load_django(config)
    from safeconduct.server.project import preparation, serving

    preparation.prepare()
    link = preparation.administrator_url(now=datetime.now(tz=UTC))
    lines = [f"Safeconduct serves {loaded.base_url} (listening on {loaded.bind})"]
    if link:
        lines.append(f"First administrator, one-time link: {link}")
    facts = {"url": loaded.base_url, "bind": loaded.bind, "administrator_link": link or None}
    answer(facts, as_json=as_json, text="\n".join(lines))
    serving.serve(loaded)


def worker(
    *,
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Do each kind of work once and leave.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Do the background work: log, mail, deadlines, evidence gate. On SQLite `serve` does it already."""
    from safeconduct.server.project.boot import load_django

    os.umask(PRIVATE)
    loaded = load_django(config)
    from safeconduct.server.project import serving

    if once:
        done = serving.work_once(loaded, now=datetime.now(tz=UTC))
        answer(dict(done), as_json=as_json, text="\n".join(f"{name}: {count}" for name, count in done.items()))
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    serving.work(loaded, stop)
