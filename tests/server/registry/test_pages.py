# SPDX-License-Identifier: Apache-2.0
"""The pages of the register: what readers see of versions, withdrawals and names, and what a query can do."""

from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from tests.factories import records
from tests.server.factories import viewer

from safeconduct.domain.advisory import Revision
from safeconduct.domain.parties import Role
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import ConflictError
from safeconduct.server.audit.models import Event
from safeconduct.server.registry import queries, services
from safeconduct.server.registry.models import Affected, Alias, Entry
from safeconduct.server.registry.queries import PER_PAGE, Filters

pytestmark = pytest.mark.django_db

ODD = 'A&B "Bank" <Orchid> 100% ü'


def published(now: datetime, entry: Entry | None = None, **changes: object) -> Entry:
    """Return a public entry, or the entry with this record."""
    by = viewer(Role.COORDINATOR)
    found = entry or services.reserve(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK, by=by, now=now)
    return services.publish(entry=found, record=records.advisory(found.public_id, **changes), by=by, now=now)


def test_a_newer_record_takes_the_place_of_the_older_one(now: datetime, client: Client) -> None:
    entry = published(now, aliases=("CVE-2026-11111", "CVE-2026-22222"))
    later = now + timedelta(days=1)
    revisions = (*records.advisory("x").revisions, Revision(version=2, at=later, summary="Another system."))

    published(
        later,
        entry,
        aliases=("CVE-2026-22222", "CVE-2026-33333"),
        affected=(records.hosted_model(vendor="Fern Insurance"),),
        modified_at=later,
        revisions=revisions,
    )

    again = queries.by_public_id(entry.public_id)
    assert (again.published_at, again.modified_at) == (entry.published_at, later)
    assert sorted(Alias.objects.values_list("value", flat=True)) == ["CVE-2026-22222", "CVE-2026-33333"]
    assert list(Affected.objects.values_list("vendor", flat=True)) == ["Fern Insurance"]
    assert not queries.search(Filters(vendor="Orchid Bank")).exists()
    page = client.get(f"/register/{entry.public_id}/").content.decode()
    assert "Another system." in page
    assert f"/advisories/{entry.public_id}/2/json.json" in page


def test_a_withdrawn_entry_is_listed_as_such_and_says_why(now: datetime, client: Client) -> None:
    record = records.advisory("x")
    revisions = (*record.revisions, Revision(version=2, at=now, summary="It could not be repeated."))
    entry = published(now, withdrawn_at=now, revisions=revisions)

    assert "withdrawn" in client.get("/register/").content.decode()
    page = client.get(f"/register/{entry.public_id}/").content.decode()
    assert "This entry was withdrawn. It could not be repeated." in page


def test_a_vendor_of_odd_letters_is_found_by_its_link(now: datetime, client: Client) -> None:
    published(now, affected=(records.hosted_model(vendor=ODD),))
    published(now)

    listed = client.get("/register/").content.decode()
    link = f"?vendor={quote(ODD)}"
    assert link in listed
    assert client.get(f"/register/{link}").content.decode().count('<th scope="row"') == 1


def test_every_entry_is_on_exactly_one_page(now: datetime, client: Client) -> None:
    made = {published(now + timedelta(minutes=number)).public_id for number in range(PER_PAGE + 2)}

    pages = [client.get(f"/register/?page={number}").content.decode() for number in (1, 2)]

    assert all(sum(f"/register/{public_id}/" in page for page in pages) == 1 for public_id in made)
    for odd in ("0", "-1", "x", "9" * 50, "1e9", "٢"):
        assert client.get(f"/register/?page={odd}").status_code == 200


def test_a_refused_record_changes_nothing(now: datetime) -> None:
    taken = published(now, aliases=("CVE-2026-12345",))
    entry = published(now)
    before, events = queries.record_of(entry), Event.objects.filter(subject=entry.pk).count()

    with pytest.raises(ConflictError, match="alias"):
        published(now, entry, aliases=("CVE-2026-12345",), title="Another title")

    assert queries.record_of(queries.by_public_id(entry.public_id)) == before
    assert Event.objects.filter(subject=entry.pk).count() == events
    assert queries.by_public_id("CVE-2026-12345") == taken


def test_the_record_of_a_register_is_never_partly_public(now: datetime) -> None:
    entry = services.reserve(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK, by=viewer(Role.COORDINATOR), now=now)

    assert (entry.title, entry.search_text, entry.record, entry.tier) == ("", "", None, "")
    assert list(queries.reserved_for(viewer(Role.COORDINATOR))) == [entry]
    assert not queries.reserved_for(viewer(Role.VENDOR)).exists()
    assert not queries.search(Filters(text=entry.public_id)).exists()
