# SPDX-License-Identifier: Apache-2.0
"""The front page, the two pages for machines that watch, and the answers to requests that lead nowhere."""

import re
from http import HTTPStatus

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import requires_csrf_token
from django.views.decorators.http import require_safe

from safeconduct.errors import MalformedError, NotFoundError, NotPermittedError
from safeconduct.server.parties.access import OpenRequest, error_response, open_to_all
from safeconduct.server.project.readiness import readiness

LOG_NAME = re.compile(r"checkpoint|tile/(?:entries|\d{1,2})/(?:x\d{3}/)*\d{3}(?:\.p/\d{1,3})?")


@require_safe
@open_to_all
def home(request: OpenRequest) -> HttpResponse:
    """Say what this place is and show the doors."""
    return render(request, "home.html")


@require_safe
@open_to_all
def healthz(request: OpenRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@open_to_all
def readyz(request: OpenRequest) -> JsonResponse:
    """Say whether the service can do its work, and which part cannot."""
    checks = readiness(now=request.now)
    is_ready = all(checks.values())
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"ready": is_ready, "checks": checks}, status=status)


@require_safe
@open_to_all
def log_file(request: OpenRequest, name: str) -> HttpResponseBase:
    """Serve the checkpoint or a tile of the transparency log; any web server may serve the same folder."""
    if not LOG_NAME.fullmatch(name):
        raise NotFoundError("no such file of the log")
    path = settings.SAFECONDUCT.home / "log" / name
    if not path.is_file():
        raise NotFoundError("no such file of the log")
    is_checkpoint = name == "checkpoint"
    response = FileResponse(path.open("rb"), content_type="text/plain" if is_checkpoint else "application/octet-stream")
    caching = "public, max-age=1" if is_checkpoint else "public, max-age=31536000, immutable"
    response.headers["Cache-Control"] = caching
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address."""
    return error_response(request, NotFoundError("no such page"))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses."""
    return error_response(request, NotPermittedError("this is not permitted"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django cannot read."""
    return error_response(request, MalformedError("the request cannot be read", hint="go back and try again"))


def broken(request: HttpRequest) -> HttpResponse:
    """Answer after a failure of ours, without database or session."""
    return render(request, "500.html", status=500)


@requires_csrf_token
def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose protection against forgery does not fit."""
    error = NotPermittedError(
        "the form is too old or came from another place",
        hint="go back, load the page again and send the form once more; cookies of this site must be allowed",
    )
    return error_response(request, error)
