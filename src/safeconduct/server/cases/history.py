# SPDX-License-Identifier: Apache-2.0
"""What happened in a case, in words, the newest first: the steps the viewer may know of.

The steps of the whole case are for all. Those of a participant are for whoever may know of the participant, so one
vendor never reads of another. Who acted is told to those who coordinate only.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from safeconduct.domain.case import CaseFact, Consent, ProtocolMessage, ReportState
from safeconduct.domain.parties import Role
from safeconduct.policy.lifecycle import words
from safeconduct.policy.messages import MESSAGE_OF, messages
from safeconduct.server.audit import vault
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, Transition
from safeconduct.server.cases.places import step_place
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer

M = ProtocolMessage
MOST = 100
EMBARGO_WORDS = {
    M.EMBARGO_PROPOSAL: "an embargo is proposed",
    M.EMBARGO_ACCEPTED: "the embargo is in force",
    M.EMBARGO_REJECTED: "the proposed embargo is rejected",
    M.EMBARGO_REVISION: "other terms of the embargo are proposed",
    M.EMBARGO_REVISION_ACCEPTED: "new terms of the embargo are in force",
    M.EMBARGO_REVISION_REJECTED: "the proposed terms are rejected, and those in force stay",
    M.EMBARGO_TERMINATION: "the embargo has ended",
}
FACT_WORDS = {
    CaseFact.VENDOR_AWARE: "knows of the flaw",
    CaseFact.FIX_READY: "has a fix ready",
    CaseFact.FIX_DEPLOYED: "has deployed the fix",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One step in words. `by` is empty for who may not know, and for what came of itself."""

    at: datetime
    words: str
    reason: str
    code: str
    by: str = ""


def history_for(viewer: Viewer, case: Case, *, most: int = MOST) -> list[Happening]:
    """Return what happened, the newest first. The caller has checked that the viewer may read the case."""
    rows = case.transitions.select_related("participant").order_by("-position")
    if not viewer.has(Role.COORDINATOR):
        known = queries.participants_for(viewer, case)
        rows = rows.filter(Q(participant__isnull=True) | Q(participant__in=known))
    found = list(rows[:most])
    names = _names(found) if viewer.has(Role.COORDINATOR) else {}
    open_text = vault.opener(case.pk)
    return [
        Happening(
            at=row.at,
            words=_words(row),
            reason=open_text(bytes(row.reason), step_place(case.pk, row.position)) if row.reason else "",
            code=row.message,
            by=names.get(row.actor, ""),
        )
        for row in found
    ]


def _names(rows: list[Transition]) -> dict[str, str]:
    return {party.pk: str(party) for party in Party.objects.filter(pk__in={row.actor for row in rows})}


def _words(row: Transition) -> str:
    who = row.participant.name if row.participant is not None else ""
    match row.axis:
        case "RM":
            return f"{who} {words(ReportState(row.after))}"
        case "PEC":
            return f"{who} has left the case" if row.after == "left" else f"{who} {words(Consent(row.after))}"
        case "EM":
            return EMBARGO_WORDS.get(ProtocolMessage(row.message), EMBARGO_WORDS[M.EMBARGO_TERMINATION])
        case _:
            gained = [CaseFact(letter) for letter in row.after if letter.isupper() and letter not in row.before]
            return ", ".join(f"{who} {FACT_WORDS[fact]}" if who else _public(fact) for fact in gained)


def _public(fact: CaseFact) -> str:
    return messages().words[MESSAGE_OF[fact]]
