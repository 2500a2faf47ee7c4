# SPDX-License-Identifier: Apache-2.0
"""Structured logs: one JSON object a line, with names of routes and errors, without address or content.

A message of a foreign library may hold a path, an address or a value from the database. So only records of our own
loggers keep their message; of all others the logger's name, the level, and for an error its type and the places in the
code are written.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

OURS = "safeconduct"
PLAIN = frozenset({OURS, "gunicorn.start"})
FRAMES = 12


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON, leaving out what may identify a person."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.split(".")[0] == OURS or record.name in PLAIN:
            entry["message"] = record.getMessage()
            entry |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            entry["places"] = _places(record.exc_info[2])
        return json.dumps(entry, ensure_ascii=False, default=str)


def _places(trace: Any) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in traceback.extract_tb(trace)[-FRAMES:]]


def logging_settings(level: str) -> dict[str, Any]:
    """Return the settings of the standard library's logging: everything to standard error as lines of JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "safeconduct.server.project.logs.JsonLines"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            OURS: {"level": level.upper()},
            # Refused and missing pages are told by our own request log, by route and not by path.
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "CRITICAL"},
            "django": {"handlers": [], "propagate": True, "level": "WARNING"},
            "django.server": {"handlers": [], "propagate": True, "level": "ERROR"},
        },
    }
