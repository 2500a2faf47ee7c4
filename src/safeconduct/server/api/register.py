# SPDX-License-Identifier: Apache-2.0
"""Operations on the public register: search it, and read one entry in its native form."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from safeconduct.server.api.app import answers
from safeconduct.server.api.schemas import EntriesOut
from safeconduct.server.registry import queries
from safeconduct.server.registry.models import Entry
from safeconduct.server.registry.queries import Filters

router = Router(tags=["register"])
PER_PAGE = 50


class SearchIn(Schema):
    """What to look for; empty values do not filter."""

    q: str = Field(default="", max_length=400)
    kind: str = Field(default="", max_length=40)
    tier: str = Field(default="", max_length=10)
    vendor: str = Field(default="", max_length=300)
    technique: str = Field(default="", max_length=120)
    page: int = Field(default=1, ge=1, le=100_000)


@router.get("/register", response=answers({200: EntriesOut}), operation_id="search_register")
def search(request: HttpRequest, asked: Query[SearchIn]) -> dict[str, Any]:  # noqa: ARG001  # ninja's signature
    """Search the public entries, newest first."""
    filters = Filters(
        text=asked.q, flaw_class=asked.kind, tier=asked.tier, vendor=asked.vendor, technique=asked.technique
    )
    page = Paginator(queries.search(filters), PER_PAGE).get_page(asked.page)
    return {
        "count": page.paginator.count,
        "page": page.number,
        "pages": page.paginator.num_pages,
        "entries": [_short(entry) for entry in page.object_list],
    }


@router.get("/register/{public_id}", response=answers({200: dict[str, Any]}), operation_id="read_entry")
def entry(request: HttpRequest, public_id: str) -> dict[str, Any]:  # noqa: ARG001  # ninja's signature
    """Read one public entry in the native form, by its identifier or an alias."""
    found = queries.by_public_id(public_id)
    record: dict[str, Any] = found.record or {}
    return record


def _short(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.public_id,
        "title": entry.title,
        "state": entry.state,
        "flaw_class": entry.flaw_class,
        "tier": entry.tier,
        "published_at": entry.published_at,
        "modified_at": entry.modified_at,
        "aliases": [alias.value for alias in entry.aliases.all()],
    }
