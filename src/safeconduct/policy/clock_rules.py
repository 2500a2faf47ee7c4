# SPDX-License-Identifier: Apache-2.0
"""How one due instant is made: period, modifiers, extension, pause, publishing day, acceleration.

Each step returns a new draft with one rule and one ground more, so the finished draft tells its own story. The planned
draft follows the tier's row; the urgent one follows the emergency row or a leak. `policy.deadlines` takes the earlier.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from safeconduct.domain.clock import (
    CaseFacts,
    DeadlineKind,
    Extension,
    ExtensionReason,
    Pause,
    PauseReason,
    Remediability,
)
from safeconduct.domain.instants import find_zone, show, show_duration, show_utc
from safeconduct.domain.severity import Exploitation
from safeconduct.policy.calendars import Calendar, Period
from safeconduct.policy.deadline_policy import DeadlinePolicy, TierRow

START_WORDS: Final[Mapping[DeadlineKind, str]] = {
    DeadlineKind.ACKNOWLEDGE: "the receipt of the report",
    DeadlineKind.ASSESS: "the receipt of the report",
    DeadlineKind.STATUS: "the acknowledgment or the last status",
    DeadlineKind.MITIGATE: "the notification of the vendor",
    DeadlineKind.REMEDIATE: "the notification of the vendor",
    DeadlineKind.EMBARGO: "the agreement of the parties",
    DeadlineKind.PUBLISH: "the notification of the vendor",
}
"""What starts each clock."""

NO_PATCH: Final = frozenset({Remediability.MITIGATION, Remediability.IRRECOVERABLE})
SPLIT: Final = NO_PATCH | {Remediability.RETRAIN}
_PAUSE_WORDS: Final[Mapping[PauseReason, str]] = {
    PauseReason.AWAITING_REPORTER: "the reporter was asked",
    PauseReason.DUPLICATE_MERGE: "duplicates were joined",
    PauseReason.LEGAL_ORDER: "a legal order forbade going on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What every step looks at: the facts known at `now`, the profile, the row that counts, the calendar."""

    facts: CaseFacts
    now: datetime
    policy: DeadlinePolicy
    row: TierRow
    calendar: Calendar

    @classmethod
    def of(cls, facts: CaseFacts, *, now: datetime, policy: DeadlinePolicy) -> "Case":
        """Return the case as it was known then.

        Raises:
            UnknownValueError: this machine knows no such time zone.
        """
        known = facts.known_at(now)
        return cls(
            facts=known,
            now=now,
            policy=policy,
            row=policy.tiers[known.tier or policy.unassessed],
            calendar=Calendar(find_zone(known.zone), known.holidays),
        )

    @property
    def emergencies(self) -> tuple[tuple[datetime, str], ...]:
        """Return every ground that makes the case an emergency: since when, and why."""
        facts = self.facts
        is_critical = self.row is self.policy.tiers[max(self.policy.tiers, key=lambda tier: tier.rank)]
        is_exploited = facts.exploitation is Exploitation.ACTIVE
        exploited = facts.exploited_at or (facts.received_at if is_exploited else None)
        grounds = (
            (exploited, "exploitation is known"),
            (facts.harm_imminent_at, "physical harm is imminent"),
            (facts.leaked_at, "details are public"),
            (facts.exploit_public_at if is_critical else None, "an exploit of a critical flaw is public"),
        )
        return tuple((instant, words) for instant, words in grounds if instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A due instant in the making. `pauses` are those that count for it."""

    due: datetime
    rules: tuple[str, ...]
    grounds: tuple[str, ...]
    pauses: tuple[tuple[datetime, datetime], ...] = ()

    def then(self, due: datetime, rule: str, ground: str) -> "Draft":
        """Return the draft after one more step."""
        return replace(self, due=due, rules=(*self.rules, rule), grounds=(*self.grounds, ground))


def planned(case: Case, kind: DeadlineKind, start: datetime) -> Draft | None:
    """Return the draft of the tier's row, or nothing where the tier has no such clock."""
    if kind is DeadlineKind.EMBARGO:
        return Draft(due=start, rules=("deadlines.embargo",), grounds=("the parties agreed on this end",))
    period = _period(case, kind)
    if period is None:
        return None
    draft = _begun(case, kind, start, period)
    if kind is DeadlineKind.PUBLISH:
        return _publication(case, draft, start)
    if kind is DeadlineKind.REMEDIATE:
        draft = _root_cause(case, draft)
    draft = _extended(case, kind, draft, since=None)
    return _stopped(replace(draft, pauses=_pauses(case, kind)), start)


def _publication(case: Case, draft: Draft, start: datetime) -> Draft:
    """Add what is particular to publication: systemic flaws, the cap, the day."""
    draft = _extended(case, DeadlineKind.PUBLISH, _systemic(case, draft), since=None)
    most = min(case.row.cap, case.policy.systemic_cap) if case.facts.systemic else case.row.cap
    draft = _capped(draft, start + most, f"never later than {show_duration(most)} after the notification of the vendor")
    pauses = _pauses(case, DeadlineKind.PUBLISH)
    stopped = _stopped(replace(draft, pauses=pauses), start)
    return _published(case, stopped, cap=_shifted(start, start + most, pauses))


def _capped(draft: Draft, cap: datetime, ground: str) -> Draft:
    """Cut off what passes the cap."""
    return draft.then(cap, "deadlines.cap", ground) if draft.due > cap else draft


def urgent(case: Case, kind: DeadlineKind, start: datetime | None) -> Draft | None:
    """Return the draft of an emergency or a leak, or nothing; publication does not wait for a vendor then."""
    drafts = [*_leak(case, kind)]
    if kind in case.policy.emergency.periods and (start or kind is DeadlineKind.PUBLISH):
        drafts.extend(_emergency(case, kind, start, since=since, why=why) for since, why in case.emergencies)
    return min(drafts, key=lambda draft: draft.due, default=None)


def _period(case: Case, kind: DeadlineKind) -> Period | None:
    """Return the row's period; without a patch to wait for, mitigation has a clock in every tier."""
    if kind is DeadlineKind.MITIGATE and case.facts.remediability in SPLIT:
        return case.row.periods.get(kind, case.policy.split_mitigate)
    return case.row.periods.get(kind)


def _begun(case: Case, kind: DeadlineKind, start: datetime, period: Period) -> Draft:
    """Return the period after the start, and say what it rests on."""
    facts = case.facts
    grounds = [f"{period} after {START_WORDS[kind]} on {show_utc(start)}, for the tier “{case.row.name}”"]
    rules = [f"{case.policy.edition}.{case.row.name}.{kind.value}"]
    if facts.tier is None:
        grounds.append("the tier is not assessed yet: the strictest row counts until it is")
        rules.append("deadlines.unassessed")
    if kind is DeadlineKind.MITIGATE and facts.remediability in NO_PATCH:
        grounds.append("no complete fix is known: the mitigation is the remedy")
        rules.append("deadlines.mitigation-only")
    return Draft(due=period.after(start, case.calendar), rules=tuple(rules), grounds=tuple(grounds))


def _systemic(case: Case, draft: Draft) -> Draft:
    """Give a systemic flaw more time; what is not known to be systemic gets none."""
    if case.facts.systemic is None:
        return draft.then(
            draft.due, "deadlines.systemic", "whether the flaw is systemic is not known: no time is added"
        )
    if not case.facts.systemic:
        return draft
    added = case.policy.systemic_add
    return draft.then(draft.due + added, "deadlines.systemic", f"{show_duration(added)} more: the flaw is systemic")


def _root_cause(case: Case, draft: Draft) -> Draft:
    """Split the clock: with a mitigation in place the root cause has time for retraining."""
    if case.facts.remediability is not Remediability.RETRAIN:
        return draft
    if case.facts.mitigated_at is None:
        ground = "the root cause needs retraining: more time only once a mitigation is in place"
        return draft.then(draft.due, "deadlines.root-cause", ground)
    added = case.policy.root_cause_add
    since = show_utc(case.facts.mitigated_at)
    ground = f"{show_duration(added)} more for the root cause: a mitigation is in place since {since}"
    return draft.then(draft.due + added, "deadlines.root-cause", ground)


def _extended(case: Case, kind: DeadlineKind, draft: Draft, *, since: datetime | None) -> Draft:
    """Add the extensions that count, each within its bound; an emergency counts only what was granted in it."""
    row = case.policy.emergency if since else case.row
    granted = sorted((one for one in case.facts.extensions if one.kind is kind), key=lambda one: one.granted_at)
    counted = granted[: case.policy.extension_count] if kind in case.policy.extension_kinds else []
    for one in counted:
        if since is None or one.granted_at >= since:
            length = min(one.length, longest_extension(case, one, row))
            ground = f"extended by {show_duration(length)} on {show_utc(one.granted_at)}: {words_of(one.reason)}"
            draft = draft.then(draft.due + length, "deadlines.extension", ground)
    for one in granted[len(counted) :]:
        ground = f"the extension of {show_utc(one.granted_at)} does not count: the bound is reached"
        draft = draft.then(draft.due, "deadlines.extension", ground)
    return draft


def longest_extension(case: Case, extension: Extension, row: TierRow) -> timedelta:
    """Return the bound of an extension; retraining adds to it for publication while a mitigation is in place."""
    mitigated_at = case.facts.mitigated_at
    retrains = (
        row is not case.policy.emergency
        and extension.kind is DeadlineKind.PUBLISH
        and extension.reason is ExtensionReason.RETRAIN_REQUIRED
        and mitigated_at is not None
        and mitigated_at <= extension.granted_at
    )
    return row.extension_most + (case.policy.retrain_add if retrains else timedelta())


def words_of(reason: ExtensionReason) -> str:
    """Return the reason for a person."""
    return reason.value.replace("_", " ")


def counted_pauses(case: Case) -> tuple[Pause, ...]:
    """Return the pauses that stop clocks: every legal order, and the first of the others, for a bounded time."""
    orders = [pause for pause in case.facts.pauses if pause.reason is PauseReason.LEGAL_ORDER]
    others = sorted(set(case.facts.pauses) - set(orders), key=lambda pause: pause.started_at)
    bounded = [
        replace(pause, ended_at=min(pause.end, pause.started_at + case.policy.pause_longest))
        for pause in others[: case.policy.pause_count]
    ]
    return tuple(sorted([*orders, *bounded], key=lambda pause: pause.started_at))


def _pauses(case: Case, kind: DeadlineKind, *, orders_only: bool = False) -> tuple[tuple[datetime, datetime], ...]:
    """Return the spans in which this clock stands still, without overlap, in order."""
    spans: list[tuple[datetime, datetime]] = []
    for pause in counted_pauses(case) if kind in case.policy.pause_kinds else ():
        begin = max(pause.started_at, spans[-1][1]) if spans else pause.started_at
        if begin < pause.end and (pause.reason is PauseReason.LEGAL_ORDER or not orders_only):
            spans.append((begin, pause.end))
    return tuple(spans)


def _stopped(draft: Draft, start: datetime) -> Draft:
    """Move the due instant by the time the clock stood still."""
    due = _shifted(start, draft.due, draft.pauses)
    if due == draft.due:
        return draft
    return draft.then(due, "deadlines.pause", f"{show_duration(due - draft.due)} more: the clock stood still")


def _shifted(start: datetime, due: datetime, pauses: tuple[tuple[datetime, datetime], ...]) -> datetime:
    """Add every pause that began before the due instant, as far as it lies after the start."""
    for begin, end in pauses:
        if begin < due and end > start:
            due += end - max(begin, start)
    return due


def _published(case: Case, draft: Draft, *, cap: datetime) -> Draft:
    """Move publication to a day on which people can act, unless that passes the cap."""
    policy = case.policy
    moved = case.calendar.publishing_time(draft.due, avoid=policy.avoid_days, from_hour=policy.from_hour)
    if moved == draft.due or moved > cap:
        return draft
    ground = f"moved from {show(draft.due, case.calendar.zone)} to the next publishing time"
    return draft.then(moved, "deadlines.publication-day", ground)


def _emergency(case: Case, kind: DeadlineKind, start: datetime | None, *, since: datetime, why: str) -> Draft:
    """Return the emergency row's date, counted from when this ground became known."""
    row = case.policy.emergency
    anchor = max(start or since, since)
    period = row.periods[kind]
    draft = Draft(
        due=period.after(anchor, case.calendar),
        rules=(f"{case.policy.edition}.emergency.{kind.value}", "deadlines.emergency"),
        grounds=(f"emergency since {show_utc(since)}: {why}", f"{period} from {show_utc(anchor)}"),
        pauses=_pauses(case, kind, orders_only=True),
    )
    draft = _extended(case, kind, draft, since=since)
    draft = _capped(draft, anchor + row.cap, f"never later than {show_duration(row.cap)} in an emergency")
    return _stopped(draft, anchor)


def _leak(case: Case, kind: DeadlineKind) -> Iterator[Draft]:
    """Yield the date by which the least facts are public, if there was a leak."""
    leaked_at = case.facts.leaked_at
    if leaked_at and kind is DeadlineKind.PUBLISH:
        least = case.policy.leak_publish
        since = show_utc(leaked_at)
        yield Draft(
            due=leaked_at + least,
            rules=(f"{case.policy.edition}.leak.publish", "deadlines.leak"),
            grounds=(f"details are public since {since}: the least facts follow within {show_duration(least)}",),
        )
