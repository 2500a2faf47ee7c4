# SPDX-License-Identifier: Apache-2.0
"""The reporter's acts in the mailbox: open it, leave it, answer, add files, withdraw, fetch papers.

Who has the eight words has the mailbox; an account plays no part. Words that open nothing get one answer, whether they
were never given out or their report is gone, and what was typed is not shown again. The address of a page holds no
secret: words travel in the body of a form, and an open mailbox is known by a cookie of its own.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.crypto.codenames import Codename
from safeconduct.errors import ConflictError, NotFoundError, SafeconductError
from safeconduct.server.audit import ledger, vault
from safeconduct.server.intake import mailboxes, queries, services, visits
from safeconduct.server.intake.forms import AnswerForm, WithdrawForm, WordsForm
from safeconduct.server.intake.models import Report
from safeconduct.server.intake.pages import FilesPage
from safeconduct.server.intake.uploads import SealingHandler, sealing
from safeconduct.server.parties.access import OpenRequest, open_to_all, status_of

ROOM = "desk:mailbox"
PAPERS = {
    "opening.json": "application/json",
    "accept.note": "text/plain; charset=utf-8",
    "receipt.tlog-proof": "text/plain; charset=utf-8",
    "log.vkey": "text/plain; charset=utf-8",
}
View = Callable[..., HttpResponseBase]


def in_mailbox(view: Callable[..., HttpResponse]) -> View:
    """Give the view the report whose mailbox is open in this browser; without one, lead to the door."""

    @open_to_all
    @wraps(view)
    def opened(request: OpenRequest) -> HttpResponse:
        try:
            row = visits.visited(_secret(request), now=request.now)
        except NotFoundError:
            if request.method == "POST":
                return _door(request, WordsForm(), lost=request.POST.get("text", ""), status=HTTPStatus.CONFLICT)
            return redirect("intake:mailbox")
        return view(request, row)

    return opened


@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def mailbox(request: OpenRequest) -> HttpResponse:
    """Ask for the eight words, and open the mailbox that is theirs."""
    if request.method != "POST":
        return redirect(ROOM) if visits.is_open(_secret(request), now=request.now) else _door(request, WordsForm())
    form = WordsForm(request.POST)
    if not form.is_valid():
        return _door(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        row = _row_of(form.cleaned_data["words"])
    except SafeconductError as error:
        form.add_error("words", " ".join(f"{part[:1].upper()}{part[1:]}." for part in (error.message, error.hint)))
        return _door(request, form, status=status_of(error))
    response = redirect(ROOM)
    response.set_cookie(
        visits.cookie_name(),
        visits.begin(row=row, now=request.now),
        secure=settings.SAFECONDUCT.is_https,
        httponly=True,
        samesite="Strict",
    )
    return response


@require_POST
@open_to_all
def leave(request: OpenRequest) -> HttpResponse:
    """Close the mailbox in this browser."""
    visits.leave(secret=_secret(request))
    response = redirect("intake:mailbox")
    response.delete_cookie(visits.cookie_name(), samesite="Strict")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@in_mailbox
def answer(request: OpenRequest, row: Report) -> HttpResponse:
    """Take what the reporter writes."""
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.answer(row=row, text=form.cleaned_data["text"], now=request.now)
        except SafeconductError as error:
            return _held(request, "intake/answer.html", form, error)
        return redirect(ROOM)
    return render(request, "intake/answer.html", {"form": form}, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@in_mailbox
def withdraw(request: OpenRequest, row: Report) -> HttpResponse:
    """Ask once more, and take the report back."""
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.withdraw(row=row, reason=form.cleaned_data["reason"], now=request.now)
        except SafeconductError as error:
            return _held(request, "intake/withdraw.html", form, error)
        return redirect(ROOM)
    return render(request, "intake/withdraw.html", {"form": form}, status=_status(form))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def add_files(request: OpenRequest) -> HttpResponse:
    """Take files that come after the report."""
    try:
        row = visits.visited(_secret(request), now=request.now)
    except NotFoundError:
        return redirect("intake:mailbox")
    if request.method != "POST":
        return _files_page(request, row)
    with sealing(request, key=vault.key_of(row.pk)) as uploads:
        return _take_files(request, uploads, row)


@csrf_protect
def _take_files(request: OpenRequest, uploads: SealingHandler, row: Report) -> HttpResponse:
    _ = request.POST
    try:
        if uploads.refusal is not None:
            raise uploads.refusal
        services.attach(row=row, files=uploads.stored, now=request.now)
    except SafeconductError as error:
        return _files_page(request, row, error=error)
    uploads.keep()
    return redirect(ROOM)


@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def paper(request: OpenRequest, name: str) -> HttpResponse:
    """Hand out a paper of the report as a file: by the open mailbox, or by the eight words in the form.

    Raises:
        NotFoundError: no such paper or mailbox.
        ConflictError: the receipt is not there yet.
    """
    if name not in PAPERS:
        raise NotFoundError("no such paper")
    if request.method == "POST":
        row = _row_of(request.POST.get("words", ""))
    else:
        row = visits.visited(_secret(request), now=request.now)
    response = HttpResponse(_content(row, name), content_type=PAPERS[name])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _content(row: Report, name: str) -> bytes:
    match name:
        case "opening.json":
            return queries.opening_of(row).to_json()
        case "accept.note":
            return row.acceptance_note.encode()
        case "receipt.tlog-proof":
            receipt = queries.receipt_of(row)
            if receipt is None:
                raise ConflictError("the receipt is not there yet", hint="ask again after the next beat of the log")
            return str(receipt).encode()
        case _:
            return f"{ledger.log_key()}\n".encode()


def _row_of(words: str) -> Report:
    keys = mailboxes.keys_of(Codename.read(words))
    return queries.mailbox(keys.lookup_digest)


def _secret(request: HttpRequest) -> str:
    return request.COOKIES.get(visits.cookie_name(), "")


def _door(request: HttpRequest, form: WordsForm, *, lost: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    """Show the door. What was typed into it is never shown again; a message that found it closed is."""
    return render(request, "intake/mailbox.html", {"form": form, "lost": lost}, status=status)


def _held(
    request: HttpRequest, template: str, form: AnswerForm | WithdrawForm, error: SafeconductError
) -> HttpResponse:
    form.add_error(None, " ".join(f"{part[:1].upper()}{part[1:]}." for part in (error.message, error.hint) if part))
    return render(request, template, {"form": form}, status=status_of(error))


def _files_page(request: HttpRequest, row: Report, *, error: SafeconductError | None = None) -> HttpResponse:
    refusal = f"{error.message[:1].upper()}{error.message[1:]}." if error else ""
    page = FilesPage(refusal=refusal, limit=settings.SAFECONDUCT.upload_bytes)
    if row.has_bundle:
        del page.fields["bundle"]
    return render(request, "intake/add_files.html", {"page": page}, status=status_of(error) if error else HTTPStatus.OK)


def _status(form: AnswerForm | WithdrawForm) -> int:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
