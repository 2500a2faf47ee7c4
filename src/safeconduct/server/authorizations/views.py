# SPDX-License-Identifier: Apache-2.0
"""The pages of targets: which may be tested, granting one, and one with what was spent and what may be done."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.domain.price import amount_text
from safeconduct.server.authorizations import queries, services
from safeconduct.server.authorizations.forms import GrantForm, ReasonForm
from safeconduct.server.authorizations.models import Target
from safeconduct.server.authorizations.secret_files import FOLDER, is_secret_there
from safeconduct.server.parties.access import PartyRequest, acts_for

PER_PAGE = 50


@require_safe
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def targets(request: PartyRequest) -> HttpResponse:
    """List the targets, the newest first."""
    page = Paginator(queries.targets_for(request.viewer), PER_PAGE).get_page(request.GET.get("page"))
    usable = set(queries.usable(request.now).values_list("pk", flat=True))
    return render(request, "authorizations/targets.html", {"page": page, "usable": usable, "now": request.now})


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def grant(request: PartyRequest) -> HttpResponse:
    """Grant a target."""
    form = GrantForm(request.POST or None)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "authorizations/grant.html", {"form": form}, status=status)
    given = form.cleaned_data
    target = services.grant(
        label=given["label"],
        terms=form.terms(),
        role=given["role"],
        vendor=given["vendor"],
        product=given["product"],
        by=request.viewer,
        now=request.now,
    )
    messages.success(request, "The target is granted. Reports that waited for it are run now.")
    return redirect("authorizations:target", target.pk)


@require_safe
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def target(request: PartyRequest, target_id: str) -> HttpResponse:
    """Show one target."""
    return _page(request, queries.target_for(request.viewer, target_id), ReasonForm())


@require_POST
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def suspend(request: PartyRequest, target_id: str) -> HttpResponse:
    """Stop all tests of a target for now."""
    return _changed(request, target_id, services.suspend, "The target is suspended. Runs against it stop.")


@require_POST
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def resume(request: PartyRequest, target_id: str) -> HttpResponse:
    """Allow a suspended target again."""
    return _changed(request, target_id, services.resume, "The target may be tested again.")


@require_POST
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def revoke(request: PartyRequest, target_id: str) -> HttpResponse:
    """End a grant for good."""
    return _changed(request, target_id, services.revoke, "The grant is revoked for good.")


def _changed(request: PartyRequest, target_id: str, act: Callable[..., Target], said: str) -> HttpResponse:
    found = queries.target_for(request.viewer, target_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    act(target=found, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    messages.success(request, said)
    return redirect("authorizations:target", target_id)


def _page(request: PartyRequest, found: Target, form: ReasonForm, *, status: int = 200) -> HttpResponse:
    context = {
        "target": found,
        "form": form,
        "is_usable": queries.usable(request.now).filter(pk=found.pk).exists(),
        "calls_left": queries.calls_left(found),
        "money": amount_text(queries.spent_money(found)),
        "secret_file": f"keys/{FOLDER}/{found.secret_name}" if found.secret_name else "",
        "is_secret_there": is_secret_there(found.secret_name),
        "now": request.now,
    }
    return render(request, "authorizations/target.html", context, status=status)
