# SPDX-License-Identifier: Apache-2.0
"""Which deadlines follow from the facts of a case, and why (ISO/IEC 29147 clause 6, ISO/IEC 30111 clause 7).

    due = the row's period after its start
          + 30 days if systemic, at most 120 days, at most the tier's cap      publish
          + 30 days if the root cause needs retraining and a mitigation lives  remediate
          + one extension, bounded                                             remediate, publish
          + the time paused, once                                              all but acknowledge
          moved to a day on which people can act                               publish

An emergency (exploitation, imminent harm, a leak, a public exploit of a critical flaw) starts the emergency row at the
instant it became known; the earlier of the two dates holds, so bad news never gives more time.

Everything is derived from what was known at `now`: a case can be replayed at any past instant. Statutory notices have
clocks of their own and are not here. That publication is due does not say that nothing blocks it.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final, assert_never

from safeconduct.domain.clock import CaseFacts, Deadline, DeadlineKind, DeadlineState
from safeconduct.domain.instants import show, show_duration, show_utc, utc
from safeconduct.policy.clock_rules import NO_PATCH, START_WORDS, Case, Draft, planned, urgent
from safeconduct.policy.deadline_policy import DeadlinePolicy, balanced

ACT_WORDS: Final = {
    DeadlineKind.ACKNOWLEDGE: "acknowledge the report",
    DeadlineKind.ASSESS: "assess the report",
    DeadlineKind.STATUS: "tell the reporter the status",
    DeadlineKind.MITIGATE: "have a mitigation in place",
    DeadlineKind.REMEDIATE: "have the fix in place",
    DeadlineKind.EMBARGO: "end the embargo",
    DeadlineKind.PUBLISH: "publish the advisory",
}
"""What is to be done, for people."""


def deadlines(facts: CaseFacts, *, now: datetime, policy: DeadlinePolicy | None = None) -> tuple[Deadline, ...]:
    """Return every deadline of the case as it stands at `now`, in the order of its stages.

    Without a policy the shipped profile counts. Before the receipt there is none.

    Raises:
        UnknownValueError: this machine knows no time zone of that name.
        ConfigurationError: the shipped profile is damaged.
    """
    now = utc(now)
    if facts.received_at > now:
        return ()
    case = Case.of(facts, now=now, policy=policy or balanced())
    return tuple(deadline for kind in DeadlineKind for deadline in _deadline(case, kind))


def next_check(deadlines_of_case: Iterable[Deadline], *, now: datetime) -> datetime | None:
    """Return when the next open deadline comes due; nothing changes by time alone before that."""
    ahead = [deadline.due for deadline in deadlines_of_case if deadline.is_open and deadline.due and deadline.due > now]
    return min(ahead, default=None)


def describe(deadline: Deadline, *, zone: tzinfo, now: datetime) -> str:
    """Return the deadline for a person: what, when in the zone and in UTC, how far away, and where it stands."""
    act = ACT_WORDS[deadline.kind]
    if deadline.due is None:
        return f"{act}: {_standing(deadline)}"
    distance = show_duration(deadline.due - now)
    far = f"{distance} ago" if deadline.due <= now else f"in {distance}"
    return f"{act} by {show(deadline.due, zone)}, {far}: {_standing(deadline)}"


def _standing(deadline: Deadline) -> str:
    """Return where the deadline stands, for a person."""
    when = f", on {show_utc(deadline.done_at)}" if deadline.done_at else ""
    return f"{_STATE_WORDS[deadline.state]}{when}"


_STATE_WORDS: Final = {
    DeadlineState.WAITING: "the clock has not started",
    DeadlineState.RUNNING: "open",
    DeadlineState.PAUSED: "the clock stands still",
    DeadlineState.MET: "done",
    DeadlineState.LATE: "done late",
    DeadlineState.MISSED: "missed",
    DeadlineState.WAIVED: "set aside when the case was closed",
}


def _deadline(case: Case, kind: DeadlineKind) -> tuple[Deadline, ...]:
    """Return the one deadline of the kind, or none where the case has no such clock."""
    facts = case.facts
    start = _start(facts, kind)
    never = kind is DeadlineKind.EMBARGO and start is None
    over = kind is DeadlineKind.STATUS and (facts.published_at or facts.closed_at)
    if never or over or (kind is DeadlineKind.REMEDIATE and facts.remediability in NO_PATCH):
        return ()
    drafts = [draft for draft in (start and planned(case, kind, start), urgent(case, kind, start)) if draft]
    if start and not drafts:
        return ()
    draft = min(drafts, key=lambda one: one.due, default=None)
    done = _done(facts, kind)
    return (
        Deadline(
            kind=kind,
            state=_state(case, draft, done),
            due=draft.due if draft else None,
            started_at=None if kind is DeadlineKind.EMBARGO else start,
            done_at=done,
            rules=draft.rules if draft else ("deadlines.waiting",),
            grounds=(*(draft.grounds if draft else ()), *_remarks(facts, kind, draft)),
            is_provisional=kind is not DeadlineKind.EMBARGO and (facts.is_provisional or facts.tier is None),
        ),
    )


def _remarks(facts: CaseFacts, kind: DeadlineKind, draft: Draft | None) -> tuple[str, ...]:
    """Add what moves no date but should be seen beside it."""
    if draft is None:
        return (f"the clock starts with {START_WORDS[kind]}",)
    if kind is DeadlineKind.REMEDIATE and facts.fixed_at and not facts.verified_at:
        return ("the vendor states that it is fixed; it is not verified yet",)
    runs_longer = facts.embargo_ends_at and not facts.embargo_ended_at and facts.embargo_ends_at > draft.due
    if kind is DeadlineKind.PUBLISH and runs_longer:
        return ("the embargo runs longer than this: shorten it, or extend this date",)
    return ()


def _state(case: Case, draft: Draft | None, done: datetime | None) -> DeadlineState:
    """Say where the deadline stands at `now`."""
    if done:
        return DeadlineState.LATE if draft and done > draft.due else DeadlineState.MET
    if case.facts.closed_at:
        return DeadlineState.WAIVED
    if draft is None:
        return DeadlineState.WAITING
    if case.now >= draft.due:
        return DeadlineState.MISSED
    stands_still = any(begin <= case.now < end for begin, end in draft.pauses)
    return DeadlineState.PAUSED if stands_still else DeadlineState.RUNNING


def _start(facts: CaseFacts, kind: DeadlineKind) -> datetime | None:
    """Return what the clock counts from, if it has happened."""
    match kind:
        case DeadlineKind.ACKNOWLEDGE | DeadlineKind.ASSESS:
            return facts.received_at
        case DeadlineKind.STATUS:
            return max((told for told in (facts.acknowledged_at, facts.status_at) if told), default=None)
        case DeadlineKind.MITIGATE | DeadlineKind.REMEDIATE | DeadlineKind.PUBLISH:
            return facts.vendor_notified_at
        case DeadlineKind.EMBARGO:
            return facts.embargo_ends_at
        case _:
            assert_never(kind)


def _done(facts: CaseFacts, kind: DeadlineKind) -> datetime | None:  # noqa: PLR0911  # one answer for each kind
    """Return when what is due was done; a fix mitigates as well, and a status is never the last one."""
    match kind:
        case DeadlineKind.ACKNOWLEDGE:
            return facts.acknowledged_at
        case DeadlineKind.ASSESS:
            return facts.assessed_at
        case DeadlineKind.STATUS:
            return None
        case DeadlineKind.MITIGATE:
            return min((done for done in (facts.mitigated_at, facts.fixed_at) if done), default=None)
        case DeadlineKind.REMEDIATE:
            return facts.fixed_at
        case DeadlineKind.EMBARGO:
            return facts.embargo_ended_at
        case DeadlineKind.PUBLISH:
            return facts.published_at
        case _:
            assert_never(kind)
