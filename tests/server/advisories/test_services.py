# SPDX-License-Identifier: Apache-2.0
"""What goes out with an advisory: what the gate saw, and a verdict on the systems it was about."""

from dataclasses import replace
from datetime import datetime

import pytest
from tests.factories import cases, records

from safeconduct.domain.advisory import VerificationSummary
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.systems import UNKNOWN, AffectedStatus
from safeconduct.server.advisories import drafting, queries, services
from safeconduct.server.advisories.models import Advisory, AdvisoryState, Publication
from safeconduct.server.registry import queries as register
from safeconduct.server.registry import services as registry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


def published(world: cases.World, now: datetime) -> Advisory:
    """Return an advisory whose first version is out."""
    advisory = services.draft(case=world.present(), by=world.desk, now=now)
    record = replace(records.advisory(advisory.entry.public_id), publisher=queries.publisher())
    services.edit(advisory=advisory, change=lambda _: record, by=world.desk, now=now)
    registry.publish(entry=advisory.entry, record=record, by=world.desk, now=now)
    Advisory.objects.filter(pk=advisory.pk).update(state=AdvisoryState.PUBLISHED, version=1, published_at=now)
    return Advisory.objects.get(pk=advisory.pk)


def test_a_withdrawal_does_not_carry_out_what_was_edited_since(now: datetime) -> None:
    world = cases.opened(now)
    advisory = published(world, now)
    services.edit(
        advisory=advisory,
        change=lambda draft: replace(draft, description="the exact words of the attack"),
        by=world.desk,
        now=now,
    )

    withdrawn = services.withdraw(advisory=advisory, reason="It was no flaw.", by=world.desk, now=now)

    record = register.record_of(register.by_public_id(withdrawn.entry.public_id))
    written = b"".join(bytes(one.content) for one in Publication.objects.filter(advisory=advisory))
    assert record.withdrawn_at == now
    assert record.description == records.advisory("").description
    assert b"exact words" not in written


@pytest.mark.parametrize(
    ("verdict", "tested", "statuses"),
    [
        (Verdict.FIXED, None, ("fixed", "fixed", "fixed")),
        (Verdict.FIXED, "Orchid Bank", ("fixed", "affected", "affected")),
        (Verdict.NOT_FIXED, "Orchid Bank", ("affected", "affected", "affected")),
        (Verdict.FIXED, "", ("fixed", "affected", "affected")),
    ],
)
def test_a_verdict_is_told_of_the_systems_it_was_about(
    verdict: Verdict, tested: str | None, statuses: tuple[str, ...], now: datetime
) -> None:
    summary = VerificationSummary(verdict=verdict, decided_at=now, tolerance=0.05, alpha=0.05)
    systems = (
        records.hosted_model(vendor="Orchid Bank", status=AffectedStatus.FIXED),
        records.hosted_model(vendor="Fern Insurance", status=AffectedStatus.SUSPECTED),
        records.hosted_model(vendor=UNKNOWN, status=AffectedStatus.SUSPECTED),
    )

    found = tuple(drafting.with_status(system, summary, tested=tested).status for system in systems)

    assert found == statuses


def test_a_person_may_say_fixed_where_nothing_was_tested() -> None:
    system = records.hosted_model(status=AffectedStatus.FIXED)

    assert drafting.with_status(system, None, tested=None) == system
