# SPDX-License-Identifier: Apache-2.0
"""What a message of the protocol does to its sender and its receiver (Vultron, formal protocol, transitions).

A position is one participant's view: its report state, the embargo of the case, the facts. Sending needs a row of the
table; receiving always succeeds, because the world does not ask: what has no row is answered with an error message.

    guard 1   CF and CD are sent only by one who has accepted the report
    guard 2   RI is sent only right after receipt
    guard 3   P brings V with it (and S becomes R), in one step, because a leak is a fact that must be recorded

Attacks end an active embargo unless a coordinator overrides it with a reason. The override first settles a pending
revision as rejected, because no revision can be accepted any more; later revisions are answered with an error.
Nobody overrides P or X.

A receiver who has closed the report may ignore everything, and here does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from safeconduct.domain.case import (
    PUBLIC_FACTS,
    VENDOR_FACTS,
    CaseFact,
    EmbargoState,
    Position,
    ProtocolMessage,
    ReportState,
)
from safeconduct.domain.embargo import AttackOverride
from safeconduct.errors import ConflictError
from safeconduct.policy import tables
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.lifecycle import UNDER_EMBARGO, lifecycle, refuse

M = ProtocolMessage

MESSAGE_OF: Final[Mapping[CaseFact, ProtocolMessage]] = {
    CaseFact.VENDOR_AWARE: M.CASE_VENDOR_AWARE,
    CaseFact.FIX_READY: M.CASE_FIX_READY,
    CaseFact.FIX_DEPLOYED: M.CASE_FIX_DEPLOYED,
    CaseFact.PUBLIC_AWARE: M.CASE_PUBLIC_AWARE,
    CaseFact.EXPLOIT_PUBLIC: M.CASE_EXPLOIT_PUBLIC,
    CaseFact.ATTACKS_OBSERVED: M.CASE_ATTACKS_OBSERVED,
}
"""The message that tells of a fact."""

_FIX_MESSAGES: Final = frozenset({M.CASE_FIX_READY, M.CASE_FIX_DEPLOYED})
_VENDOR_MESSAGES: Final = _FIX_MESSAGES | {M.CASE_VENDOR_AWARE}
_REVISION_MESSAGES: Final = frozenset({M.EMBARGO_REVISION, M.EMBARGO_REVISION_ACCEPTED, M.EMBARGO_REVISION_REJECTED})
_ERROR_OF: Final = {"R": M.REPORT_ERROR, "E": M.EMBARGO_ERROR, "C": M.CASE_ERROR, "G": M.ERROR}
ANY_MESSAGE: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the messages of it (CX may go together with CP), where it holds, what it does, what is answered."""

    messages: tuple[str, ...]
    case: str
    report: str
    embargo: str
    facts: tuple[CaseFact, ...]
    report_to: ReportState | None
    embargo_to: EmbargoState | None
    reply: tuple[ProtocolMessage, ...]

    def holds(self, position: Position) -> bool:
        """Say whether the row is about this position. A pattern has `.` for any letter and a leading `!` for not."""
        pattern = self.case.removeprefix("!")
        same = all(want in {".", letter} for want, letter in zip(pattern, position.case.code, strict=True))
        return position.report in self.report and position.embargo in self.embargo and same != (pattern != self.case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a message did: the position after it, the facts it recorded, what is answered and what is told to all."""

    position: Position
    recorded: tuple[CaseFact, ...] = ()
    reply: tuple[ProtocolMessage, ...] = ()
    announce: tuple[ProtocolMessage, ...] = ()
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """The rows for sending and for receiving, in the order of the table; the words of each message."""

    send: tuple[Row, ...]
    receive: tuple[Row, ...]
    words: Mapping[ProtocolMessage, str]


@cache
def messages() -> Messages:
    """Return the table, read and checked once.

    Raises:
        ConfigurationError: the shipped table is damaged.
    """
    return tables.load("messages.json", build_messages)


def build_messages(table: tables.Table) -> Messages:
    """Check the table and give its letters their types."""
    content = table.content
    words = {ProtocolMessage(code): str(text) for code, text in content["words"].items()}
    if set(words) != set(ProtocolMessage):
        raise ValueError("a message has no words")
    return Messages(
        send=tuple(_row(cells) for cells in (*content["send"], *content["send_text"])),
        receive=tuple(map(_row, content["receive"])),
        words=words,
    )


def _row(cells: Sequence[Any]) -> Row:
    """Read one row; its eight cells are named by the columns of the table."""
    message, case, report, embargo, facts, report_to, embargo_to, reply = cells
    if len(case.removeprefix("!")) != len(CaseFact) or not set(report) <= set(ReportState):
        raise ValueError(f"a row of {message} has a pattern that fits no state")
    return Row(
        messages=tuple(message.split("+")),
        case=case,
        report=report,
        embargo=embargo,
        facts=tuple(map(CaseFact, facts)),
        report_to=ReportState(report_to) if report_to else None,
        embargo_to=EmbargoState(embargo_to) if embargo_to else None,
        reply=tuple(map(ProtocolMessage, reply)),
    )


def may_send(position: Position, message: ProtocolMessage) -> Decision[Outcome]:
    """Say whether a participant in this position may send the message; closing under an embargo is discouraged."""
    inputs = {"message": message, "report": position.report, "embargo": position.embargo, "case": position.case.code}
    guard = _guard(position, message)
    if guard:
        return Decision(outcome=Outcome.BLOCKED, reasons=(lifecycle().rules[guard],), rules=(guard,), inputs=inputs)
    if not _rows(messages().send, position, message):
        reason = f"“{messages().words[message]}” cannot be said now"
        return Decision(outcome=Outcome.BLOCKED, reasons=(reason,), rules=("lifecycle.messages",), inputs=inputs)
    if message is M.REPORT_CLOSED and position.embargo in UNDER_EMBARGO:
        rule = "lifecycle.park"
        return Decision(outcome=Outcome.DISCOURAGED, reasons=(lifecycle().rules[rule],), rules=(rule,), inputs=inputs)
    return Decision(outcome=Outcome.ALLOWED, rules=("lifecycle.messages",), inputs=inputs)


def send(position: Position, message: ProtocolMessage, *, override: AttackOverride | None = None) -> Effect:
    """Return what sending the message does to its sender.

    Raises:
        TransitionError: a guard or the table forbids it.
        ConflictError: an override is given where nothing can be overridden.
    """
    refuse(may_send(position, message))
    return _apply(position, _rows(messages().send, position, message)[0], override=override)


def receive(position: Position, message: ProtocolMessage, *, override: AttackOverride | None = None) -> Effect:
    """Return what receiving the message does to its receiver, and what is answered.

    Raises:
        ConflictError: an override is given where nothing can be overridden.
    """
    rows = _rows(messages().receive, position, message)
    if not rows or (message in _REVISION_MESSAGES and _is_overridden(position)):
        return Effect(position=position, reply=(_ERROR_OF[message.value[0]],), rules=("lifecycle.no-row",))
    return _apply(position, rows[0], override=override)


def record(position: Position, fact: CaseFact, *, override: AttackOverride | None = None) -> Effect:
    """Return what it does to a participant's position that the fact has happened there.

    Raises:
        TransitionError: the fact is recorded already, or a guard or the table forbids it.
        ConflictError: an override is given where nothing can be overridden.
    """
    return send(position, MESSAGE_OF[fact], override=override)


def record_everywhere(
    positions: Mapping[str, Position], fact: CaseFact, *, override: AttackOverride | None = None
) -> dict[str, Effect]:
    """Return what it does to every participant that P, X or A has happened to the whole case.

    Raises:
        ConflictError: the fact belongs to one vendor, or an override is given where nothing can be overridden.
    """
    if fact not in PUBLIC_FACTS:
        raise ConflictError("V, F and D belong to one vendor", hint="record them for that participant")
    return {name: _observe(position, fact, override=override) for name, position in positions.items()}


def _observe(position: Position, fact: CaseFact, *, override: AttackOverride | None) -> Effect:
    """Apply a fact of the whole case; who has closed the report ignores messages, but not what is the case."""
    if position.report is not ReportState.CLOSED:
        return receive(position, MESSAGE_OF[fact], override=override)
    parked = replace(position, report=ReportState.DEFERRED)
    effect = receive(parked, MESSAGE_OF[fact], override=override)
    return replace(effect, position=replace(effect.position, report=ReportState.CLOSED), reply=())


def _guard(position: Position, message: ProtocolMessage) -> str:
    """Return the rule that forbids sending, or nothing."""
    if message in _VENDOR_MESSAGES and not position.is_vendor:
        return "lifecycle.vendor"
    if message in _FIX_MESSAGES and position.report is not ReportState.ACCEPTED:
        return "lifecycle.guard-1"
    if message is M.REPORT_INVALID and position.report is not ReportState.RECEIVED:
        return "lifecycle.guard-2"
    return ""


def _rows(rows: tuple[Row, ...], position: Position, message: ProtocolMessage) -> list[Row]:
    """Return the rows about message and position; the first counts."""
    return [row for row in rows if row.messages[0] in {message, ANY_MESSAGE} and row.holds(position)]


def _is_overridden(position: Position) -> bool:
    """Say whether the embargo is kept in spite of attacks; no other way leads there."""
    return CaseFact.ATTACKS_OBSERVED in position.case.facts and position.embargo in UNDER_EMBARGO


def _apply(position: Position, row: Row, *, override: AttackOverride | None) -> Effect:
    """Do what the row says, with guard 3 and the override."""
    recorded = [fact for fact in row.facts if position.is_vendor or fact not in VENDOR_FACTS]
    case = position.case.having(*recorded)
    leaks = position.is_vendor and CaseFact.PUBLIC_AWARE in case.facts and CaseFact.VENDOR_AWARE not in case.facts
    if leaks:
        recorded.insert(0, CaseFact.VENDOR_AWARE)
    report = row.report_to or position.report
    after = Position(
        report=ReportState.RECEIVED if leaks and report is ReportState.START else report,
        embargo=_embargo_after(position, row, override=override),
        case=case.having(*recorded),
        is_vendor=position.is_vendor,
    )
    return _effect(position, after, row, recorded=tuple(recorded), leaks=leaks)


def _embargo_after(position: Position, row: Row, *, override: AttackOverride | None) -> EmbargoState:
    """Return the embargo after the row; only attacks, and only on an active embargo, can be overridden."""
    after = row.embargo_to or position.embargo
    if override is None:
        return after
    if row.facts != (CaseFact.ATTACKS_OBSERVED,) or position.embargo not in UNDER_EMBARGO:
        raise ConflictError(
            "there is nothing to override", hint="only observed attacks on an active embargo leave a choice"
        )
    return EmbargoState.ACTIVE


def _effect(before: Position, after: Position, row: Row, *, recorded: tuple[CaseFact, ...], leaks: bool) -> Effect:
    """Tell the effect: what is answered, what all are told, and which rules spoke."""
    announce = [M(code) for code in row.messages[1:]]
    rules = ["lifecycle.messages"]
    if leaks:
        announce.append(M.CASE_VENDOR_AWARE)
        rules.append("lifecycle.guard-3")
    if row.facts and before.embargo is not after.embargo:
        announce.append(_EMBARGO_MESSAGE[before.embargo, after.embargo])
    rules.extend(_ending_rules(before, recorded))
    words = lifecycle().rules
    return Effect(
        position=after,
        recorded=recorded,
        reply=tuple(reply for reply in row.reply if before.is_vendor or reply is not M.CASE_VENDOR_AWARE),
        announce=tuple(announce),
        rules=tuple(rules),
        reasons=tuple(words[rule] for rule in rules if rule in words),
    )


_EMBARGO_MESSAGE: Final = {
    (EmbargoState.PROPOSED, EmbargoState.NONE): M.EMBARGO_REJECTED,
    (EmbargoState.ACTIVE, EmbargoState.EXITED): M.EMBARGO_TERMINATION,
    (EmbargoState.REVISE, EmbargoState.EXITED): M.EMBARGO_TERMINATION,
    (EmbargoState.REVISE, EmbargoState.ACTIVE): M.EMBARGO_REVISION_REJECTED,
}


def _ending_rules(before: Position, recorded: tuple[CaseFact, ...]) -> list[str]:
    """Name the rules by which a recorded fact touches the embargo."""
    if before.embargo in {EmbargoState.NONE, EmbargoState.EXITED}:
        return []
    public = {CaseFact.PUBLIC_AWARE, CaseFact.EXPLOIT_PUBLIC} & set(recorded)
    attacked = CaseFact.ATTACKS_OBSERVED in recorded
    return ["lifecycle.publicity"] * bool(public) + ["lifecycle.attacks"] * attacked
