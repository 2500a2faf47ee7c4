# SPDX-License-Identifier: Apache-2.0
"""What a room shows of the embargo: the terms in force, those on the table, who has answered, and what one may answer.

A vendor reads of its own answers only. Who put terms forward is told to those who coordinate; everybody else reads
"you" or "the coordinator", because a name, or the lack of one, would tell of another vendor.
"""

from collections.abc import Callable
from dataclasses import dataclass

from safeconduct.crypto.sealing import Place
from safeconduct.domain.case import EmbargoState
from safeconduct.domain.parties import CaseRole, Role
from safeconduct.policy.lifecycle import words
from safeconduct.server.audit import vault
from safeconduct.server.cases import negotiation, queries
from safeconduct.server.cases.models import Case, EmbargoTerm, Participant
from safeconduct.server.cases.places import override_place, term_place
from safeconduct.server.parties.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One participant's answer to terms: said is yes, no or nothing yet; `may_answer` is for the viewer."""

    seat: Participant
    said: bool | None
    may_answer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Terms in force or on the table."""

    term: EmbargoTerm
    proposer: str
    reason: str
    voices: tuple[Voice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The embargo as one viewer may see it."""

    state: EmbargoState
    words: str
    in_force: Proposal | None
    on_the_table: tuple[Proposal, ...]
    kept_because: str
    may_propose: bool


def panel_for(viewer: Viewer, case: Case) -> Panel:
    """Return the panel. The caller has checked that the viewer may read the case."""
    open_text = vault.opener(case.pk)
    seat = queries.seat_in(viewer, case)
    active = queries.active_term(case)
    voters = list(queries.voters(case))
    table = tuple(_proposal(term, viewer, seat, voters, open_text) for term in queries.open_terms(case))
    kept = bytes(case.attack_override)
    is_over = case.closed_at is not None or queries.public_facts(case)
    looks_on = seat is not None and seat.role in queries.LOOKERS_ON and not viewer.has(Role.COORDINATOR)
    return Panel(
        state=EmbargoState(case.embargo),
        words=words(EmbargoState(case.embargo)),
        in_force=_proposal(active, viewer, seat, [], open_text) if active else None,
        on_the_table=table,
        kept_because=open_text(kept, override_place(case.pk)) if kept else "",
        may_propose=not is_over and case.embargo != EmbargoState.EXITED and not looks_on,
    )


def _proposal(
    term: EmbargoTerm,
    viewer: Viewer,
    seat: Participant | None,
    voters: list[Participant],
    open_text: Callable[[bytes, Place], str],
) -> Proposal:
    said = {answer.participant_id: answer.accepts for answer in term.answers.all()}
    coordinates = viewer.has(Role.COORDINATOR)
    shown = [one for one in voters if coordinates or (seat is not None and one.pk == seat.pk)]
    voices = tuple(
        Voice(
            seat=one,
            said=said.get(one.pk),
            may_answer=said.get(one.pk) is None and _may_answer(one, seat, coordinates=coordinates),
        )
        for one in shown
    )
    return Proposal(
        term=term,
        proposer=_proposer(term, seat, coordinates=coordinates),
        reason=open_text(bytes(term.reason), term_place(term.pk)) if term.reason else "",
        voices=voices,
    )


def _may_answer(voter: Participant, seat: Participant | None, *, coordinates: bool) -> bool:
    if coordinates and (voter.role in {CaseRole.COORDINATOR, *negotiation.BY_PROXY} or voter.joined_at is None):
        return True
    return seat is not None and voter.pk == seat.pk


def _proposer(term: EmbargoTerm, seat: Participant | None, *, coordinates: bool) -> str:
    if coordinates:
        return term.proposed_by.name if term.proposed_by is not None else ""
    return "you" if seat is not None and term.proposed_by_id == seat.pk else "the coordinator"
