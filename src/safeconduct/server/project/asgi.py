# SPDX-License-Identifier: Apache-2.0
"""The application as our server runs it: pages in threads, reports the short way."""

from typing import Any

from a2wsgi import WSGIMiddleware

from safeconduct.server.project.lane import ReportLane
from safeconduct.server.project.wsgi import application as pages


def application(*, threads: int) -> ReportLane:
    """Return the application; as many pages as there are `threads` are answered at a time."""
    # Both libraries state their types more narrowly than the two interfaces are.
    whole: Any = WSGIMiddleware(pages, workers=threads)  # type: ignore[arg-type]  # Django's response is an iterable
    return ReportLane(whole)
