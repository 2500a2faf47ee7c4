# SPDX-License-Identifier: Apache-2.0
"""The register: nothing before publication, everything found afterwards, the same on both databases."""

from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from tests.factories import records
from tests.server.factories import viewer

from safeconduct.domain.parties import Role
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import ConflictError, NotFoundError, NotPermittedError
from safeconduct.server.registry import queries, services
from safeconduct.server.registry.models import Entry, EntryState
from safeconduct.server.registry.queries import Filters

pytestmark = pytest.mark.django_db


def reserved(now: datetime) -> Entry:
    """Return an embargoed entry."""
    return services.reserve(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK, by=viewer(Role.COORDINATOR), now=now)


def published(now: datetime, **changes: object) -> Entry:
    """Return a public entry."""
    entry = reserved(now)
    record = records.advisory(entry.public_id, **changes)
    return services.publish(entry=entry, record=record, by=viewer(Role.COORDINATOR), now=now)


def test_an_embargoed_entry_is_like_none(now: datetime, client: Client) -> None:
    entry = reserved(now)

    assert not queries.search(Filters()).exists()
    assert client.get(f"/register/{entry.public_id}/").content == client.get("/register/SC-2026-00000000/").content
    with pytest.raises(NotFoundError):
        queries.by_public_id(entry.public_id)


def test_the_database_refuses_text_under_embargo(now: datetime) -> None:
    entry = reserved(now)

    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.filter(pk=entry.pk).update(title="what nobody may know")


@pytest.mark.parametrize(
    ("filters", "is_found"),
    [
        (Filters(text="ORCHID assistant"), True),
        (Filters(text="prompt password"), True),
        (Filters(text="LLM07"), True),
        (Filters(text="orchid refrigerator"), False),
        (Filters(text="%' OR refrigerator --"), False),
        (Filters(flaw_class="system-prompt-leak", tier="medium", vendor="Orchid Bank"), True),
        (Filters(tier="critical"), False),
        (Filters(technique="owasp-llm/2025/LLM07"), True),
        (Filters(technique="owasp-llm/2023/LLM07"), False),
    ],
)
def test_a_public_entry_is_found_by_what_it_says(now: datetime, filters: Filters, is_found: bool) -> None:  # noqa: FBT001
    published(now)

    assert queries.search(filters).exists() is is_found


def test_accents_and_width_make_no_difference(now: datetime) -> None:
    published(now, title="Fuite du modèle Ｏｒｃｈｉｄée")

    assert queries.search(Filters(text="modele orchidee")).exists()


def test_an_alias_leads_to_the_entry_and_belongs_to_one(now: datetime, client: Client) -> None:
    entry = published(now, aliases=("CVE-2026-12345",))

    assert client.get("/register/CVE-2026-12345/").headers["Location"] == f"/register/{entry.public_id}/"
    with pytest.raises(ConflictError):
        published(now, aliases=("CVE-2026-12345",))


def test_a_merged_entry_leads_to_its_heir(now: datetime) -> None:
    heir, old = published(now), published(now)
    Entry.objects.filter(pk=old.pk).update(state=EntryState.MERGED, merged_into=heir)

    assert queries.by_public_id(old.public_id) == heir


def test_only_those_who_coordinate_publish(now: datetime) -> None:
    entry = reserved(now)

    with pytest.raises(NotPermittedError):
        services.publish(entry=entry, record=records.advisory(entry.public_id), by=viewer(Role.VENDOR), now=now)


def test_the_record_of_another_entry_is_refused(now: datetime) -> None:
    with pytest.raises(ConflictError):
        services.publish(
            entry=reserved(now), record=records.advisory("SC-2026-00000000"), by=viewer(Role.COORDINATOR), now=now
        )


def test_the_record_survives_the_register_unchanged(now: datetime) -> None:
    entry = published(now)

    assert queries.record_of(entry) == records.advisory(entry.public_id)


@pytest.mark.parametrize(
    "query", ["", "?q=orchid", "?q=%00", "?kind=nonsense&tier=x", "?page=9999", "?q=" + "a" * 5000]
)
def test_the_list_answers_every_query(now: datetime, client: Client, query: str) -> None:
    published(now)

    assert client.get(f"/register/{query}").status_code == 200


def test_the_entry_page_shows_text_and_never_runs_it(now: datetime, client: Client) -> None:
    entry = published(now, title="<script>alert(1)</script>")

    page = client.get(f"/register/{entry.public_id}/").content.decode()

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
