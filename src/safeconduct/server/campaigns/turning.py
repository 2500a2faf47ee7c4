# SPDX-License-Identifier: Apache-2.0
"""Taking the turns of a watch: claim one, ask, write down, and raise the alarm where the detector says so.

A turn is claimed and the next one set in one transaction, so every turn is taken once, whatever restarts or how many
workers there are, and turns that were missed are not made up. Calls are set aside at the target first. A turn that a
crash left is over and counts what was set aside; a system that could not be asked is no evidence either way.

Where the detector stands is derived from the kept trials of all turns. It begins anew with another fingerprint of the
system: the promise of its run length is for one system, and a change is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_bytes

from safeconduct.domain.bundle import Bundle, Speaker
from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Trial
from safeconduct.domain.safe_json import Json, canonical_json, read_json
from safeconduct.errors import NotPermittedError, SafeconductError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.secret_files import secrets_named
from safeconduct.server.authorizations.services import Reservation
from safeconduct.server.campaigns.findings import finding_of
from safeconduct.server.campaigns.models import TurnState, Watch, WatchState, WatchTurn
from safeconduct.server.campaigns.places import turn_place
from safeconduct.server.campaigns.regressions import prepare, regress
from safeconduct.server.campaigns.services import bundle_of
from safeconduct.server.triage.running import BUSY, Clock
from safeconduct.server.triage.running import Watch as Grants
from safeconduct.verification.stats.detector import Detector, WatchStanding
from safeconduct.verification.stats.judge import adjudicated
from safeconduct.verification.targets import target_for
from safeconduct.verification.trials import read_trials, write_trials
from safeconduct.verification.turns import Draws, Turn, take_turn
from safeconduct.verification.verdict import POOLED

LEASE = timedelta(minutes=10)
WALL = timedelta(minutes=20)
SEED_BYTES = 32
BROKE_OFF = "the turn broke off before its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where the detector stood after one call of the watch, counted over all turns."""

    call: int
    turn: int
    segment: int
    statistic: float
    is_hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a watch has seen: every call, and the detector as it stands for the system that is there now."""

    points: tuple[Point, ...]
    detector: Detector


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A claimed turn with what it asks and what was set aside for it."""

    turn: WatchTurn
    draws: Draws
    reserved: Reservation


def due(now: datetime) -> list[Watch]:
    """Return the watches whose turn it is, and those of which a crash left one open."""
    turns = WatchTurn.objects.filter(state=TurnState.RUNNING, lease_until__lte=now)
    waiting = Watch.objects.filter(state=WatchState.ACTIVE, next_at__lte=now).exclude(turns__state=TurnState.RUNNING)
    found = waiting | Watch.objects.filter(turns__in=turns)
    return list(found.distinct().order_by("next_at"))


def take(watch: Watch, *, now: datetime, clock: Clock) -> WatchTurn | None:
    """Take the turn of a watch that is due; nothing where another worker does, or where there is none."""
    turn = _claim(watch, now=now)
    if turn is None:
        return None
    try:
        planned = _plan(turn, now=clock())
    except SafeconductError as error:
        return _write_down(turn, _nothing(error.message), now=clock())
    brought = _ask(planned, clock=clock)
    return _write_down(planned.turn, brought, now=clock(), seed=planned.draws.seed)


def course_of(watch: Watch, *, turns: Sequence[WatchTurn] | None = None) -> Course:
    """Return what the watch has seen. The caller has checked that the asker may see it."""
    kept = list(watch.turns.filter(state=TurnState.DONE)) if turns is None else turns
    detector, segment, points, calls = _fresh(watch), 0, [], 0
    for turn in kept:
        if turn.segment != segment:
            detector, segment = _fresh(watch), turn.segment
        for trial in trials_of(turn):
            detector, calls = _after(detector, trial, watch), calls + 1
            points.append(
                Point(
                    call=calls,
                    turn=turn.number,
                    segment=segment,
                    statistic=detector.statistic,
                    is_hit=trial.outcome.value == "hit",
                )
            )
    return Course(points=tuple(points), detector=detector)


def detail_of(turn: WatchTurn) -> dict[str, Json]:
    """Return what a turn brought, as plain data. The caller has checked that the asker may see the watch."""
    kept = _opened(turn, "detail")
    found = read_json(kept) if kept else {}
    return found if isinstance(found, dict) else {}


