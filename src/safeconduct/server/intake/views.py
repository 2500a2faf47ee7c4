# SPDX-License-Identifier: Apache-2.0
"""The report form, page by page, and the papers of a report as files.

Files must be sealed while they arrive, so the views that take files set the upload handler before anything reads the
form; the check against forged forms is made inside, as Django documents.
"""

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.instants import find_zone, show, show_duration
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import ConflictError, MalformedError, SafeconductError
from safeconduct.policy import scope
from safeconduct.server.intake import mailboxes, services, staging
from safeconduct.server.intake.forms import Page
from safeconduct.server.intake.models import Door
from safeconduct.server.intake.pages import FilesPage
from safeconduct.server.intake.services import Received
from safeconduct.server.intake.staging import LAST, TITLES, Filled
from safeconduct.server.intake.telling import told
from safeconduct.server.intake.tokens import FormToken, Freshness, new_token, read_token
from safeconduct.server.intake.uploads import SealingHandler, sealing
from safeconduct.server.parties.access import OpenRequest, open_to_all, status_of

WAIT = "That was very quick. Please wait three seconds, then press Send again. Your answers are all here."
OLD = "This form was open for more than a day. Look through your answers and press Send again. They are all here."
CHANGED = (
    "You have sent this form before, with other answers. Press Send again to make a second report with its own mailbox."
    " To add to the first one, open its mailbox instead."
)
AGAIN = " Choose your files again: a browser does not keep them."


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def start(request: OpenRequest) -> HttpResponse:
    """Show the first page, or take a page and show the next; the last one sends the report."""
    if request.method != "POST":
        return _show(request, Filled(data=QueryDict(), now=request.now), 1, token=new_token(request.now))
    with sealing(request, key=DataKey.generate(secrets.token_bytes)) as uploads:
        return _take(request, uploads)


@csrf_protect
def _take(request: OpenRequest, uploads: SealingHandler) -> HttpResponse:
    data = request.POST
    # A file may take long to arrive, and what is promised of the report counts from its end.
    request.now = timezone.now()
    filled = Filled(data=data, now=request.now)
    stage, go = _number(request.POST.get("stage", "")), request.POST.get("go", "")
    try:
        token = read_token(request.POST.get("token", ""))
    except MalformedError:
        token = new_token(request.now)
    # The button stands after the files in the page, so a refused file hides that it was pressed.
    if stage == LAST and (go == "send" or uploads.refusal is not None):
        return _send(request, filled, uploads)
    if go == "back":
        return _show(request, filled, max(1, stage - 1), token=token)
    if go.isdecimal():
        return _show(request, filled, _number(go), token=token)
    if stage < LAST and not filled.judged(stage).is_valid():
        return _show(request, filled, stage, token=token, is_wrong=True)
    if filled.restricted is RestrictedMaterial.CSAM:
        return _restricted(request)
    return _show(request, filled, min(stage + 1, LAST), token=token)


def _send(request: OpenRequest, filled: Filled, uploads: SealingHandler) -> HttpResponse:
    try:
        token = read_token(request.POST.get("token", ""))
        freshness = token.freshness(request.now)
    except MalformedError:
        token, freshness = new_token(request.now), Freshness.TOO_OLD
    wrong = filled.first_wrong()
    if wrong is not None:
        return _show(request, filled, wrong, token=token, is_wrong=True)
    if filled.restricted is RestrictedMaterial.CSAM:
        return _restricted(request)
    if uploads.refusal is not None:
        return _hold(request, filled, token, error=uploads.refusal, about_files=True)
    if freshness is Freshness.TOO_EARLY:
        notice = WAIT + again(uploads)
        return _show(request, filled, LAST, token=token, notice=notice, status=HTTPStatus.TOO_MANY_REQUESTS)
    if freshness is Freshness.TOO_OLD:
        token, notice = new_token(request.now), OLD + again(uploads)
        return _show(request, filled, LAST, token=token, notice=notice, status=HTTPStatus.CONFLICT)
    return _receive(request, filled, uploads, token)


def again(uploads: SealingHandler) -> str:
    """Return what to say of files that came with a form which was not taken."""
    return AGAIN if uploads.stored else ""


def _receive(request: OpenRequest, filled: Filled, uploads: SealingHandler, token: FormToken) -> HttpResponse:
    codename = token.codename()
    try:
        received = services.receive(
            report=told(filled.answers()),
            mailbox=mailboxes.address_of(mailboxes.keys_of(codename)),
            door=Door.FORM,
            now=request.now,
            files=tuple(uploads.stored),
            key=uploads.key,
            idempotency=f"form {token.number}",
        )
    except ConflictError:
        token, notice = new_token(request.now), CHANGED + again(uploads)
        return _show(request, filled, LAST, token=token, notice=notice, status=HTTPStatus.CONFLICT)
    except SafeconductError as error:
        return _hold(request, filled, token, error=error)
    if received.is_new:
        uploads.keep()
    return render(request, "intake/sent.html", _answer(received, codename.reveal(), now=request.now))


def _answer(received: Received, words: str, *, now: datetime) -> dict[str, object]:
    wait = timedelta(seconds=settings.SAFECONDUCT.beat_seconds)
    return {
        "words": words,
        "numbered": words.split(),
        "report_id": received.row.pk,
        "receipt_at": show(now + wait, find_zone(settings.SAFECONDUCT.zone)),
        "wait": show_duration(max(wait, timedelta(minutes=1))),
        "papers": ("opening.json", "accept.note"),
    }


def _hold(
    request: OpenRequest, filled: Filled, token: FormToken, *, error: SafeconductError, about_files: bool = False
) -> HttpResponse:
    """Show the last page again with everything on it, because the report was not taken."""
    said = " ".join(f"{part[:1].upper()}{part[1:]}." for part in (error.message, error.hint) if part)
    status = status_of(error)
    if about_files:
        return _show(request, filled, LAST, token=token, refusal=said, status=status)
    return _show(request, filled, LAST, token=token, notice=said, status=status)


def _show(
    request: OpenRequest,
    filled: Filled,
    number: int,
    *,
    token: FormToken,
    is_wrong: bool = False,
    notice: str = "",
    refusal: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context = {
        "page": _page(filled, number, is_wrong=is_wrong, refusal=refusal),
        "number": number,
        "last": LAST,
        "titles": enumerate(TITLES, start=1),
        "carried": filled.carried(number),
        "summary": filled.summary() if number == LAST else (),
        "token": token,
        "notice": notice,
        "is_wrong": is_wrong or bool(refusal),
    }
    return render(request, "intake/page.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else status)


def _page(filled: Filled, number: int, *, is_wrong: bool, refusal: str) -> Page:
    if number == LAST:
        return FilesPage(refusal=refusal, limit=settings.SAFECONDUCT.upload_bytes)
    return filled.judged(number) if is_wrong else filled.shown(number)


def _restricted(request: HttpRequest) -> HttpResponse:
    """Show where such material is reported; nothing of the form is kept."""
    return render(request, "intake/restricted.html", {"advice": scope.shipped().restricted[RestrictedMaterial.CSAM]})


def _number(text: str) -> int:
    return int(text) if text in {str(number) for number in range(1, staging.LAST + 1)} else 1
