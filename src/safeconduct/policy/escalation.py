# SPDX-License-Identifier: Apache-2.0
"""Who is told when it does not go on: the ladder of silence, missed dates, leaks.

A vendor that does not answer is written to on a second channel, then through a peer coordinator, then gets a final
notice with the date of publication; on that date the case is published with mitigations and without its statement. The
ladder stops with its first answer, with the fix, and with publication. A missed date is told to the coordinator, a
leak to all parties. Derived from the facts known at `now`, like every deadline.

Only parties of the case are ever named here. Which person stands behind a role is known to the server.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from safeconduct.domain.clock import (
    CaseFacts,
    Deadline,
    DeadlineKind,
    DeadlineState,
    Escalation,
    EscalationAction,
)
from safeconduct.domain.instants import show_duration, show_utc, utc
from safeconduct.policy import tables
from safeconduct.policy.calendars import Period
from safeconduct.policy.deadline_policy import DeadlinePolicy
from safeconduct.policy.deadlines import ACT_WORDS, deadlines

ACTION_WORDS: Final[Mapping[EscalationAction, str]] = {
    EscalationAction.SECOND_CHANNEL: "write to the vendor on a second channel",
    EscalationAction.PEER_COORDINATOR: "ask a national response team or a peer coordinator to reach the vendor",
    EscalationAction.FINAL_NOTICE: "send the final notice with the date of publication",
    EscalationAction.PUBLISH_WITHOUT_VENDOR: "publish with mitigations, without a statement of the vendor",
    EscalationAction.TELL_ALL_PARTIES: "tell all parties that the silence is broken, and agree on a date",
    EscalationAction.TELL_COORDINATOR: "tell the coordinator that a date was missed",
}
"""What is to be done, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps after silence, in order, and how soon after a leak all are told."""

    edition: str
    silence: tuple[tuple[timedelta, EscalationAction], ...]
    leak_within: timedelta
    leak_action: EscalationAction


@cache
def ladder() -> Ladder:
    """Return the table, read and checked once.

    Raises:
        ConfigurationError: the shipped table is damaged.
    """
    return tables.load("escalation.toml", build_ladder)


def build_ladder(table: tables.Table) -> Ladder:
    """Check the table and give its entries their types."""
    steps = tuple(
        (Period.parse(step["after"]).length, EscalationAction(step["action"])) for step in table.content["silence"]
    )
    if list(steps) != sorted(steps, key=lambda step: step[0]):
        raise ValueError("the steps of the ladder are out of order")
    leak = table.content["leak"]
    return Ladder(
        edition=table.edition,
        silence=steps,
        leak_within=Period.parse(leak["within"]).length,
        leak_action=EscalationAction(leak["action"]),
    )


def escalations(facts: CaseFacts, *, now: datetime, policy: DeadlinePolicy | None = None) -> tuple[Escalation, ...]:
    """Return every step that the facts call for, reached or ahead, in the order of time.

    Raises:
        UnknownValueError: this machine knows no time zone of that name.
    """
    now = utc(now)
    if facts.received_at > now:
        return ()
    known = facts.known_at(now)
    found = deadlines(facts, now=now, policy=policy)
    steps = (*_silence(known, found, now), *_missed(found), *_leak(known, now))
    return tuple(sorted(steps, key=lambda step: (step.at, step.action)))


def _silence(facts: CaseFacts, found: Iterable[Deadline], now: datetime) -> Iterator[Escalation]:
    """Yield the ladder while the vendor has not answered."""
    since = facts.vendor_notified_at
    over = facts.vendor_answered_at or facts.fixed_at or facts.published_at or facts.closed_at
    if since is None or over:
        return
    publish = next(one.due for one in found if one.kind is DeadlineKind.PUBLISH and one.due)
    ground = f"the vendor was notified on {show_utc(since)} and has not answered"
    for after, action in ladder().silence:
        if since + after < publish:
            yield _step(action, since + after, now, grounds=(ground, f"{show_duration(after)} have to pass"))
    yield _step(EscalationAction.PUBLISH_WITHOUT_VENDOR, publish, now, grounds=(ground, "publication is due"))


def _missed(found: Iterable[Deadline]) -> Iterator[Escalation]:
    """Yield one step for each missed date; the end of an embargo is an act of its own."""
    for one in found:
        if one.state is DeadlineState.MISSED and one.kind is not DeadlineKind.EMBARGO and one.due:
            yield Escalation(
                action=EscalationAction.TELL_COORDINATOR,
                at=one.due,
                is_due=True,
                rules=(f"{ladder().edition}.missed-{one.kind.value}", *one.rules),
                grounds=(f"missed: {ACT_WORDS[one.kind]} by {show_utc(one.due)}", *one.grounds),
            )


def _leak(facts: CaseFacts, now: datetime) -> Iterator[Escalation]:
    """Yield the message to all parties after a leak."""
    if facts.leaked_at and not facts.closed_at:
        ground = f"details are public since {show_utc(facts.leaked_at)}"
        yield _step(ladder().leak_action, facts.leaked_at + ladder().leak_within, now, grounds=(ground,))


def _step(action: EscalationAction, at: datetime, now: datetime, *, grounds: tuple[str, ...]) -> Escalation:
    """Return one step."""
    rule = f"{ladder().edition}.{action.value.replace('_', '-')}"
    return Escalation(action=action, at=at, is_due=at <= now, rules=(rule,), grounds=grounds)
