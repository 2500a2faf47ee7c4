# SPDX-License-Identifier: Apache-2.0
"""Agreeing on an embargo: which terms win at the start, and how revisions are settled.

The rules are those of the CERT multi-party protocol (Vultron, embargo principles and formal protocol):

    one embargo per case; the shortest terms win, all longer ones stay as proposed revisions
    a receiver's default counts as proposed and accepted, so the embargo is active at once
    silence is not consent; without any terms there is no embargo
    revisions are settled from the earliest end to the latest; each accepted one replaces the terms in force, and the
    first that is rejected ends the round: it and all later ones are rejected

Ends are cut at the cap of the tier. Consent is joint: one rejection is enough to reject. A participant who does not
want to go on may leave; leaving ends nothing for the others.

How an embargo ends, and who joins later, is told by `policy.embargo_course`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from safeconduct.domain.case import CaseState, EmbargoEvent, EmbargoState
from safeconduct.domain.embargo import Answer, EmbargoTerms, Resolution
from safeconduct.domain.instants import show_utc, utc
from safeconduct.errors import ConflictError
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.embargo_rules import of_case
from safeconduct.policy.lifecycle import require_embargo

Votes = Mapping[str, Mapping[str, Answer]]
"""What each participant said, by the identifier of the terms."""


@dataclass(slots=True)
class _Minutes:
    """The reasons and rules of one decision, in the order in which they spoke."""

    reasons: list[str]
    rules: list[str]

    def note(self, rule: str, reason: str) -> None:
        """Write down a rule and its reason."""
        self.reasons.append(reason)
        self.rules.append(rule)

    def decide(self, resolution: Resolution, **inputs: object) -> Decision[Resolution]:
        """Return the decision with its grounds."""
        return Decision(outcome=resolution, reasons=tuple(self.reasons), rules=tuple(self.rules), inputs=inputs)


def opening(
    *,
    proposals: Iterable[EmbargoTerms] = (),
    defaults: Iterable[EmbargoTerms] = (),
    case: CaseState = CaseState(),  # noqa: B008  # frozen
    cap: datetime | None = None,
    now: datetime,
) -> Decision[Resolution]:
    """Return the embargo with which a case begins.

    `proposals` come from who reports or invites, `defaults` are the published policies of who receives.

    Raises:
        ConflictError: two terms have the same identifier.
    """
    minutes = _Minutes([], [])
    proposed, offered = (
        _usable(terms, minutes, cap=cap, now=utc(now)) for terms in (tuple(proposals), tuple(defaults))
    )
    _refuse_twins((*proposed, *offered))
    room = of_case(case)
    if room.outcome is Outcome.BLOCKED:
        minutes.note("embargo.public", f"no embargo: {', '.join(room.reasons)}")
        resolution = Resolution(state=EmbargoState.NONE)
    elif not (*proposed, *offered):
        minutes.note("embargo.no-terms", "nobody proposed terms and nobody has a default: there is no embargo")
        resolution = Resolution(state=EmbargoState.NONE)
    elif not offered:
        minutes.note(
            "embargo.proposed", "nobody who receives has a default: the terms are proposed and should be accepted"
        )
        resolution = Resolution(state=EmbargoState.PROPOSED, pending=_in_order(proposed))
    else:
        resolution = _shortest(offered, proposed, minutes)
    return minutes.decide(resolution, case=case.code, cap=cap, now=now)


def propose(
    resolution: Resolution, terms: EmbargoTerms, *, cap: datetime | None = None, now: datetime
) -> Decision[Resolution]:
    """Return the negotiation with these terms on the table as well.

    Whether the participant should propose them is told by `policy.embargo_rules`.

    Raises:
        TransitionError: the embargo has ended.
        ConflictError: the end is not ahead, or the identifier is taken.
    """
    minutes = _Minutes([], [])
    usable = _usable((terms,), minutes, cap=cap, now=utc(now))
    if not usable:
        raise ConflictError("the end of the embargo is not ahead", hint="propose a later end", rules=["embargo.end"])
    known = (*resolution.pending, *resolution.rejected, *((resolution.active,) if resolution.active else ()))
    _refuse_twins((*known, *usable))
    state = require_embargo(resolution.state, EmbargoEvent.PROPOSE)
    minutes.note("embargo.proposed", f"proposed to end on {show_utc(usable[0].ends_at)}")
    return minutes.decide(replace(resolution, state=state, pending=_in_order((*resolution.pending, *usable))), now=now)


def settle(resolution: Resolution, votes: Votes, *, parties: frozenset[str], now: datetime) -> Decision[Resolution]:
    """Return the negotiation after counting what the parties said to the terms on the table.

    Who put terms forward agrees to them. An answer that is missing leaves these terms, and all later ones, open.

    Raises:
        ConflictError: an answer is to terms that are not on the table, or from someone who is no party.
    """
    _refuse_stray_votes(resolution, votes, parties)
    minutes = _Minutes([], [])
    active, signatories = resolution.active, resolution.signatories
    waiting = list(_in_order(resolution.pending))
    rejected: list[EmbargoTerms] = []
    while waiting:
        answer = _count(waiting[0], votes.get(waiting[0].id, {}), parties, now=utc(now))
        if answer is None:
            minutes.note("embargo.open", f"the end {show_utc(waiting[0].ends_at)} waits for answers")
            break
        if answer is Answer.REJECT:
            minutes.note(
                "embargo.rejected", f"the end {show_utc(waiting[0].ends_at)} is rejected, and every later one with it"
            )
            rejected, waiting = waiting, []
            break
        active, signatories = waiting.pop(0), parties
        minutes.note("embargo.accepted", f"all agree on the end {show_utc(active.ends_at)}")
    return minutes.decide(
        Resolution(
            state=_state_of(active, waiting),
            active=active,
            pending=tuple(waiting),
            rejected=(*resolution.rejected, *rejected),
            signatories=signatories,
        ),
        parties=parties,
        now=now,
    )


def _usable(
    terms: tuple[EmbargoTerms, ...], minutes: _Minutes, *, cap: datetime | None, now: datetime
) -> tuple[EmbargoTerms, ...]:
    """Leave out ends that are not ahead and cut those beyond the cap."""
    usable = []
    for one in terms:
        end = one.ends_at
        if cap and end > cap:
            minutes.note("embargo.cap", f"the end {show_utc(end)} is cut at {show_utc(cap)}, the longest for this tier")
            end = utc(cap)
        if end <= now:
            minutes.note("embargo.end", f"the end {show_utc(end)} is not ahead and does not count")
        else:
            usable.append(replace(one, ends_at=end))
    return tuple(usable)


def _shortest(offered: tuple[EmbargoTerms, ...], proposed: tuple[EmbargoTerms, ...], minutes: _Minutes) -> Resolution:
    """Put the earliest end in force; all later ones become revisions."""
    terms = _in_order((*offered, *proposed))
    active = terms[0]
    pending = tuple(one for one in terms if one.ends_at > active.ends_at)
    minutes.note("embargo.shortest", f"the shortest terms win: the embargo is active until {show_utc(active.ends_at)}")
    if pending:
        minutes.note("embargo.revisions", "the longer terms stay as proposed revisions")
    return Resolution(
        state=EmbargoState.REVISE if pending else EmbargoState.ACTIVE,
        active=active,
        pending=pending,
        signatories=frozenset(one.by for one in terms),
    )


def _in_order(terms: Iterable[EmbargoTerms]) -> tuple[EmbargoTerms, ...]:
    """Return the terms from the earliest end to the latest; the identifier decides between equal ends."""
    return tuple(sorted(terms, key=lambda one: (one.ends_at, one.id)))


def _count(terms: EmbargoTerms, said: Mapping[str, Answer], parties: frozenset[str], *, now: datetime) -> Answer | None:
    """Return the joint answer, or nothing while someone has not answered."""
    if Answer.REJECT in said.values() or terms.ends_at <= now:
        return Answer.REJECT
    return Answer.ACCEPT if parties <= set(said) | {terms.by} else None


def _state_of(active: EmbargoTerms | None, pending: list[EmbargoTerms]) -> EmbargoState:
    """Return the state that goes with terms in force and terms on the table."""
    if active:
        return EmbargoState.REVISE if pending else EmbargoState.ACTIVE
    return EmbargoState.PROPOSED if pending else EmbargoState.NONE


def _refuse_twins(terms: tuple[EmbargoTerms, ...]) -> None:
    """Refuse an identifier that names two sets of terms, because consent would be to both."""
    if len({one.id for one in terms}) != len(terms):
        raise ConflictError(
            "two sets of terms have the same identifier", hint="give each its own", rules=["embargo.id"]
        )


def _refuse_stray_votes(resolution: Resolution, votes: Votes, parties: frozenset[str]) -> None:
    """Refuse consent to terms that are not on the table, such as those of an earlier proposal, and of strangers."""
    on_the_table = {one.id for one in resolution.pending}
    if not set(votes) <= on_the_table:
        raise ConflictError(
            "an answer is to terms that are not on the table",
            hint="look at the present terms and answer again",
            rules=["embargo.stale-consent"],
        )
    if not {name for said in votes.values() for name in said} <= parties:
        raise ConflictError(
            "an answer comes from someone who is no party", hint="invite first", rules=["embargo.party"]
        )
