# SPDX-License-Identifier: Apache-2.0
"""The pages of the register: the list with its search, and one entry."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render

from safeconduct.server.parties.access import OpenRequest, open_to_all
from safeconduct.server.registry import queries
from safeconduct.server.registry.forms import SearchForm


@open_to_all
def index(request: OpenRequest) -> HttpResponse:
    """Show the public entries, newest first."""
    form = SearchForm(request.GET)
    page = Paginator(queries.search(form.filters()), queries.PER_PAGE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {"form": form, "page": page, "asked": asked.urlencode(), "vendors": queries.vendors()[:12]}
    return render(request, "registry/index.html", context)


@open_to_all
def entry(request: OpenRequest, public_id: str) -> HttpResponse:
    """Show one entry to a reader in a hurry and to an engineer."""
    found = queries.by_public_id(public_id)
    if found.public_id != public_id:
        return redirect("registry:entry", public_id=found.public_id)
    return render(request, "registry/entry.html", {"entry": found, "record": queries.record_of(found)})
