# SPDX-License-Identifier: Apache-2.0
"""The pages of triage: one assessment with everything about it, its acts, and appeals.

Opening an assessment acknowledges the report. A form that does not hold comes back on the same page with what is wrong.
"""

import re
from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.domain.ids import IdKind
from safeconduct.domain.parties import Role
from safeconduct.domain.report import RestrictedMaterial
from safeconduct.errors import ConflictError, NotFoundError
from safeconduct.policy.priority import Reproduction
from safeconduct.policy.proposals import propose_profile
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake import services as intake_services
from safeconduct.server.parties.access import PartyRequest, acts_for
from safeconduct.server.registry import queries as registry
from safeconduct.server.triage import comparing, documenting, gate, queries, replies, services
from safeconduct.server.triage.assessing import profile_of
from safeconduct.server.triage.forms import (
    AppealForm,
    BehaviorForm,
    ExploitationForm,
    ProfileForm,
    QuestionForm,
    RejectForm,
    SetForm,
    TracksForm,
    VectorForm,
)
from safeconduct.server.triage.kindness import REASONS
from safeconduct.server.triage.models import Assessment, AssessmentState
from safeconduct.server.triage.sheet import Sheet, sheet_for

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
NAME_LENGTH = 60
REPORT_PREFIX = f"{IdKind.REPORT.value}_"
DOWNLOAD_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
@acts_for(Role.COORDINATOR)
def assessment(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Show an assessment; the first look acknowledges the report."""
    found = queries.assessment_for(request.viewer, assessment_id)
    if found.report.acknowledged_at is None:
        intake_services.mark_opened(row=found.report, by=request.viewer, now=request.now)
    return _page(request, found)


@require_POST
@acts_for(Role.COORDINATOR)
def reveal(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Show an assessment with its restricted material, and note who asked for it."""
    found = queries.assessment_for(request.viewer, assessment_id)
    services.reveal(assessment=found, by=request.viewer, now=request.now)
    return _page(request, found, shows_restricted=True)


@require_POST
@acts_for(Role.COORDINATOR)
def set_value(request: PartyRequest, assessment_id: str, field: str) -> HttpResponse:
    """Set a vector, a profile, the exploitation or the tracks, with a reason."""
    found = queries.assessment_for(request.viewer, assessment_id)
    form = _set_form(field, found, sheet_for(request.viewer, found), request)
    if not form.is_valid():
        return _page(request, found, form=form)
    services.override(
        assessment=found,
        field=field,
        value=form.value(),
        reason=form.cleaned_data["reason"],
        by=request.viewer,
        now=request.now,
    )
    messages.success(request, "It is set, and the rules were asked again.")
    return _back(found, at="severity")


@require_POST
@acts_for(Role.COORDINATOR)
def ask(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Ask the reporter."""
    found = queries.assessment_for(request.viewer, assessment_id)
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form=form)
    services.ask(assessment=found, question=form.cleaned_data["question"], by=request.viewer, now=request.now)
    messages.success(request, "The question is in the reporter's mailbox.")
    return _back(found)


@require_POST
@acts_for(Role.COORDINATOR)
def reject(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Decline a report kindly."""
    found = queries.assessment_for(request.viewer, assessment_id)
    form = RejectForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form=form)
    services.reject(assessment=found, reason=form.cleaned_data["reason"], by=request.viewer, now=request.now)
    messages.success(request, "The report is not accepted; the reporter reads why and may appeal.")
    return _back(found)


@require_safe
@acts_for(Role.COORDINATOR)
def compare(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Lead to the comparison with the report or the entry of the identifier that was asked for."""
    found = queries.assessment_for(request.viewer, assessment_id)
    wanted = request.GET.get("with", "").strip()
    if wanted.startswith(REPORT_PREFIX):
        return redirect("triage:duplicate", found.pk, queries.report_to_compare(request.viewer, wanted).pk)
    return redirect("triage:duplicate_entry", found.pk, registry.by_public_id(wanted).public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.COORDINATOR)
def duplicate(request: PartyRequest, assessment_id: str, report_id: str) -> HttpResponse:
    """Compare a report with another one, and mark it as its duplicate."""
    found = queries.assessment_for(request.viewer, assessment_id)
    other = queries.report_to_compare(request.viewer, report_id)
    if request.method == "POST":
        services.mark_duplicate(assessment=found, original=other, by=request.viewer, now=request.now)
        messages.success(request, "It is marked as a duplicate and stays linked.")
        return _back(found)
    return _comparison(request, found, comparing.with_report(request.viewer, found, other))


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.COORDINATOR)
def duplicate_entry(request: PartyRequest, assessment_id: str, public_id: str) -> HttpResponse:
    """Compare a report with a public entry, and mark it as its duplicate."""
    found = queries.assessment_for(request.viewer, assessment_id)
    entry = registry.by_public_id(public_id)
    if request.method == "POST":
        services.mark_duplicate(assessment=found, original=entry, by=request.viewer, now=request.now)
        messages.success(request, "It is marked as a duplicate and stays linked.")
        return _back(found)
    return _comparison(request, found, comparing.with_entry(found, entry))


@require_POST
@acts_for(Role.COORDINATOR)
def judge_again(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Ask the rules again."""
    found = queries.assessment_for(request.viewer, assessment_id)
    services.assess(row=found.report, now=request.now)
    messages.success(request, "The rules were asked again.")
    return _back(found)


@require_POST
@acts_for(Role.COORDINATOR)
def run_gate(request: PartyRequest, assessment_id: str) -> HttpResponse:
    """Ask for another run of the bundle."""
    found = queries.assessment_for(request.viewer, assessment_id)
    gate.request(assessment=found, by=request.viewer, now=request.now)
    messages.success(request, "The bundle is run again as soon as a worker is free.")
    return _back(found, at="evidence")


@require_safe
@acts_for(Role.COORDINATOR)
def attachment(request: PartyRequest, assessment_id: str, attachment_id: str) -> HttpResponseBase:
    """Hand out an attachment as bytes that no browser opens."""
    found = queries.assessment_for(request.viewer, assessment_id)
    file = intake.file_for(request.viewer, attachment_id)
    if file.row.report_id != found.report_id:
        raise NotFoundError("no such attachment")
    restricted = intake.opened(found.report).told.restricted_material
    if not services.files_may_be_read(restricted):
        raise ConflictError("files of such material are not handed out", hint="the hotline or authority takes over")
    if restricted is not RestrictedMaterial.NONE and request.GET.get("restricted") != "yes":
        raise ConflictError("this file may hold restricted material", hint="choose to see it on the page of the report")
    response = StreamingHttpResponse(intake.content_of(file.row), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{_safe_name(file.name, attachment_id)}"'
    response.headers["Content-Length"] = str(file.size)
    for name, value in DOWNLOAD_HEADERS.items():
        response.headers[name] = value
    return response


@require_safe
@acts_for(Role.COORDINATOR)
def appeals(request: PartyRequest) -> HttpResponse:
    """List the appeals that wait."""
    found = queries.open_appeals(request.viewer)
    own = {one.pk for one in found if services.may_not_decide(one.assessment, request.viewer)}
    return render(request, "triage/appeals.html", {"appeals": found, "own": own})


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.COORDINATOR)
def appeal(request: PartyRequest, appeal_id: int) -> HttpResponse:
    """Show an appeal with the decision it is against, and decide on it."""
    found = queries.appeal_for(request.viewer, appeal_id)
    form = AppealForm(request.POST or None)
    if form.is_valid():
        services.decide_appeal(
            appeal=found.row,
            upheld=form.cleaned_data["upheld"],
            reason=form.cleaned_data["reason"],
            by=request.viewer,
            now=request.now,
        )
        messages.success(request, "The appeal is decided, and the reporter is told.")
        return redirect("triage:appeals")
    judged = found.row.assessment
    context = {
        "appeal": found,
        "sheet": sheet_for(request.viewer, judged),
        "form": form,
        "is_own": services.may_not_decide(judged, request.viewer),
    }
    return render(request, "triage/appeal.html", context, status=422 if form.is_bound else 200)


@require_POST
@acts_for(Role.COORDINATOR)
def reply(request: PartyRequest, assessment_id: str, reply_id: int) -> HttpResponse:
    """Show the whole of a sealed reply in the answer to who said why."""
    found = queries.assessment_for(request.viewer, assessment_id)
    text = replies.open_reply(
        assessment=found, reply_id=reply_id, reason=request.POST.get("reason", ""), by=request.viewer, now=request.now
    )
    return render(request, "triage/reply.html", {"assessment": found, "text": text})


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.COORDINATOR)
def documented(request: PartyRequest) -> HttpResponse:
    """List what vendors document as intended, and add an entry."""
    form = BehaviorForm(request.POST or None)
    if form.is_valid():
        documenting.document(statement=form.statement(), by=request.viewer, now=request.now)
        messages.success(request, "It is on the list. Reports that wait stand lower when their rules are asked again.")
        return redirect("triage:documented")
    context = {"form": form, "entries": queries.documented_behavior(request.viewer)}
    return render(request, "triage/documented.html", context, status=422 if form.is_bound else 200)


@require_POST
@acts_for(Role.COORDINATOR)
def retire(request: PartyRequest, behavior_id: int) -> HttpResponse:
    """Take an entry off the list."""
    found = queries.documented_for(request.viewer, behavior_id)
    documenting.retire(behavior=found, by=request.viewer, now=request.now)
    messages.success(request, "It is off the list.")
    return redirect("triage:documented")


def _page(
    request: PartyRequest, found: Assessment, *, form: forms.Form | None = None, shows_restricted: bool = False
) -> HttpResponse:
    sheet = sheet_for(request.viewer, found)
    kind = REASONS.get(request.GET.get("reason", ""))
    blank: dict[str, Callable[[], forms.Form]] = {
        "vector": lambda: _set_form("cvss", found, sheet, None),
        "profile": lambda: _set_form("profile", found, sheet, None),
        "exploitation": lambda: _set_form("exploitation", found, sheet, None),
        "tracks": lambda: _set_form("tracks", found, sheet, None),
        "question": lambda: QuestionForm(initial={"question": _first_question(sheet)}),
        "reject": lambda: RejectForm(initial={"reason": kind.text if kind else ""}),
    }
    names = {
        VectorForm: "vector",
        ProfileForm: "profile",
        ExploitationForm: "exploitation",
        TracksForm: "tracks",
        QuestionForm: "question",
        RejectForm: "reject",
    }
    drawn = {name: make() for name, make in blank.items()} if sheet.is_undecided else {}
    if form is not None and drawn:
        drawn[names[type(form)]] = form
    context = {
        "sheet": sheet,
        "assessment": found,
        "report": found.report,
        "forms": drawn,
        "wrong": names[type(form)] if form is not None else "",
        "reasons": REASONS.values(),
        "chosen_reason": kind,
        "shows_restricted": shows_restricted or not sheet.is_restricted,
        "files_may_be_read": services.files_may_be_read(sheet.told.restricted_material),
        "is_duplicate": found.state == AssessmentState.DUPLICATE,
    }
    return render(request, "triage/assessment.html", context, status=200 if form is None else 422)


def _set_form(field: str, found: Assessment, sheet: Sheet, request: PartyRequest | None) -> SetForm:
    data = request.POST if request is not None else None
    match field:
        case "cvss":
            return VectorForm(data, initial={"vector": found.cvss_vector}, prefix=field)
        case "profile":
            reproduced = queries.reproduction_of(found.report) is Reproduction.REPRODUCED
            proposed = propose_profile(sheet.told, reproduced=reproduced).outcome
            return ProfileForm(data, initial=dict(profile_of(found).answers()), proposed=proposed, prefix=field)
        case "exploitation":
            initial = {"exploitation": found.facts.get("exploitation", "")}
            return ExploitationForm(data, initial=initial, prefix=field)
        case _:
            return TracksForm(data, initial={"tracks": found.facts.get("tracks", [])}, prefix=field)


def _first_question(sheet: Sheet) -> str:
    if not sheet.missing or sheet.missing[0] == "":
        return ""
    asked = "\n".join(f"- {question}" for question in sheet.missing)
    return f"Thank you for your report. To go on, we would like to know:\n\n{asked}"


def _comparison(request: PartyRequest, found: Assessment, compared: comparing.Comparison) -> HttpResponse:
    undecided = found.state in queries.UNDECIDED
    context = {
        "assessment": found,
        "compared": compared,
        "sides": (compared.left, compared.right),
        "is_undecided": undecided,
    }
    return render(request, "triage/compare.html", context)


def _safe_name(name: str, attachment_id: str) -> str:
    cleaned = UNSAFE.sub("_", name)[-NAME_LENGTH:].lstrip("._-")
    return f"{attachment_id}-{cleaned or 'file'}"


def _back(found: Assessment, *, at: str = "") -> HttpResponse:
    return redirect(reverse("triage:assessment", args=[found.pk]) + (f"#{at}" if at else ""))
