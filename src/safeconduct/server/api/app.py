# SPDX-License-Identifier: Apache-2.0
"""The programming interface under /api/v1: one error schema, strict JSON, tokens with scopes.

Bodies are read by the one strict reader (`domain.safe_json`), so a duplicate key or a deep nest is refused before
anything looks at it. Every error answers as a `Problem`; every operation declares the statuses it may answer with.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.security import HttpBearer
from pydantic import Field

from safeconduct.domain.parties import Scope
from safeconduct.domain.safe_json import read_object
from safeconduct.errors import MalformedError, NotFoundError, NotPermittedError, SafeconductError, TooLargeError
from safeconduct.server.parties.access import from_database, problem, status_of, viewer_of_token
from safeconduct.server.parties.viewer import Viewer


class ProblemDetail(Schema):
    """What went wrong: a stable code, a sentence, what to do next, and the facts."""

    code: str
    message: str
    hint: str
    facts: dict[str, Any] = Field(default_factory=dict)


class Problem(Schema):
    """The one answer of every error."""

    error: ProblemDetail


class StrictParser(Parser):
    """Reads a body with the strict reader instead of the lenient one."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Return the body as plain data.

        Raises:
            MalformedError: it is not one object of strict JSON.
            TooLargeError: it is too large or too deep.
        """
        return read_object(request.body)


class Token(HttpBearer):
    """A bearer token of a party; the operation says which scope it needs."""

    def __init__(self, scope: Scope) -> None:
        """Keep the scope."""
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Viewer:
        """Return the viewer behind the token.

        Raises:
            AuthenticationError: the token does not hold.
            NotPermittedError: it lacks the scope.
        """
        try:
            viewer = viewer_of_token(token, now=now_of(request))
        except NotPermittedError as error:
            raise AuthenticationError from error
        if not viewer.may(self.scope):
            raise NotPermittedError(f"the token lacks the scope {self.scope.value}", hint="issue one that has it")
        return viewer


View = Callable[..., HttpResponseBase]
ERRORS = frozenset({400, 404, 409, 413, 422, 503})
AUTHENTICATED_ERRORS = ERRORS | {401, 403}

api = NinjaAPI(
    title="Safeconduct",
    version="1",
    description="Reports, mailboxes, the register and the log of this service.",
    urls_namespace="api",
    docs_url=None,
    parser=StrictParser(),
)


def answers(
    success: dict[int, Any], *, authenticated: bool = False, more: frozenset[int] = frozenset()
) -> dict[frozenset[int] | int, Any]:
    """Return the declaration of all statuses an operation answers with; `more` are errors that are its own."""
    errors = (AUTHENTICATED_ERRORS if authenticated else ERRORS) | more
    return {**dict[frozenset[int] | int, Any](success.items()), errors: Problem}


def not_as_documented(places: list[str]) -> MalformedError:
    """Return the refusal of a request whose form is another than documented; `at` names the places."""
    return MalformedError("the request does not have the documented form", hint="see openapi.json", at=places)


def now_of(request: HttpRequest) -> datetime:
    """Return the one instant of this request."""
    now: datetime = getattr(request, "now", None) or timezone.now()
    request.now = now  # type: ignore[attr-defined]  # one instant for the whole act
    return now


def viewer_in(request: HttpRequest) -> Viewer:
    """Return the viewer that the token stands for."""
    viewer: Viewer = request.auth  # type: ignore[attr-defined]  # set by ninja after authentication
    return viewer


def _refuse(request: HttpRequest, error: SafeconductError, status: int) -> HttpResponse:
    return api.create_response(request, {"error": problem(error)}, status=status)


@api.exception_handler(SafeconductError)
def _ours(request: HttpRequest, error: SafeconductError) -> HttpResponse:
    return _refuse(request, error, status_of(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    places = [".".join(str(part) for part in item["loc"]) for item in error.errors]
    return _refuse(request, not_as_documented(places), HTTPStatus.BAD_REQUEST)


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    ours = NotPermittedError("this needs a token that holds", hint="send Authorization: Bearer and the token")
    refused = _refuse(request, ours, HTTPStatus.UNAUTHORIZED)
    refused.headers["WWW-Authenticate"] = "Bearer"
    return refused


@api.exception_handler(Http404)
def _missing(request: HttpRequest, _error: Http404) -> HttpResponse:
    return _refuse(request, NotFoundError("no such thing"), HTTPStatus.NOT_FOUND)


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    # The library wraps what our parser raises.
    if isinstance(error.__cause__, SafeconductError):
        return _ours(request, error.__cause__)
    return _refuse(request, MalformedError(str(error), hint="see openapi.json"), error.status_code)


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    return _ours(request, TooLargeError("the body is larger than it may be", hint="send large evidence as a file"))


@api.exception_handler(UnreadablePostError)
def _broken_off(request: HttpRequest, _error: UnreadablePostError) -> HttpResponse:
    return _ours(request, MalformedError("the body did not arrive whole", hint="send it again"))


@api.exception_handler(DatabaseError)
def _database(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    ours = from_database(error)
    if ours is None:
        raise error
    return _ours(request, ours)


def unknown(request: HttpRequest, rest: str) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Answer an address that no operation has."""
    return _refuse(request, NotFoundError("no such operation"), HTTPStatus.NOT_FOUND)


def with_problems(view: View) -> View:
    """Let a wrong method be answered by a problem as well."""

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return unknown(request, "")
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        ours = MalformedError("this address takes another method", hint=f"use {response.headers['Allow']}")
        refused = _refuse(request, ours, HTTPStatus.METHOD_NOT_ALLOWED)
        refused.headers["Allow"] = response.headers["Allow"]
        return refused

    return answered
