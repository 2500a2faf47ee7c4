# SPDX-License-Identifier: Apache-2.0
"""Which steps are legal: the machines for reports (RM), embargoes (EM) and consent (PEC), as tables.

`may_…` answers with a decision and its grounds, `require_…` returns the next state or refuses. What a step of one
machine does to another (a leak ends the embargo) is told by the messages: see `policy.messages`. When an embargo is
wise, beyond being legal, is told by `policy.embargoes`; the order of the facts of a case by `policy.histories`.

Three guards stand beside the published tables (Vultron, formal protocol), which contradict their own text without
them: a fix is ready only after acceptance, a report is invalid only right after receipt, and what the public knows
the vendor knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Generic, TypeVar, assert_never

from safeconduct.domain.case import (
    Consent,
    ConsentEvent,
    EmbargoEvent,
    EmbargoState,
    ReportEvent,
    ReportState,
)
from safeconduct.errors import TransitionError
from safeconduct.policy import tables
from safeconduct.policy.decision import Decision, Outcome

StateT = TypeVar("StateT", ReportState, EmbargoState, Consent)
EventT = TypeVar("EventT", ReportEvent, EmbargoEvent, ConsentEvent)

UNDER_EMBARGO: Final = frozenset({EmbargoState.ACTIVE, EmbargoState.REVISE})
"""The states in which the parties keep silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Generic[StateT, EventT]):
    """One table of steps: `edges` from state and event to the next state, with words for people."""

    name: str
    title: str
    start: StateT
    accepting: frozenset[StateT]
    edges: Mapping[tuple[StateT, EventT], StateT]
    state_words: Mapping[StateT, str]
    event_words: Mapping[EventT, str]

    def may(self, state: StateT, event: EventT) -> Decision[Outcome]:
        """Say whether the table has such a step."""
        inputs = {"state": state, "event": event}
        if (state, event) in self.edges:
            return Decision(outcome=Outcome.ALLOWED, rules=(f"lifecycle.{self.name}",), inputs=inputs)
        reason = f"one that “{self.state_words[state]}” cannot {self.event_words[event]}"
        return Decision(outcome=Outcome.BLOCKED, reasons=(reason,), rules=(f"lifecycle.{self.name}",), inputs=inputs)

    def require(self, state: StateT, event: EventT) -> StateT:
        """Return the state after the step.

        Raises:
            TransitionError: the table has no such step.
        """
        refuse(self.may(state, event))
        return self.edges[state, event]

    def events(self, state: StateT) -> tuple[EventT, ...]:
        """Return the steps that are possible from the state, in the order of the table."""
        return tuple(event for source, event in self.edges if source is state)

    def accepts(self, events: tuple[EventT, ...]) -> bool:
        """Say whether the steps lead from the start to a state in which the machine may rest."""
        state = self.start
        for event in events:
            if (state, event) not in self.edges:
                return False
            state = self.edges[state, event]
        return state in self.accepting


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The three machines, and the guards and rules in words."""

    edition: str
    report: Machine[ReportState, ReportEvent]
    embargo: Machine[EmbargoState, EmbargoEvent]
    consent: Machine[Consent, ConsentEvent]
    rules: Mapping[str, str]


@cache
def lifecycle() -> Lifecycle:
    """Return the table, read and checked once.

    Raises:
        ConfigurationError: the shipped table is damaged.
    """
    return tables.load("lifecycle.json", build_lifecycle)


def build_lifecycle(table: tables.Table) -> Lifecycle:
    """Check the table and give its letters their types."""
    return Lifecycle(
        edition=table.edition,
        report=_machine(table, "report", ReportState, ReportEvent),
        embargo=_machine(table, "embargo", EmbargoState, EmbargoEvent),
        consent=_machine(table, "consent", Consent, ConsentEvent),
        rules={str(rule): str(words) for rule, words in table.content["rules"].items()},
    )


def _machine(table: tables.Table, name: str, state: type[StateT], event: type[EventT]) -> Machine[StateT, EventT]:
    """Read one machine; every state and event has its words, and no step is told twice."""
    data = table.content["machines"][name]
    edges = {(state(source), event(step)): state(target) for source, step, target in data["edges"]}
    machine = Machine(
        name=name,
        title=str(data["title"]),
        start=state(data["start"]),
        accepting=frozenset(map(state, data["accepting"])),
        edges=edges,
        state_words={state(letter): str(words) for letter, words in data["states"].items()},
        event_words={event(letter): str(words) for letter, words in data["events"].items()},
    )
    if (
        len(edges) != len(data["edges"])
        or set(machine.state_words) != set(state)
        or set(machine.event_words) != set(event)
    ):
        raise ValueError(f"the machine “{name}” repeats a step or lacks words")
    return machine


def may_move_report(
    state: ReportState, event: ReportEvent, *, embargo: EmbargoState = EmbargoState.NONE
) -> Decision[Outcome]:
    """Say whether a participant's report may take the step; closing under an active embargo is discouraged."""
    decision = lifecycle().report.may(state, event)
    closes = event is ReportEvent.CLOSE and embargo in UNDER_EMBARGO
    if decision.outcome is Outcome.BLOCKED or not closes:
        return decision
    return Decision(
        outcome=Outcome.DISCOURAGED,
        reasons=("the embargo is active: put the report off instead, and close it when the embargo has ended",),
        rules=("lifecycle.park",),
        inputs={**decision.inputs, "embargo": embargo},
    )


def require_report(state: ReportState, event: ReportEvent) -> ReportState:
    """Return the report's state after the step.

    Raises:
        TransitionError: the table has no such step.
    """
    return lifecycle().report.require(state, event)


def may_move_embargo(state: EmbargoState, event: EmbargoEvent) -> Decision[Outcome]:
    """Say whether the embargo may take the step; whether it should is for `policy.embargoes`."""
    return lifecycle().embargo.may(state, event)


def require_embargo(state: EmbargoState, event: EmbargoEvent) -> EmbargoState:
    """Return the embargo's state after the step.

    Raises:
        TransitionError: the table has no such step.
    """
    return lifecycle().embargo.require(state, event)


def may_move_consent(state: Consent, event: ConsentEvent) -> Decision[Outcome]:
    """Say whether a participant's consent may take the step. An invitation never takes consent away."""
    return lifecycle().consent.may(state, event)


def require_consent(state: Consent, event: ConsentEvent) -> Consent:
    """Return the consent after the step.

    Raises:
        TransitionError: the table has no such step.
    """
    return lifecycle().consent.require(state, event)


def words(state: ReportState | EmbargoState | Consent) -> str:
    """Return the state for a person; those of reports and consent want a subject: "the vendor " + words."""
    table = lifecycle()
    match state:
        case ReportState():
            return table.report.state_words[state]
        case EmbargoState():
            return table.embargo.state_words[state]
        case Consent():
            return table.consent.state_words[state]
        case _:
            assert_never(state)


def refuse(decision: Decision[Outcome]) -> None:
    """Do nothing if the decision allows the step, also against advice.

    Raises:
        TransitionError: the decision blocks the step, or its facts are not known.
    """
    if decision.outcome in {Outcome.BLOCKED, Outcome.UNKNOWN}:
        raise TransitionError(
            "; ".join(decision.reasons), hint="see which steps are open from here", rules=list(decision.rules)
        )