def trials_of(turn: WatchTurn) -> tuple[Trial, ...]:
    """Return the trials of a turn. The caller has checked that the asker may see the watch."""
    kept = _opened(turn, "trials")
    return read_trials(kept) if kept else ()


@atomic_write
def _claim(watch: Watch, *, now: datetime) -> WatchTurn | None:
    Watch.objects.select_for_update().get(pk=watch.pk)
    current = Watch.objects.select_related("campaign__claim__case", "campaign__patched").get(pk=watch.pk)
    last = current.turns.order_by("-number").first()
    if last is not None and last.state == TurnState.RUNNING:
        if last.lease_until is not None and last.lease_until <= now:
            tokens = last.reserved * current.campaign.patched.max_tokens_per_call
            _close(last, replace(_nothing(BROKE_OFF), calls=last.reserved, tokens=tokens), now=now)
        return None
    if current.state != WatchState.ACTIVE or current.next_at > now:
        return None
    current.next_at = _next(current, now)
    current.save(update_fields=["next_at"])
    return WatchTurn.objects.create(
        watch=current,
        number=last.number + 1 if last else 1,
        segment=last.segment if last else 0,
        started_at=now,
        lease_until=now + LEASE,
    )


def _next(watch: Watch, now: datetime) -> datetime:
    """Return when the turn after this one is due; those that were missed are not made up."""
    interval = timedelta(days=watch.every_days)
    return watch.next_at + interval * ((now - watch.next_at) // interval + 1)


def _plan(turn: WatchTurn, *, now: datetime) -> _Planned:
    """Return what the turn asks, with its calls set aside.

    Raises:
        NotPermittedError: the target may not be tested now, or too few calls are left.
        MalformedError: the bundle cannot be run.
    """
    watch = turn.watch
    bundle, target = bundle_of(watch.campaign.claim.case), watch.campaign.patched
    turns = max(1, sum(step.role is Speaker.USER for step in bundle.attack.steps))
    calls = watch.draws * turns
    reserved = authorizing.reserve(target_id=target.pk, least=calls, most=BUSY * calls, now=now)
    _note_reserved(turn, reserved, now=now)
    return _Planned(
        turn=turn,
        draws=Draws(
            bundle=_brief(bundle),
            families=_families(watch),
            calls=watch.draws,
            seed=token_bytes(SEED_BYTES),
        ),
        reserved=reserved,
    )


@atomic_write
def _note_reserved(turn: WatchTurn, reserved: Reservation, *, now: datetime) -> None:
    rate = reserved.terms.caps.calls_per_minute
    waiting = timedelta(minutes=reserved.calls / rate) if rate else timedelta()
    turn.reserved, turn.lease_until = reserved.calls, now + LEASE + WALL + waiting
    turn.save(update_fields=["reserved", "lease_until"])


def _brief(bundle: Bundle) -> Bundle:
    seconds = min(bundle.limits.wall_seconds, WALL.total_seconds())
    return replace(bundle, limits=replace(bundle.limits, wall_seconds=seconds))


def _ask(planned: _Planned, *, clock: Clock) -> Turn:
    terms = planned.reserved.terms
    try:
        target = target_for(planned.draws.bundle, terms, clock=clock, secrets=secrets_named(terms.secret_name))
    except SafeconductError as error:
        return _nothing(error.message)
    grants = Grants(planned.reserved.target, clock=clock)
    try:
        return take_turn(planned.draws, target, clock=clock, listen=grants.listen)
    except NotPermittedError as error:
        return replace(_nothing(error.message), calls=target.spent.calls, tokens=target.spent.tokens)


def _write_down(turn: WatchTurn, brought: Turn, *, now: datetime, seed: bytes = b"") -> WatchTurn:
    """Write down what a turn brought, and raise the alarm where the detector says so."""
    alarm = _alarm(turn, brought)
    prepared = prepare(turn.watch) if alarm else None
    with atomic_write():
        Watch.objects.select_for_update().get(pk=turn.watch_id)
        current = WatchTurn.objects.select_related("watch__campaign__claim__case", "watch__campaign__patched").get(
            pk=turn.pk
        )
        if current.state != TurnState.RUNNING:
            return current
        _close(current, brought, now=now, seed=seed)
        if prepared is not None and alarm is not None and current.watch.state in {WatchState.ACTIVE, WatchState.PAUSED}:
            regress(current, alarm, prepared, now=now)
    return current


def _alarm(turn: WatchTurn, brought: Turn) -> Detector | None:
    """Return the detector with the outcomes of this turn if it raises the alarm."""
    if not brought.trials:
        return None
    is_new = _is_another(turn, brought)
    detector = _fresh(turn.watch) if is_new else course_of(turn.watch).detector
    for trial in brought.trials:
        detector = _after(detector, trial, turn.watch)
    return detector if detector.standing is WatchStanding.ALARM else None


def _close(turn: WatchTurn, brought: Turn, *, now: datetime, seed: bytes = b"") -> None:
    target = turn.watch.campaign.patched
    authorizing.settle(target_id=target.pk, reserved=turn.reserved, calls=brought.calls, tokens=brought.tokens)
    is_new = bool(brought.trials) and _is_another(turn, brought)
    turn.segment += is_new
    turn.state = TurnState.DONE if brought.trials else TurnState.FAILED
    turn.ended_at, turn.lease_until, turn.reserved = now, None, 0
    turn.calls, turn.tokens = brought.calls, brought.tokens
    hits = sum(trial.outcome.value == "hit" for trial in brought.trials)
    detail: dict[str, Json] = {
        "fingerprint": brought.fingerprint,
        "changed": is_new,
        "n": len(brought.trials),
        "hits": hits,
        "reason": brought.halted,
        "seed": seed.hex(),
    }
    turn.sealed_detail = _sealed(turn, "detail", canonical_json(detail))
    turn.sealed_trials = _sealed(turn, "trials", write_trials(brought.trials)) if brought.trials else b""
    turn.save()
    facts: dict[str, audit.Fact] = {
        "turn": turn.number,
        "state": turn.state,
        "calls": turn.calls,
        "hits": hits,
        "another_system": is_new,
    }
    audit.record(EventTag.WATCH_TURNED, subject=turn.watch_id, at=now, facts=facts)


def _is_another(turn: WatchTurn, brought: Turn) -> bool:
    """Tell whether the system answers with another fingerprint than the time before, at first than in the campaign."""
    last = turn.watch.turns.filter(state=TurnState.DONE, number__lt=turn.number).order_by("-number").first()
    known = detail_of(last).get("fingerprint") if last else finding_of(turn.watch.campaign).fingerprint
    return bool(known) and known != brought.fingerprint


def _fresh(watch: Watch) -> Detector:
    """Return the detector without a call: an alarm says that the rate is above the tolerance that FIXED excluded."""
    tolerance = float(watch.campaign.criterion["tolerance"])
    streams = _families(watch) if watch.campaign.criterion["per_family"] else (POOLED,)
    return Detector.begin(streams, design=tolerance, run_length=watch.run_length)


def _after(detector: Detector, trial: Trial, watch: Watch) -> Detector:
    """Return the detector after one more trial; a judge's word alone, which errs, never raises an alarm."""
    stream = trial.family if watch.campaign.criterion["per_family"] else POOLED
    is_judged = watch.campaign.criterion.get("judge") is not None
    outcome = adjudicated(trial.outcome, confirmed=None) if is_judged else trial.outcome
    return detector.after(stream, outcome)


def _families(watch: Watch) -> tuple[str, ...]:
    """Return the families whose fix was shown."""
    return finding_of(watch.campaign).report.included


def _nothing(why: str) -> Turn:
    return Turn(trials=(), fingerprint="", calls=0, tokens=0, halted=why)


def _sealed(turn: WatchTurn, column: str, content: bytes) -> bytes:
    place = turn_place(turn.watch_id, turn.number, column)
    return vault.seal(content, subject=turn.watch.campaign.claim.case_id, place=place)


def _opened(turn: WatchTurn, column: str) -> bytes:
    found = bytes(getattr(turn, f"sealed_{column}"))
    if not found:
        return b""
    place = turn_place(turn.watch_id, turn.number, column)
    return vault.open_sealed(found, subject=turn.watch.campaign.claim.case_id, place=place)
