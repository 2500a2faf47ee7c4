# SPDX-License-Identifier: Apache-2.0
"""The web server: gunicorn with an event loop and threads, its settings in code, and the background work beside it.

On SQLite there is one process that serves, and the background work is a thread of it. Nothing is logged by gunicorn
itself, because its lines hold addresses; each request is told by our own log.
"""

import logging
import threading
from datetime import datetime
from typing import Any

from django.db import connections
from django.utils import timezone
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker as WebWorker

from safeconduct.server.project.asgi import application
from safeconduct.server.project.config import Config
from safeconduct.server.project.connections import LoopWorker
from safeconduct.server.project.locks import hold
from safeconduct.server.project.logs import JsonLines
from safeconduct.server.project.worker import Worker, take_over, tasks

log = logging.getLogger("safeconduct.serve")
WORKER_LOCK = "worker.lock"
RESTART_SECONDS = 15.0
STOP_SECONDS = 10
MOST_CONNECTIONS = 800
"""Of one process, so that of the usual 1024 open files some are left for the database."""


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Sends gunicorn's own lines through our formatter and writes no access log."""

    def setup(self, cfg: Any) -> None:
        """Replace the handlers."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines())
        self.error_log.setLevel(logging.WARNING)


class Background:
    """The background work of one server process."""

    def __init__(self, config: Config) -> None:
        """Keep the configuration; nothing runs yet."""
        self._config = config
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, _worker: WebWorker) -> None:
        """Start the thread."""
        take_over(timezone.now())
        work = Worker(tasks=tasks())
        pause = min(self._config.worker_seconds, 1.0)
        self._thread = threading.Thread(target=work.run, args=(self._stop,), kwargs={"pause": pause}, name="worker")
        self._thread.start()

    def stop(self, _arbiter: Arbiter, _worker: WebWorker) -> None:
        """Ask the thread to end and wait a while for what it is doing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=STOP_SECONDS)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Our application under gunicorn."""

    def __init__(self, config: Config) -> None:
        """Keep the configuration and let gunicorn load it."""
        self._config = config
        self._background = Background(config)
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn our settings."""
        settings = {
            "bind": self._config.bind,
            "workers": self._config.processes,
            "worker_class": LoopWorker,
            "worker_connections": MOST_CONNECTIONS,
            "timeout": 120,
            "graceful_timeout": STOP_SECONDS,
            "keepalive": 15,
            "logger_class": QuietLogger,
            "accesslog": None,
            "errorlog": "-",
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "control_socket_disable": True,
        }
        if self._config.runs_worker:
            settings |= {"post_worker_init": self._background.start, "worker_exit": self._background.stop}
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the ASGI application."""
        return application(threads=self._config.threads)


def serve(config: Config) -> None:
    """Serve until a signal ends it.

    Raises:
        ConflictError: on SQLite, another server or worker uses this home folder.
    """
    if config.on_sqlite:
        hold(config.home / WORKER_LOCK, what="a server or worker", wait_seconds=RESTART_SECONDS)
    # A connection must not be shared with the child that gunicorn forks.
    connections.close_all()
    Server(config).run()


def work_once(config: Config, *, now: datetime) -> dict[str, int]:
    """Do each kind of background work once and return how much of each was done.

    Raises:
        ConflictError: on SQLite, another server or worker uses this home folder.
    """
    if config.on_sqlite:
        hold(config.home / WORKER_LOCK, what="a server or worker")
    return {task.name: task.run(now) for task in tasks()}


def work(config: Config, stop: threading.Event) -> None:
    """Do the background work until `stop` is set.

    Raises:
        ConflictError: on SQLite, another server or worker uses this home folder.
    """
    if config.on_sqlite:
        hold(config.home / WORKER_LOCK, what="a server or worker")
    log.info("worker started")
    take_over(timezone.now())
    Worker(tasks=tasks()).run(stop, pause=min(config.worker_seconds, 1.0))
