# SPDX-License-Identifier: Apache-2.0
"""Whether more time may be granted, or a clock be stopped.

Any party may ask; a coordinator decides, the reporter is heard. More time needs a reason of the list, evidence of
progress and a mitigation in place; a marketing calendar and a silent vendor are no reasons and not in the list.
Each deadline is extended at most once and each case paused at most once; both are bounded and stay visible.
"""

from collections.abc import Iterator
from datetime import datetime

from safeconduct.domain.clock import CaseFacts, Deadline, DeadlineKind, Extension, Pause, PauseReason
from safeconduct.domain.instants import show_duration, utc
from safeconduct.policy.clock_rules import Case, longest_extension
from safeconduct.policy.deadline_policy import DeadlinePolicy, balanced
from safeconduct.policy.deadlines import deadlines
from safeconduct.policy.decision import Decision, Outcome

Objection = tuple[str, str]
"""The rule that objects, and its reason."""


def may_extend(
    facts: CaseFacts, extension: Extension, *, now: datetime, policy: DeadlinePolicy | None = None
) -> Decision[Outcome]:
    """Say whether the extension may be granted; `inputs` tell the present due instant and the longest extension.

    Raises:
        UnknownValueError: this machine knows no time zone of that name.
    """
    profile = policy or balanced()
    case = Case.of(facts, now=utc(now), policy=profile)
    found = next((one for one in deadlines(facts, now=now, policy=profile) if one.kind is extension.kind), None)
    most = longest_extension(case, extension, profile.emergency if case.emergencies else case.row)
    objections = [*_extension_objections(case, extension, found)]
    if extension.length > most:
        objections.append(("deadlines.extension-bound", f"at most {show_duration(most)} are possible"))
    return _decision(
        objections,
        rule="deadlines.extension",
        inputs={"kind": extension.kind, "due": found.due if found else None, "longest": show_duration(most)},
    )


def may_pause(
    facts: CaseFacts, pause: Pause, *, now: datetime, policy: DeadlinePolicy | None = None
) -> Decision[Outcome]:
    """Say whether the clocks may be stopped. A legal order always stops them, for as long as it says.

    Raises:
        UnknownValueError: this machine knows no time zone of that name.
    """
    profile = policy or balanced()
    known = facts.known_at(utc(now))
    objections: list[Objection] = []
    if pause.reason is not PauseReason.LEGAL_ORDER:
        before = [one for one in known.pauses if one.reason is not PauseReason.LEGAL_ORDER]
        if len(before) >= profile.pause_count:
            objections.append(("deadlines.pause-once", "the clocks were stopped before, and are stopped only once"))
        if pause.until - pause.started_at > profile.pause_longest:
            objections.append(("deadlines.pause-bound", f"at most {show_duration(profile.pause_longest)} are possible"))
    if known.closed_at or known.published_at:
        objections.append(("deadlines.pause-over", "no clock runs any more"))
    return _decision(objections, rule="deadlines.pause", inputs={"reason": pause.reason, "until": pause.until})


def _extension_objections(case: Case, extension: Extension, found: Deadline | None) -> Iterator[Objection]:
    """Yield whatever speaks against more time, its length apart."""
    if extension.kind not in case.policy.extension_kinds:
        yield "deadlines.extension-kind", f"“{extension.kind}” is not extended"
    elif found is None or found.due is None or not found.is_open:
        yield "deadlines.extension-open", "no such clock is running"
    elif found.due <= case.now:
        yield "deadlines.extension-late", "the date has passed: more time is asked for before"
    if sum(one.kind is extension.kind for one in case.facts.extensions) >= case.policy.extension_count:
        yield "deadlines.extension-once", "it was extended before, and is extended only once"
    if not extension.evidence.strip():
        yield "deadlines.extension-evidence", "no progress was shown"
    if DeadlineKind.MITIGATE in case.row.periods and case.facts.mitigated_at is None:
        yield "deadlines.extension-mitigation", "no mitigation is in place meanwhile"


def _decision(objections: list[Objection], *, rule: str, inputs: dict[str, object]) -> Decision[Outcome]:
    """Turn objections into a decision."""
    return Decision(
        outcome=Outcome.BLOCKED if objections else Outcome.ALLOWED,
        reasons=tuple(reason for _, reason in objections),
        rules=tuple(name for name, _ in objections) or (rule,),
        inputs=inputs,
    )
