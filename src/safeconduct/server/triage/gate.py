# SPDX-License-Identifier: Apache-2.0
"""The evidence gate: a report's bundle is run against granted targets before a person looks.

A run is claimed by a lease in one transaction, made outside of any, and written down in others. First the bundle is
read and checked, with or without a target: one that cannot be used is "invalid". Without a granted target the report
waits as "not run", and is looked at again when a target comes to be usable. Then the targets that fit are asked one
after the other, the most exact first, until one falls or the budget of the report is spent. A target that hangs or
fails is an "error", and the run is made again at the next full hour, three times at most, at the targets only that gave
no answer yet.

Calls are set aside at a target before the first one. What a target answered to is written down at once, so a crash
loses what one target was asked, no more: it leaves a lease that ends, and counts all calls that were set aside there as
spent. An error of our own ends the run at once. Somebody who suspends the target stops a run that is going on. A run
keeps counts and digests, sealed; of replies only those that show the flaw (`replies`).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.safe_json import canonical_json
from safeconduct.errors import ConflictError, NotPermittedError, SafeconductError
from safeconduct.policy.duplicates import Match
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target
from safeconduct.server.authorizations.services import Reservation
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.drafts import coarse
from safeconduct.server.intake.models import Report
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import known, queries, replies, services
from safeconduct.server.triage.assessing import lock
from safeconduct.server.triage.models import Assessment, GateRun, GateState
from safeconduct.server.triage.places import detail_place
from safeconduct.server.triage.running import BUSY, Clock, Outcome, Plan, attempt
from safeconduct.server.triage.tried import JUDGED, Conclusion, Tried, conclude, tried_in
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.bundle.checks import check_bundle, require_runnable
from safeconduct.verification.meter import Spent
from safeconduct.verification.transcript import write_links

ATTEMPTS = 3
LEASE = timedelta(minutes=5)
ROUND = timedelta(minutes=10)
HOUR = timedelta(hours=1)
NO_TARGET = "no target that stands for the reported system is granted now"
OTHER_KIND = "a target is granted, but the bundle is for a target of another kind"
BROKE_OFF = "the run broke off before its end"
UNEXPECTED = "an error of our own ended the run; the operator finds it in the log"
MOST_CALLS = 150
"""How many calls a report may cost at all targets together, as planned; a single target is always asked."""
MOST_REMARKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What came of a run: the remarks of the static checks, what each target answered to, what follows."""

    conclusion: Conclusion
    remarks: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()


def run(row: Report, *, now: datetime, clock: Clock) -> GateRun:
    """Run the gate for one report: claim, check, run, write down, and let the rules look again.

    Raises:
        SealError: the report was shredded.
    """
    looked = authorizations.mark_of_usable(now)
    targets = authorizations.matching(intake.opened(row).told.affects, now=now)
    last = queries.last_run(row)
    if last is not None and last.state == GateState.NOT_RUN and not targets:
        return _looked_again(last, looked)
    claimed, is_ours = _claim(row, now=now)
    if not is_ours:
        return claimed
    claimed.looked = looked
    with _Ending(claimed, clock=clock):
        return _write_down(claimed, _look(claimed, targets, clock=clock), known.candidates(row), now=clock())


