# SPDX-License-Identifier: Apache-2.0
"""The pages of advisories: draft and publish for those who coordinate, documents and feed for everyone."""

import base64
import hashlib
import json
from typing import cast

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, MalformedError, NotFoundError
from safeconduct.formats import native
from safeconduct.policy.lint import lint
from safeconduct.server.advisories import feeds, queries, services
from safeconduct.server.advisories.forms import DraftForm, PublishForm, WithdrawForm
from safeconduct.server.cases import queries as cases
from safeconduct.server.parties.access import OpenRequest, PartyRequest, acts_for, open_to_all

PUBLIC_SECONDS = 300


@require_safe
@acts_for(Role.COORDINATOR)
def of_case(request: PartyRequest, case_id: str) -> HttpResponse:
    """Show the draft of a case with what still blocks it."""
    return _draft_page(request, case_id)


@require_POST
@acts_for(Role.COORDINATOR)
def draft(request: PartyRequest, case_id: str) -> HttpResponse:
    """Draft the advisory, or renew the facts in the draft."""
    case = cases.case_for(request.viewer, case_id)
    services.draft(case=case, by=request.viewer, now=request.now)
    return redirect("advisories:of_case", case_id)


@require_POST
@acts_for(Role.COORDINATOR)
def edit(request: PartyRequest, case_id: str) -> HttpResponse:
    """Save the words of the draft."""
    advisory = queries.advisory_for(request.viewer, cases.case_for(request.viewer, case_id))
    form = DraftForm(request.POST)
    if not form.is_valid():
        return _draft_page(request, case_id, form=form, status=422)
    services.edit(advisory=advisory, change=form.change(now=request.now), by=request.viewer, now=request.now)
    messages.success(request, _("The draft is saved."))
    return redirect("advisories:of_case", case_id)


@require_POST
@acts_for(Role.COORDINATOR)
def publish(request: PartyRequest, case_id: str) -> HttpResponse:
    """Publish the draft in every format."""
    advisory = queries.advisory_for(request.viewer, cases.case_for(request.viewer, case_id))
    form = PublishForm(request.POST)
    if not form.is_valid():
        return _draft_page(request, case_id, publish_form=form, status=422)
    try:
        published = services.publish(advisory=advisory, said=form.said(), by=request.viewer, now=request.now)
    except (ConflictError, MalformedError) as error:
        # What was typed stays on the page, beside what still blocks.
        messages.error(request, f"{error.message}: {error.hint}")
        return _draft_page(request, case_id, publish_form=form, said=form.said(), status=409)
    return redirect("registry:entry", published.entry.public_id)


@require_POST
@acts_for(Role.COORDINATOR)
def withdraw(request: PartyRequest, case_id: str) -> HttpResponse:
    """Withdraw a published advisory."""
    advisory = queries.advisory_for(request.viewer, cases.case_for(request.viewer, case_id))
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        return _draft_page(request, case_id, withdraw_form=form, status=422)
    reason = form.cleaned_data["reason"]
    services.withdraw(advisory=advisory, reason=reason, by=request.viewer, now=request.now)
    return redirect("registry:entry", advisory.entry.public_id)


@require_safe
@open_to_all
def document(request: OpenRequest, public_id: str, kind: str) -> HttpResponse:
    """Hand over the exact bytes of the newest version of a published document."""
    return _public(request, bytes(queries.document(public_id, kind).content), media_type="application/json")


@require_safe
@open_to_all
def version(request: OpenRequest, public_id: str, version: int, kind: str) -> HttpResponse:
    """Hand over the exact bytes of one version of a published document."""
    found = queries.document(public_id, kind, version=version)
    return _public(request, bytes(found.content), media_type="application/json")


@require_safe
@open_to_all
def certificate(request: OpenRequest, public_id: str) -> HttpResponse:
    """Hand over the certificate that a published advisory refers to."""
    text = queries.certificate_of(public_id).certificate
    return _public(request, text.encode(), media_type="application/json")


@require_safe
@open_to_all
def trials(request: OpenRequest, public_id: str) -> HttpResponse:
    """Hand over the trials behind a published certificate; they hold digests and outcomes only."""
    text = queries.certificate_of(public_id).trials
    return _public(request, text.encode(), media_type="application/jsonl")


@require_safe
@open_to_all
def feed(request: OpenRequest) -> HttpResponse:
    """Show the newest advisories to feed readers."""
    return _public(request, feeds.atom(queries.published()), media_type="application/atom+xml")


def _draft_page(
    request: PartyRequest,
    case_id: str,
    *,
    form: DraftForm | None = None,
    publish_form: PublishForm | None = None,
    withdraw_form: WithdrawForm | None = None,
    said: queries.Said | None = None,
    status: int = 200,
) -> HttpResponse:
    case = cases.case_for(request.viewer, case_id)
    context: dict[str, object] = {"case": case, "title": cases.title_of(case), "advisory": None}
    try:
        advisory = queries.advisory_for(request.viewer, case)
    except NotFoundError:
        return render(request, "advisories/draft.html", context, status=status)
    record = queries.draft_of(advisory)
    said = said or queries.Said()
    context |= {
        "advisory": advisory,
        "record": record,
        "form": form or DraftForm.of(record),
        "publish_form": publish_form or PublishForm(),
        "withdraw_form": withdraw_form or WithdrawForm(),
        "blockers": queries.blockers(advisory, said=said, now=request.now),
        "whole": json.dumps(native.plain(record), indent=2, ensure_ascii=False),
        "findings": lint(queries.to_publish(advisory, said=said, now=request.now)),
        "entry_url": reverse("registry:entry", args=[advisory.entry.public_id]),
    }
    return render(request, "advisories/draft.html", context, status=status)


def _public(request: OpenRequest, content: bytes, *, media_type: str) -> HttpResponse:
    """Answer with these bytes and their SHA-256 (RFC 9530), or with 304 to whoever has them."""
    digest = hashlib.sha256(content)
    response = HttpResponse(content, content_type=media_type)
    response["Cache-Control"] = f"public, max-age={PUBLIC_SECONDS}"
    response["ETag"] = f'"{digest.hexdigest()}"'
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    answered = get_conditional_response(request, etag=response["ETag"], response=response)
    return cast("HttpResponse", answered)
