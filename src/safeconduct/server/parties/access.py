# SPDX-License-Identifier: Apache-2.0
"""The door of every page: who may enter, and what our errors look like from outside.

A page is marked `@acts_for(Role.…)` or `@open_to_all`. A page asked for without sign-in leads to the sign-in page,
whether the thing exists or not; for a signed-in party a missing thing, a foreign thing and a page of another role give
the same answer, 404 with the same words.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from safeconduct.domain.ids import PartyId
from safeconduct.domain.parties import Role
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    SafeconductError,
    SealError,
    TooLargeError,
    UnavailableError,
    VerificationError,
)
from safeconduct.server.audit.writes import is_out_of_reach
from safeconduct.server.parties import queries
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import ANYONE, Viewer

P = ParamSpec("P")
View = Callable[..., HttpResponseBase]
log = logging.getLogger("safeconduct.access")

STATUS: dict[type[SafeconductError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    NotPermittedError: HTTPStatus.FORBIDDEN,
    ConflictError: HTTPStatus.CONFLICT,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    IncompleteError: HTTPStatus.UNPROCESSABLE_ENTITY,
    MalformedError: HTTPStatus.BAD_REQUEST,
    VerificationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    SealError: HTTPStatus.CONFLICT,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
FACTOR_ROLES = frozenset({Role.COORDINATOR, Role.ADMINISTRATOR})
FACTOR_PATHS = (
    "/account/sign-in/",
    "/account/sign-out/",
    "/account/inactive/",
    "/account/confirm/",
    "/account/second-factor/",
    "/static/",
    "/healthz",
    "/readyz",
    "/log/",
)
"""What stays open until the second factor is set up; not the account itself, where tokens are issued."""


class PartyRequest(HttpRequest):
    """A request of a signed-in party; `now` is the one instant of the whole act."""

    party: Party
    viewer: Viewer
    now: datetime


class OpenRequest(HttpRequest):
    """A request of anyone; `viewer` is `ANYONE` unless somebody is signed in."""

    viewer: Viewer
    now: datetime


def acts_for(*roles: Role) -> Callable[[Callable[Concatenate[PartyRequest, P], HttpResponseBase]], View]:
    """Let in signed-in parties that hold one of the roles; without roles, every signed-in party."""

    def mark(view: Callable[Concatenate[PartyRequest, P], HttpResponseBase]) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), reverse("account_login"))
            asked = _with_party(request)
            if roles and not asked.viewer.has(*roles):
                return error_response(request, NotFoundError("not a page of this role"))
            return _answer(lambda: view(asked, *args, **kwargs), request)

        guarded.acts_for = frozenset(roles)  # type: ignore[attr-defined]  # read by the test that walks every address
        return guarded

    return mark


def open_to_all(view: Callable[Concatenate[OpenRequest, P], HttpResponseBase]) -> View:
    """Let in everyone, and give the view a viewer and the instant."""

    @wraps(view)
    def opened(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        asked = cast("OpenRequest", request)
        asked.now = timezone.now()
        asked.viewer = viewer_of(request.user) if request.user.is_authenticated else ANYONE
        return _answer(lambda: view(asked, *args, **kwargs), request)

    opened.acts_for = None  # type: ignore[attr-defined]  # read by the test that walks every address
    return opened


def viewer_of(party: Party) -> Viewer:
    """Return the party as the value that queries take."""
    memberships = frozenset(party.memberships.values_list("organization_id", flat=True))
    return Viewer(party_id=PartyId(party.pk), roles=party.roles, organizations=memberships)


def viewer_of_token(text: str, *, now: datetime) -> Viewer:
    """Return the program that shows this token as a viewer, narrowed to the token's scopes.

    Raises:
        NotPermittedError: the token does not hold, or its owner must set up a second factor first.
    """
    party, scopes = queries.party_of_token(text, now=now)
    if needs_second_factor(party):
        raise NotPermittedError("the owner of the token has no second factor", hint="sign in and set it up")
    return replace(viewer_of(party), scopes=scopes)


def status_of(error: SafeconductError) -> HTTPStatus:
    """Return the status with which the web answers this error."""
    kinds = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem(error: SafeconductError) -> dict[str, object]:
    """Return the error as the web tells it: a missing and a forbidden thing look the same."""
    if isinstance(error, NotFoundError):
        error = NotFoundError("there is nothing here, or it is not yours to see")
    return error.as_dict()


def error_response(request: HttpRequest, error: SafeconductError) -> HttpResponse:
    """Answer with the one error page, or with JSON where the client asks for it."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("refused", extra={"facts": {"code": error.code}})
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"error": problem(error)}, status=status)
    return render(request, "error.html", {"problem": problem(error), "status": status.value}, status=status)


def from_database(exception: Exception) -> SafeconductError | None:
    """Return our error for what the database cannot take or do; nothing for every other fault."""
    match exception:
        case DataError():
            # Such as a zero byte, which PostgreSQL keeps in no text.
            return MalformedError("a value cannot be stored", hint="look for odd signs in it")
        case DatabaseError() | InterfaceError() if is_out_of_reach(exception):
            return UnavailableError("the database is out of reach", hint="try again later")
        case _:
            return None


def needs_second_factor(party: Party) -> bool:
    """Tell whether the party must set up a second factor before it may go on."""
    if not settings.SAFECONDUCT.demands_second_factor or party.roles.isdisjoint(FACTOR_ROLES):
        return False
    return not queries.has_second_factor(party)


class SecondFactor:
    """Sends coordinators and administrators without a second factor to its set-up, whatever they ask for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on, or lead to the set-up page."""
        party = request.user
        if party.is_authenticated and not request.path.startswith(FACTOR_PATHS) and needs_second_factor(party):
            return redirect("mfa_activate_totp")
        return self.get_response(request)


class ErrorPages:
    """Answers our errors from views that carry no mark of ours, such as those of the account library."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer an error of ours, what the database cannot take or do; leave the rest to Django."""
        ours = exception if isinstance(exception, SafeconductError) else from_database(exception)
        return None if ours is None else error_response(request, ours)


def _with_party(request: HttpRequest) -> PartyRequest:
    asked = cast("PartyRequest", request)
    asked.party = cast("Party", request.user)
    asked.viewer = viewer_of(asked.party)
    asked.now = timezone.now()
    return asked


def _answer(act: Callable[[], HttpResponseBase], request: HttpRequest) -> HttpResponseBase:
    try:
        return act()
    except SafeconductError as error:
        return error_response(request, error)
