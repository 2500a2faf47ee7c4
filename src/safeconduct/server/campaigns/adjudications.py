# SPDX-License-Identifier: Apache-2.0
"""Adjudication: a person looks at every answer that a judge model took for a success, and says what it is.

A judge errs, so its word alone counts for neither claim. A campaign whose oracle has a judge therefore rests before it
would end, until a person has said of each find: a real success, no success, or that nobody can tell. Then it goes on
where it was, with these words in the place of the judge's: the verdict is computed anew, and calls that are missing are
made. That happens before the draws are revealed; a certified verdict is not changed any more.

The whole reply is shown to those who coordinate, and every look at it is in the record.
"""

from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.safe_json import read_json
from safeconduct.errors import ConflictError, NotFoundError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.campaigns.models import Adjudication, Campaign, CampaignState, JournalLine, Ruling
from safeconduct.server.campaigns.places import journal_place
from safeconduct.server.parties.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """One answer that a judge took for a success: its number, an excerpt, and what a person said of it."""

    number: int
    excerpt: str
    ruling: Ruling | None


def finds_of(campaign: Campaign) -> list[Find]:
    """Return the answers that a person has to look at. The caller has checked that the asker may see the campaign."""
    rulings = dict(campaign.adjudications.values_list("trial", "ruling"))
    return [
        Find(
            number=line.number,
            excerpt=str(_reply(campaign, line)["excerpt"]),
            ruling=Ruling(rulings[line.number]) if line.number in rulings else None,
        )
        for line in _doubtful(campaign)
    ]


def is_waiting(campaign: Campaign) -> bool:
    """Tell whether a person still has to look at an answer."""
    ruled = campaign.adjudications.values("trial")
    return campaign.journal.exclude(sealed_reply=b"").exclude(number__in=ruled).exists()


@atomic_write
def whole_reply(*, campaign: Campaign, number: int, by: Viewer, now: datetime) -> str:
    """Return a whole reply, which may be harmful; the look is recorded.

    Raises:
        NotPermittedError: only those who coordinate look.
        NotFoundError: no such answer waits for a person.
    """
    by.require(Role.COORDINATOR)
    text = str(_reply(campaign, _line(campaign, number))["text"])
    audit.record(EventTag.REPLY_SHOWN, subject=campaign.pk, actor=by.actor, at=now, facts={"trial": number})
    return text


@atomic_write
def rule(*, campaign: Campaign, number: int, ruling: Ruling, by: Viewer, now: datetime) -> Campaign:
    """Say what an answer is; after the last one the campaign goes on.

    Raises:
        NotPermittedError: only those who coordinate say so.
        NotFoundError: no such answer waits for a person.
        ConflictError: the campaign does not rest.
    """
    by.require(Role.COORDINATOR)
    current = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if current.state != CampaignState.PAUSED:
        raise ConflictError("the campaign does not rest", hint="a certified verdict is not changed any more")
    _line(current, number)
    Adjudication.objects.update_or_create(
        campaign=current, trial=number, defaults={"ruling": ruling, "actor": by.actor, "at": now}
    )
    facts: dict[str, audit.Fact] = {"trial": number, "ruling": ruling.value}
    audit.record(EventTag.TRIAL_ADJUDICATED, subject=current.pk, actor=by.actor, at=now, facts=facts)
    if not is_waiting(current):
        current.state = CampaignState.QUEUED
        current.save(update_fields=["state"])
    return current


def forget(campaign: Campaign) -> None:
    """Let go of the replies of a campaign that is over. Call it inside the act's `atomic_write`."""
    campaign.journal.exclude(sealed_reply=b"").update(sealed_reply=b"")


def _doubtful(campaign: Campaign) -> list[JournalLine]:
    return list(campaign.journal.exclude(sealed_reply=b""))


def _line(campaign: Campaign, number: int) -> JournalLine:
    line = campaign.journal.exclude(sealed_reply=b"").filter(number=number).first()
    if line is None:
        raise NotFoundError("no such answer")
    return line


def _reply(campaign: Campaign, line: JournalLine) -> dict[str, object]:
    place = journal_place(campaign.pk, line.number, "reply")
    found = read_json(vault.open_sealed(bytes(line.sealed_reply), subject=campaign.claim.case_id, place=place))
    return dict(found) if isinstance(found, dict) else {"text": "", "excerpt": ""}
