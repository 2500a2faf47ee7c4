# SPDX-License-Identifier: Apache-2.0
"""A probe: a few fresh variants of a case's bundle are tried on one granted target.

It is what the evidence gate runs, with the same small budget and the same meaning: REPRODUCED is shown by hits, and not
reproduced is no proof that there is no flaw. A probe is claimed by a lease, run outside of any transaction, and written
down. Calls are set aside at the target before the first one. A run that a crash left is not made again: all that was
set aside counts as spent, and whoever needs an answer starts another probe.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from safeconduct.domain.event import EventTag
from safeconduct.domain.safe_json import Json, canonical_json, read_json
from safeconduct.errors import NotPermittedError, SafeconductError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.services import Reservation
from safeconduct.server.campaigns.models import Probe, ProbeState
from safeconduct.server.campaigns.places import probe_place
from safeconduct.server.campaigns.services import bundle_of
from safeconduct.server.triage.models import GateState
from safeconduct.server.triage.running import BUSY, Clock, Outcome, Plan, attempt
from safeconduct.verification.trials import write_trials

LEASE = timedelta(minutes=10)
BROKE_OFF = "the run broke off before its end"
STATES = {
    GateState.REPRODUCED: ProbeState.REPRODUCED,
    GateState.NOT_REPRODUCED: ProbeState.NOT_REPRODUCED,
    GateState.INVALID: ProbeState.INVALID,
}
"""What the outcome of a run is for a probe; everything else is an error."""


def to_run(now: datetime) -> list[Probe]:
    """Return the probes that wait to be run in the background, and those that a crash left behind.

    Those of a campaign that is about to say FIXED are run by the campaign itself.
    """
    waiting = Q(state=ProbeState.QUEUED, check_run__campaign__isnull=True)
    left = Q(state=ProbeState.RUNNING, lease_until__lte=now)
    return list(Probe.objects.filter(waiting | left).select_related("case__assessment__report", "target"))


def run(probe: Probe, *, now: datetime, clock: Clock) -> Probe:
    """Run a probe to its end, or close one that a crash left."""
    claimed = _claim(probe, now=now)
    if claimed is None:
        return Probe.objects.get(pk=probe.pk)
    return _write_down(claimed, _outcome(claimed, clock=clock), now=clock())


def detail_of(probe: Probe) -> dict[str, Json]:
    """Return what a probe found, as plain data. The caller has checked that the asker may see the probe."""
    kept = _opened(probe, "detail")
    found = read_json(kept) if kept else {}
    return found if isinstance(found, dict) else {}


def trials_of(probe: Probe) -> bytes:
    """Return the trials, one line each. The caller has checked that the asker may see the probe."""
    return _opened(probe, "trials")


def seconds_of(probe: Probe) -> float:
    """Return how long the run of a probe may take; no time where its bundle cannot be run."""
    try:
        return Plan.of(bundle_of(probe.case)).seconds(probe.target.calls_per_minute)
    except SafeconductError:
        return 0.0


@atomic_write
def _claim(probe: Probe, *, now: datetime) -> Probe | None:
    Probe.objects.select_for_update().get(pk=probe.pk)
    current = Probe.objects.select_related("case__assessment__report", "target").get(pk=probe.pk)
    if current.state == ProbeState.RUNNING and current.lease_until is not None and current.lease_until <= now:
        tokens = current.reserved * current.target.max_tokens_per_call
        _close(
            current, Outcome(state=GateState.ERROR, reason=BROKE_OFF, calls=current.reserved, tokens=tokens), now=now
        )
        return None
    if current.state != ProbeState.QUEUED:
        return None
    current.state, current.started_at, current.lease_until = ProbeState.RUNNING, now, now + LEASE
    current.save()
    return current


def _outcome(claimed: Probe, *, clock: Clock) -> Outcome:
    try:
        plan = Plan.of(bundle_of(claimed.case))
        reserved = _reserve(claimed, plan, now=clock())
    except NotPermittedError as error:
        return Outcome(state=GateState.ERROR, reason=error.message)
    except SafeconductError as error:
        return Outcome(state=GateState.INVALID, reason=error.message)
    return attempt(reserved, plan, clock=clock)


@atomic_write
def _reserve(claimed: Probe, plan: Plan, *, now: datetime) -> Reservation:
    reserved = authorizing.reserve(target_id=claimed.target_id, least=plan.calls, most=BUSY * plan.calls, now=now)
    claimed.reserved = reserved.calls
    claimed.lease_until = now + LEASE + timedelta(seconds=plan.seconds(reserved.terms.caps.calls_per_minute))
    claimed.save(update_fields=["reserved", "lease_until"])
    return reserved


@atomic_write
def _write_down(claimed: Probe, outcome: Outcome, *, now: datetime) -> Probe:
    Probe.objects.select_for_update().get(pk=claimed.pk)
    current = Probe.objects.select_related("case", "target").get(pk=claimed.pk)
    if current.state == ProbeState.RUNNING:
        _close(current, outcome, now=now)
    return current


def _close(current: Probe, outcome: Outcome, *, now: datetime) -> None:
    authorizing.settle(
        target_id=current.target_id, reserved=current.reserved, calls=outcome.calls, tokens=outcome.tokens
    )
    current.state, current.ended_at, current.lease_until = STATES.get(outcome.state, ProbeState.ERROR), now, None
    current.reserved, current.calls, current.tokens = 0, outcome.calls, outcome.tokens
    current.sealed_detail = _sealed(current, "detail", canonical_json(_detail(outcome)))
    if outcome.found is not None:
        current.sealed_trials = _sealed(current, "trials", write_trials(outcome.found.trials))
    current.save()
    facts: Mapping[str, audit.Fact] = {"case": current.case_id, "state": current.state, "calls": current.calls}
    audit.record(EventTag.PROBE_ENDED, subject=current.pk, at=now, facts=facts)


def _detail(outcome: Outcome) -> dict[str, Json]:
    found = outcome.found
    if found is None:
        return {"reason": outcome.reason}
    families: dict[str, Json] = {}
    for trial in found.trials:
        counts = families.setdefault(trial.family, {"trials": 0, "hits": 0})
        if isinstance(counts, dict):
            counts["trials"] = int(str(counts["trials"])) + 1
            counts["hits"] = int(str(counts["hits"])) + (trial.outcome.value == "hit")
    return {
        "reason": outcome.reason,
        "trials": len(found.trials),
        "n": found.n,
        "hits": found.hits,
        "unknown": found.abstained + found.errors,
        "families": families,
        "fingerprint": found.fingerprint,
        "seed": outcome.seed,
    }


def _sealed(probe: Probe, column: str, content: bytes) -> bytes:
    return vault.seal(content, subject=probe.case_id, place=probe_place(probe.pk, column))


def _opened(probe: Probe, column: str) -> bytes:
    found = bytes(getattr(probe, f"sealed_{column}"))
    return vault.open_sealed(found, subject=probe.case_id, place=probe_place(probe.pk, column)) if found else b""