class _Ending:
    """Closes a run at once when an error of our own ends it; the error itself goes on to whoever logs it."""

    def __init__(self, claimed: GateRun, *, clock: Clock) -> None:
        self._claimed, self._clock = claimed, clock

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Note the kind of the error and nothing of its message, which may repeat what nobody may see."""
        if isinstance(error, Exception):
            why = error.code if isinstance(error, SafeconductError) else type(error).__name__
            with contextlib.suppress(SafeconductError):
                _break_off(self._claimed, now=self._clock(), reason=f"{UNEXPECTED} [{why}]", pause=HOUR)


def sweep(*, now: datetime) -> int:
    """Close the runs that a crash left, whatever became of their reports, and return how many."""
    left = GateRun.objects.filter(state=GateState.RUNNING, lease_until__lte=now).select_related("report")
    return sum(_break_off(run, now=now) for run in left)


@atomic_write
def take_over(now: datetime) -> int:
    """End the leases of the runs that go on, because the one worker there is has just begun; return how many."""
    return GateRun.objects.filter(state=GateState.RUNNING, lease_until__gt=now).update(lease_until=now)


@atomic_write
def request(*, assessment: Assessment, by: Viewer, now: datetime) -> GateRun:
    """Ask for another run, whatever came out before.

    Raises:
        NotPermittedError: only those who coordinate ask for it.
        ConflictError: there is nothing to run, or a run waits or goes on already.
    """
    by.require(Role.COORDINATOR)
    row = lock(assessment.report)
    if not row.has_bundle or row.status not in intake.OPEN:
        raise ConflictError("there is nothing to run", hint="the report has no bundle, or is decided")
    last = row.gate_runs.select_for_update().first()
    if last is not None and last.state == GateState.QUEUED:
        raise ConflictError("a run is asked for already", hint="wait for it")
    if last is not None and last.state == GateState.RUNNING:
        raise ConflictError("a run is going on", hint="wait for its end")
    asked = GateRun.objects.create(report=row, state=GateState.QUEUED, made_at=now)
    audit.record(EventTag.GATE_ASKED, subject=row.pk, actor=by.actor, at=now)
    _show(row, GateState.QUEUED)
    return asked


@atomic_write
def _looked_again(last: GateRun, looked: str) -> GateRun:
    GateRun.objects.filter(pk=last.pk, state=GateState.NOT_RUN).update(looked=looked, due_at=None)
    last.looked = looked
    return last


@atomic_write
def _claim(row: Report, *, now: datetime) -> tuple[GateRun, bool]:
    """Return the run that is ours now, or the one that keeps us from it; and which of both."""
    locked = lock(row)
    last = locked.gate_runs.select_for_update().first()
    if last is not None and last.state == GateState.RUNNING:
        return last, False
    # What was only asked for, or found no target, becomes the run; what ended is kept.
    is_free = last is not None and last.state in {GateState.QUEUED, GateState.NOT_RUN}
    claimed = last if last is not None and is_free else GateRun(report=locked, made_at=coarse(now))
    claimed.attempts = 1 if last is None or is_free else last.attempts + 1
    claimed.state, claimed.started_at, claimed.lease_until = GateState.RUNNING, coarse(now), _lease(now + LEASE)
    claimed.ended_at = claimed.due_at = None
    claimed.calls, claimed.hits, claimed.detail = 0, 0, b""
    claimed.save()
    _show(locked, GateState.RUNNING)
    return claimed, True


def _look(claimed: GateRun, targets: Sequence[Target], *, clock: Clock) -> Looked:
    """Check the bundle, and ask the targets that fit."""
    try:
        sent = intake.bundle_of(claimed.report) or b""
    except SafeconductError as error:
        return Looked(conclusion=Conclusion(state=GateState.ERROR, reason=error.message, is_unfinished=True))
    try:
        bundle = read_bundle(sent)
        remarks = tuple(f"{one.at}: {one.message}" for one in check_bundle(bundle))[:MOST_REMARKS]
        require_runnable(bundle)
        plan = Plan.of(bundle)
    except NotPermittedError as refusal:
        # The bundle is sound, but holds code: nothing here runs code before a case handler has read it.
        return Looked(conclusion=Conclusion(state=GateState.NOT_RUN, reason=refusal.message), remarks=(refusal.hint,))
    except SafeconductError as error:
        return Looked(conclusion=Conclusion(state=GateState.INVALID, reason=error.message), remarks=(error.message,))
    fitting = [target for target in targets if target.adapter == bundle.target.adapter]
    if not fitting:
        reason = OTHER_KIND if targets else NO_TARGET
        return Looked(conclusion=Conclusion(state=GateState.NOT_RUN, reason=reason), remarks=remarks)
    tried = _ask_all(claimed, fitting, plan, clock=clock)
    return Looked(
        conclusion=conclude(tried, can_try_again=claimed.attempts < ATTEMPTS), remarks=remarks, tried=tuple(tried)
    )


def _ask_all(claimed: GateRun, fitting: Sequence[Target], plan: Plan, *, clock: Clock) -> list[Tried]:
    """Ask one target after the other until one falls, or the calls that one report may cost are spent."""
    tried = _carried(claimed)
    known_of = {one.target for one in tried}
    planned = 0
    for target in fitting:
        if target.pk in known_of:
            continue
        if planned and planned + plan.calls > MOST_CALLS:
            break
        try:
            reserved = _begin(claimed, target, plan, now=clock())
        except NotPermittedError as error:
            tried.append(_told(target, Outcome(state=GateState.NOT_RUN, reason=error.message, is_busy=True)))
            continue
        planned += plan.calls
        outcome = attempt(reserved, plan, clock=clock)
        tried.append(_told(target, outcome))
        if not _take_in(claimed, outcome, tried) or outcome.state == GateState.REPRODUCED:
            break
    return tried


def _carried(claimed: GateRun) -> list[Tried]:
    """Return what targets answered to in the try before this one, if there was one: they are not asked again."""
    if claimed.attempts == 1:
        return []
    before = claimed.report.gate_runs.exclude(pk=claimed.pk).first()
    return [one for one in tried_in(queries.detail_of(before)) if one.state in JUDGED] if before else []


def _told(target: Target, outcome: Outcome) -> Tried:
    found = outcome.found
    return Tried(
        target=target.pk,
        label=target.label,
        state=outcome.state,
        reason=outcome.reason,
        calls=outcome.calls,
        hits=found.hits if found else 0,
        n=found.n if found else 0,
        is_busy=outcome.is_busy,
    )


@atomic_write
def _begin(claimed: GateRun, target: Target, plan: Plan, *, now: datetime) -> Reservation:
    """Set the calls aside, and lengthen the lease to what the run may take."""
    reserved = authorizing.reserve(target_id=target.pk, least=plan.calls, most=BUSY * plan.calls, now=now)
    seconds = plan.seconds(reserved.terms.caps.calls_per_minute)
    claimed.target, claimed.reserved = reserved.target, reserved.calls
    claimed.lease_until = _lease(now + timedelta(seconds=seconds) + LEASE)
    claimed.save(update_fields=["target", "reserved", "lease_until"])
    return reserved


@atomic_write
def _take_in(claimed: GateRun, outcome: Outcome, tried: Sequence[Tried]) -> bool:
    """Write down what one target was asked and answered to; nothing where the lease ended meanwhile."""
    current = GateRun.objects.select_for_update().get(pk=claimed.pk)
    if current.state != GateState.RUNNING:
        # Another worker closed this run; its calls are counted already.
        return False
    _settle(current, calls=outcome.calls, tokens=outcome.tokens)
    current.calls += outcome.calls
    current.hits = outcome.found.hits if outcome.found else 0
    _seal_detail(current, {"tried": [one.as_dict() for one in tried], **_summary(outcome)})
    current.save()
    if outcome.found is not None:
        replies.keep(current, outcome.found)
    return True


@atomic_write
def _write_down(claimed: GateRun, looked: Looked, matches: tuple[Match, ...], *, now: datetime) -> GateRun:
    row = lock(claimed.report)
    current = GateRun.objects.select_for_update().get(pk=claimed.pk)
    if current.state != GateState.RUNNING:
        return current
    ended = looked.conclusion
    _close(current, ended.state, is_due=ended.is_unfinished, now=now)
    current.looked = claimed.looked
    current.target_id = ended.target or current.target_id
    detail = queries.detail_of(current)
    detail |= {
        "reason": ended.reason,
        "remarks": list(looked.remarks),
        "tried": [one.as_dict() for one in looked.tried],
    }
    _seal_detail(current, detail)
    current.save()
    tag = EventTag.GATE_SKIPPED if ended.state == GateState.NOT_RUN else EventTag.GATE_RAN
    audit.record(tag, subject=row.pk, at=coarse(now), facts={"state": current.state, "calls": current.calls})
    _show(row, current.state)
    services.assess(row=row, now=now, matches=matches)
    return current


@atomic_write
def _break_off(left: GateRun, *, now: datetime, reason: str = BROKE_OFF, pause: timedelta = timedelta(0)) -> bool:
    """Close a run that a crash or an error left; nobody knows what it spent, so all that was set aside counts.

    Nothing is known against the target after a crash, so the next try need not wait.
    """
    lock(left.report)
    run = GateRun.objects.select_for_update().get(pk=left.pk)
    if run.state != GateState.RUNNING:
        return False
    tokens = run.reserved * run.target.max_tokens_per_call if run.target else 0
    run.calls += run.reserved
    _settle(run, calls=run.reserved, tokens=tokens)
    _close(run, GateState.ERROR, is_due=run.attempts < ATTEMPTS, now=now)
    run.due_at = coarse(now) + pause if run.due_at else None
    if vault.has_key(run.report_id):
        _seal_detail(run, queries.detail_of(run) | {"reason": reason})
    run.save()
    audit.record(
        EventTag.GATE_RAN, subject=run.report_id, at=coarse(now), facts={"state": run.state, "calls": run.calls}
    )
    _show(run.report, GateState.ERROR)
    return True


def _close(run: GateRun, state: GateState, *, is_due: bool, now: datetime) -> None:
    run.state, run.ended_at, run.lease_until = state, coarse(now), None
    is_left = state != GateState.ERROR or run.attempts < ATTEMPTS
    run.due_at = coarse(now) + HOUR if is_due and is_left else None


def _lease(until: datetime) -> datetime:
    """Return the end of a lease, rounded up."""
    return until + (datetime.min.replace(tzinfo=until.tzinfo) - until) % ROUND


def _settle(run: GateRun, *, calls: int, tokens: int) -> None:
    if run.target_id is not None:
        authorizing.settle(target_id=run.target_id, reserved=run.reserved, calls=calls, tokens=tokens)
    run.reserved = 0


def _show(row: Report, state: str) -> None:
    """Let the queue show the gate's state, also of a report that is decided."""
    Assessment.objects.filter(report=row).update(gate=state)


def _seal_detail(run: GateRun, detail: dict[str, object]) -> None:
    run.detail = vault.seal(canonical_json(detail), subject=run.report_id, place=detail_place(run.report_id))


def _record(spent: Spent) -> dict[str, object]:
    """Return the chain over what left for the target, and how its sandbox was checked."""
    chain = spent.transcript
    links = write_links(chain.links).decode()
    return {"transcript": chain.head if chain.links else "", "links": links, "sandbox": dict(spent.sandbox)}


def _summary(outcome: Outcome) -> dict[str, object]:
    found = outcome.found
    if found is None:
        return {}
    families: dict[str, dict[str, int]] = {}
    for trial in found.trials:
        counts = families.setdefault(trial.family, {})
        counts[trial.outcome.value] = counts.get(trial.outcome.value, 0) + 1
    return {
        "n": found.n,
        "hits": found.hits,
        "abstained": found.abstained,
        "errors": found.errors,
        "tokens": found.tokens,
        "families": families,
        "fingerprint": found.fingerprint,
        "seed": outcome.seed,
        **_record(outcome.spent or Spent()),
        "responses": [trial.response_sha256 for trial in found.trials],
    }
