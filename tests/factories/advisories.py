# SPDX-License-Identifier: Apache-2.0
"""Drafted and published advisories, made by the real acts from a case with a vendor."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tests.factories import cases, records

from safeconduct.domain.report import Answer, Report
from safeconduct.server.advisories import queries, services
from safeconduct.server.advisories.forms import DraftForm
from safeconduct.server.advisories.models import Advisory
from safeconduct.server.cases import negotiation

WORDS = {
    "title": "Orchid Assistant repeated its instructions",
    "summary": "Anyone could make the assistant repeat a password from its instructions. A filter stops it now.",
    "description": "Asked in other words or spellings, the assistant repeated text of its system prompt.",
    "detection": "Look for replies that repeat the instructions.",
    "remedy": "mitigation",
    "advice": "Operators: keep no password in a prompt. Builders: filter the replies. Users: change your password.",
    "vendor": "Orchid Bank",
    "product": "Orchid Assistant",
    "purl": "pkg:generic/orchid-assistant",
    "model_string": "orchid-assistant-1",
}
"""What a coordinator writes into the form of a draft."""

ALL_WARNINGS = frozenset(f"L{number:03d}" for number in range(1, 31))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A case with its draft."""

    world: cases.World
    advisory: Advisory

    def present(self) -> Advisory:
        """Return the advisory as it stands now."""
        return Advisory.objects.select_related("case__assessment__report", "entry").get(pk=self.advisory.pk)


def said(**changes: Any) -> queries.Said:
    """Return what lets a draft without a campaign go out."""
    given = {"without_answers": "The reporter is gone.", "acknowledged": ALL_WARNINGS, **changes}
    return queries.Said(**given)


def drafted(now: datetime, *, told: Report | None = None, words: dict[str, str] | None = None) -> Drafted:
    """Return a draft with a person's words, in a case whose embargo has ended."""
    world = cases.opened(now, told=told or records.report(real_world_harm=Answer.NO))
    cases.seated(world, "Orchid Bank", now)
    negotiation.end(case=world.present(), reason="The fix is deployed.", by=world.desk, now=now)
    advisory = services.draft(case=world.present(), by=world.desk, now=now)
    form = DraftForm({**WORDS, **(words or {})})
    assert form.is_valid(), form.errors
    edited = services.edit(advisory=advisory, change=form.change(now=now), by=world.desk, now=now)
    return Drafted(world=world, advisory=edited)


def published(now: datetime, **changes: Any) -> Drafted:
    """Return an advisory that is out."""
    made = drafted(now, **changes)
    out = services.publish(advisory=made.advisory, said=said(), by=made.world.desk, now=now)
    return replace(made, advisory=out)
