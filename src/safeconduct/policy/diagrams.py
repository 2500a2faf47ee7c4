# SPDX-License-Identifier: Apache-2.0
"""The machines as pictures and tables for people: Mermaid and Markdown, generated so that they cannot lie."""

from itertools import chain, combinations

from safeconduct.domain.case import CaseFact, CaseState
from safeconduct.errors import ConflictError
from safeconduct.policy.decision import Outcome
from safeconduct.policy.histories import fact_rules, may_follow
from safeconduct.policy.lifecycle import EventT, Machine, StateT


def mermaid(machine: Machine[StateT, EventT]) -> str:
    """Return the machine as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {state.name.lower()}: {state.value} - {words}" for state, words in machine.state_words.items()]
    lines.append(f"    [*] --> {machine.start.name.lower()}")
    lines += [
        f"    {source.name.lower()} --> {target.name.lower()}: {machine.event_words[event]}"
        for (source, event), target in machine.edges.items()
    ]
    return "\n".join(lines) + "\n"


def markdown(machine: Machine[StateT, EventT]) -> str:
    """Return the machine as a Markdown table: one row for each step."""
    rows = [f"| {machine.title} | step | then |", "|---|---|---|"]
    rows += [
        f"| {source.value} {machine.state_words[source]} | {machine.event_words[event]} "
        f"| {target.value} {machine.state_words[target]} |"
        for (source, event), target in machine.edges.items()
    ]
    return "\n".join(rows) + "\n"


def case_states() -> tuple[CaseState, ...]:
    """Return the 32 case states that do not contradict themselves, from the one without facts on."""
    subsets = chain.from_iterable(combinations(CaseFact, size) for size in range(len(CaseFact) + 1))
    return tuple(state for facts in subsets for state in _state(frozenset(facts)))


def case_steps() -> tuple[tuple[CaseState, CaseFact, CaseState], ...]:
    """Return the 58 steps between case states: which fact may happen next."""
    return tuple(
        (state, fact, state.having(fact))
        for state in case_states()
        for fact in CaseFact
        if may_follow(tuple(state.facts), fact).outcome is Outcome.ALLOWED
    )


def case_mermaid() -> str:
    """Return the case states as a Mermaid state diagram."""
    words = fact_rules().words
    lines = ["stateDiagram-v2", f"    [*] --> {CaseState().code}"]
    lines += [f"    {source.code} --> {target.code}: {words[fact]}" for source, fact, target in case_steps()]
    return "\n".join(lines) + "\n"


def _state(facts: frozenset[CaseFact]) -> tuple[CaseState, ...]:
    """Return the state of the facts, or nothing if they contradict each other."""
    try:
        return (CaseState(facts),)
    except ConflictError:
        return ()
