# SPDX-License-Identifier: Apache-2.0
"""The pages of rounds and probes: does the flaw reproduce on the systems of several vendors, each for itself."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.campaigns import probing, rounds
from safeconduct.server.campaigns.forms import RoundForm
from safeconduct.server.campaigns.models import ProbeState
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.access import PartyRequest, acts_for


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.COORDINATOR)
def start(request: PartyRequest, case_id: str) -> HttpResponse:
    """Choose the systems of several vendors, and start a round."""
    case = cases.case_for(request.viewer, case_id)
    vendors = [seat for seat in case.participants.filter(left_at__isnull=True) if seat.role in cases.VENDORS]
    targets = authorizations.usable(request.now)
    form = RoundForm(request.POST or None, targets=targets, vendors=vendors)
    if request.method != "POST" or not form.is_valid():
        return _page(request, case, form, status=422 if request.method == "POST" else 200)
    rounds.start(case=case, chosen=form.chosen(), by=request.viewer, now=request.now)
    return redirect("campaigns:of_case", case_id)


@require_safe
@acts_for()
def probe(request: PartyRequest, probe_id: str) -> HttpResponse:
    """Show one probe to the desk and to the vendor whose system was asked."""
    found = rounds.probe_for(request.viewer, probe_id)
    context = {
        "probe": found,
        "case": found.case,
        "detail": probing.detail_of(found),
        "coordinates": request.viewer.has(Role.COORDINATOR),
        "is_going": found.state in {ProbeState.QUEUED, ProbeState.RUNNING},
        "has_trials": bool(found.sealed_trials),
    }
    return render(request, "campaigns/probe.html", context)


@require_safe
@acts_for()
def trials(request: PartyRequest, probe_id: str) -> HttpResponse:
    """Hand over the trials of a probe."""
    found = rounds.probe_for(request.viewer, probe_id)
    if not found.sealed_trials:
        raise NotFoundError("no such file")
    response = HttpResponse(probing.trials_of(found), content_type="application/jsonl")
    response["Content-Disposition"] = 'attachment; filename="trials.jsonl"'
    return response


@require_POST
@acts_for(Role.COORDINATOR)
def cancel(request: PartyRequest, probe_id: str) -> HttpResponse:
    """Take a probe that waits out of the queue."""
    found = rounds.probe_for(request.viewer, probe_id)
    rounds.cancel(probe=found, by=request.viewer, now=request.now)
    return redirect("campaigns:probe", probe_id)


def _page(request: PartyRequest, case: Case, form: RoundForm, *, status: int) -> HttpResponse:
    context = {"case": case, "title": cases.title_of(case), "form": form, "has_targets": bool(form.fields)}
    return render(request, "campaigns/round.html", context, status=status)
