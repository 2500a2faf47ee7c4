# SPDX-License-Identifier: Apache-2.0
"""What every request passes: forgetting who asks, headers that bind the browser, one log line by route.

Referrer-Policy is `same-origin` and not `no-referrer`, because with the latter browsers send `Origin: null` with a form
and the check against forged forms would refuse it; no other site learns an address either way.
"""

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]

IDENTIFYING = frozenset(
    {"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_USER", "HTTP_USER_AGENT", "HTTP_FORWARDED", "asgi.scope"}
)
IDENTIFYING_STARTS = (
    "HTTP_X_",
    "HTTP_SEC_CH_",
    "HTTP_CF_",
    "HTTP_TRUE_CLIENT",
    "HTTP_FASTLY",
    "HTTP_CLIENT_IP",
    "HTTP_VIA",
)
KEPT = frozenset({"HTTP_X_CSRFTOKEN"})
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
    "Cache-Control": "no-store",
}
REPORTERS = re.compile(
    r"intake:.*|desk:(?:mailbox|appeal)|.*:(?:send_report|send_report_with_files|read_mailbox|write_to_mailbox"
    r"|fetch_receipt|withdraw_report)"
)
"""The routes of reporters, by name."""
FAILED = 500
log = logging.getLogger("safeconduct.request")


def headers() -> dict[str, str]:
    """Return the headers of every answer."""
    if not settings.SECURE_HSTS_SECONDS:
        return HEADERS
    return HEADERS | {"Strict-Transport-Security": f"max-age={settings.SECURE_HSTS_SECONDS}"}


class Blindfold:
    """Removes from the request what tells who asks, before anything downstream can read it.

    The scheme is set from the configured address, so that no header of a proxy has to be trusted for it.
    """

    def __init__(self, get_response: Handler) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Forget the address, the user agent and every header that proxies add."""
        for name in list(request.META):
            if name in IDENTIFYING or (name.startswith(IDENTIFYING_STARTS) and name not in KEPT):
                del request.META[name]
        if settings.SAFECONDUCT.is_https:
            request.META["wsgi.url_scheme"] = "https"
        return self.get_response(request)


class SecurityHeaders:
    """Sets the strict headers wherever the view has not set its own."""

    def __init__(self, get_response: Handler) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with every header of the table."""
        response = self.get_response(request)
        for name, value in headers().items():
            response.headers.setdefault(name, value)
        return response


class RequestLog:
    """Writes one line for each request: the route's name, the status, the milliseconds. Never the path or the query.

    Of the routes of reporters only failures are written: a line has an exact time, and of what a reporter does no more
    than the hour is kept.
    """

    def __init__(self, get_response: Handler) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer and write the line."""
        began = time.monotonic()
        response = self.get_response(request)
        route = request.resolver_match.view_name if request.resolver_match else "none"
        facts = {
            "route": route,
            "method": request.method
            if request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
            else "other",
            "status": response.status_code,
            "ms": round((time.monotonic() - began) * 1000, 1),
        }
        if response.status_code >= FAILED or not REPORTERS.fullmatch(route):
            log.info("request", extra={"facts": facts})
        return response
