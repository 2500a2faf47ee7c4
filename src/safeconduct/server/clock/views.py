# SPDX-License-Identifier: Apache-2.0
"""The acts of the clock as pages: grant more time, stop the clocks, let them run."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.domain.parties import Role
from safeconduct.policy.deadlines import ACT_WORDS
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.clock import queries, services
from safeconduct.server.clock.forms import ExtendForm, PauseForm
from safeconduct.server.parties.access import PartyRequest, acts_for
from safeconduct.server.parties.zones import zone_name_of

FORM = ["GET", "HEAD", "POST"]


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def extend(request: PartyRequest, case_id: str) -> HttpResponse:
    """Grant more time for one deadline."""
    case = cases.case_for(request.viewer, case_id)
    form = ExtendForm(request.POST or None)
    if not form.is_valid():
        return _page(request, case, form, act="extend")
    services.extend(
        case=case,
        kind=form.cleaned_data["kind"],
        days=form.cleaned_data["days"],
        reason=form.cleaned_data["reason"],
        evidence=form.cleaned_data["evidence"],
        by=request.viewer,
        now=request.now,
    )
    messages.success(request, _("More time is granted. It shows among the grounds of the date."))
    return redirect("desk:case", case.pk)


@require_http_methods(FORM)
@acts_for(Role.COORDINATOR)
def pause(request: PartyRequest, case_id: str) -> HttpResponse:
    """Stop the clocks until a stated instant."""
    case = cases.case_for(request.viewer, case_id)
    form = PauseForm(request.POST or None, initial={"zone": zone_name_of(request), "hour": "12:00"})
    if not form.is_valid():
        return _page(request, case, form, act="pause")
    services.pause(
        case=case,
        reason=form.cleaned_data["reason"],
        until=form.cleaned_data["instant"],
        by=request.viewer,
        now=request.now,
    )
    messages.success(request, _("The clocks stand still. Everybody sees it."))
    return redirect("desk:case", case.pk)


@require_POST
@acts_for(Role.COORDINATOR)
def resume(request: PartyRequest, case_id: str) -> HttpResponse:
    """Let the clocks run again."""
    case = cases.case_for(request.viewer, case_id)
    services.resume(case=case, by=request.viewer, now=request.now)
    messages.success(request, _("The clocks run."))
    return redirect("desk:case", case.pk)


def _page(request: PartyRequest, case: Case, form: forms.Form, *, act: str) -> HttpResponse:
    context = {
        "case": case,
        "form": form,
        "act": act,
        "deadlines": [(ACT_WORDS[one.kind], one) for one in queries.deadlines_for(case, now=request.now) if one.due],
    }
    return render(request, "clock/act.html", context, status=422 if form.is_bound else 200)
