# SPDX-License-Identifier: Apache-2.0
"""The pages of historic suites: which flaws are in them, and what they found on a new version. For the desk alone."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.campaigns import suites
from safeconduct.server.campaigns.forms import CheckForm, ReasonForm
from safeconduct.server.parties.access import PartyRequest, acts_for


@require_safe
@acts_for(Role.COORDINATOR)
def index(request: PartyRequest) -> HttpResponse:
    """Show the flaws in suites, the checks that were made, and the form for another one."""
    return _index(request, CheckForm(targets=authorizations.usable(request.now)))


@require_POST
@acts_for(Role.COORDINATOR)
def check(request: PartyRequest) -> HttpResponse:
    """Try the suite of a family on a new version."""
    form = CheckForm(request.POST, targets=authorizations.usable(request.now))
    if not form.is_valid():
        return _index(request, form, status=422)
    made = suites.check(
        target=form.cleaned_data["target"],
        family=form.cleaned_data["family"],
        by=request.viewer,
        now=request.now,
    )
    return redirect("campaigns:suite_check", made.pk)


@require_safe
@acts_for(Role.COORDINATOR)
def show(request: PartyRequest, check_id: str) -> HttpResponse:
    """Show what one check found."""
    found = suites.check_for(request.viewer, check_id)
    probes = list(found.probes.select_related("case__entry", "target"))
    context = {
        "check": found,
        "family": suites.family_told(found),
        "probes": probes,
        "reproduced": sum(probe.state == "reproduced" for probe in probes),
    }
    return render(request, "campaigns/check.html", context)


@require_POST
@acts_for(Role.COORDINATOR)
def exclude(request: PartyRequest, case_id: str) -> HttpResponse:
    """Keep a flaw out of every suite."""
    case = suites.case_in_suites(request.viewer, case_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing changed: say why the flaw is kept out."))
        return redirect("campaigns:suites")
    suites.exclude(case=case, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    return redirect("campaigns:suites")


@require_POST
@acts_for(Role.COORDINATOR)
def include(request: PartyRequest, case_id: str) -> HttpResponse:
    """Take a flaw into its suites again."""
    case = suites.case_in_suites(request.viewer, case_id)
    suites.include(case=case, by=request.viewer, now=request.now)
    return redirect("campaigns:suites")


def _index(request: PartyRequest, form: CheckForm, *, status: int = 200) -> HttpResponse:
    rows = []
    for case in suites.in_suites(request.viewer):
        exclusion = getattr(case, "suite_exclusion", None)
        rows.append(
            {
                "case": case,
                "exclusion": exclusion,
                "reason": suites.reason_of(exclusion) if exclusion else "",
                "form": ReasonForm(auto_id=f"id_{case.pk}_%s"),
            }
        )
    checks = list(suites.checks_for(request.viewer)[:50])
    context = {"rows": rows, "checks": checks, "form": form}
    return render(request, "campaigns/suites.html", context, status=status)
