# SPDX-License-Identifier: Apache-2.0
"""The public policy pages, the form for a new version, and security.txt (RFC 9116)."""

from datetime import UTC, timedelta
from string import Template

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError
from safeconduct.server.parties.access import OpenRequest, PartyRequest, acts_for, open_to_all
from safeconduct.server.rulebook import queries, services
from safeconduct.server.rulebook.forms import PolicyForm
from safeconduct.server.rulebook.markup import as_html
from safeconduct.server.rulebook.models import PolicyKind
from safeconduct.server.rulebook.queries import Policy


@require_safe
@open_to_all
def policy(request: OpenRequest) -> HttpResponse:
    """Show all policies in force on one page."""
    texts = [_shown(queries.policy_in_force(kind, now=request.now)) for kind in PolicyKind]
    return render(request, "rulebook/policy.html", {"texts": texts})


@require_safe
@open_to_all
def policy_version(request: OpenRequest, kind: str, version: int) -> HttpResponse:
    """Show one version of one policy."""
    shown = _shown(queries.policy_version(_kind(kind), version))
    return render(request, "rulebook/version.html", {"shown": shown, "versions": queries.versions(_kind(kind))})


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.ADMINISTRATOR)
def change(request: PartyRequest, kind: str) -> HttpResponse:
    """Put a new version in force."""
    current = queries.policy_in_force(_kind(kind), now=request.now)
    initial = {"text": current.text, "embargo_days": current.embargo_days}
    form = PolicyForm(request.POST or None, initial=initial)
    if not form.is_valid():
        return render(request, "rulebook/change.html", {"form": form, "kind": current.kind})
    services.put_in_force(kind=current.kind, by=request.viewer, now=request.now, **form.cleaned_data)
    messages.success(request, "The new version is in force.")
    return redirect("rulebook:policy")


@require_safe
@open_to_all
def security_txt(request: OpenRequest) -> HttpResponse:
    """Say in the standard form where flaws of this service itself are reported."""
    base = settings.SAFECONDUCT.base_url.rstrip("/")
    # The end is that of the day, so that the file is the same all day.
    day = request.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expires = day + timedelta(days=settings.SAFECONDUCT.security_txt_days)
    lines = [
        f"Contact: {settings.SAFECONDUCT.contact or _report_url()}",
        f"Expires: {expires.strftime('%Y-%m-%dT%H:%M:%SZ')}",
        f"Preferred-Languages: {', '.join(settings.SAFECONDUCT.languages)}",
        f"Canonical: {base}/.well-known/security.txt",
        f"Policy: {base}{reverse('rulebook:policy')}",
    ]
    response = HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _shown(policy: Policy) -> dict[str, object]:
    values = {
        "service": settings.SAFECONDUCT.name,
        "embargo_days": str(policy.embargo_days),
        "report_url": _report_url(),
    }
    return {"policy": policy, "html": as_html(Template(policy.text).safe_substitute(values))}


def _report_url() -> str:
    base: str = settings.SAFECONDUCT.base_url.rstrip("/")
    try:
        return base + reverse("intake:start")
    except NoReverseMatch:
        return base + "/"


def _kind(text: str) -> PolicyKind:
    if text not in {kind.value for kind in PolicyKind}:
        raise NotFoundError("no such policy")
    return PolicyKind(text)
