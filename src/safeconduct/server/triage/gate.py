# SPDX-License-Identifier: Apache-2.0
"""The evidence gate: a report's bundle is run against a granted target before a person looks.

A run is claimed by a lease in one transaction, made outside of any, and written down in another; a crash leaves a lease
that ends. Without a granted target the report waits as "not run". The run keeps counts and digests, never what was
asked or answered.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from safeconduct.domain.event import EventTag
from safeconduct.errors import MalformedError, SafeconductError, TooLargeError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Target
from safeconduct.server.authorizations.secret_files import secrets_named
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.triage import services
from safeconduct.server.triage.models import GateRun, GateState
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.reproduction import Finding, Reproduction, reproduce
from safeconduct.verification.targets import target_for

LEASE = timedelta(minutes=20)
SEED_BYTES = 32
STATES = {
    Finding.REPRODUCED: GateState.REPRODUCED,
    Finding.NOT_REPRODUCED: GateState.NOT_REPRODUCED,
    Finding.INVALID: GateState.INVALID,
    Finding.ERROR: GateState.ERROR,
}
NO_TARGET = "no target that stands for the reported system is granted now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What to write down of a run."""

    state: GateState
    reason: str
    found: Reproduction | None = None
    seed: str = ""


def run(row: Report, *, now: datetime) -> GateRun:
    """Run the gate for one report: claim, run, write down, and let the rules look again."""
    target = authorizations.matching(intake.opened(row).told.affects, now=now)
    claimed = _claim(row, target, now=now)
    if target is None:
        return claimed
    outcome = _reproduce(row, target)
    return _write_down(claimed, outcome, target, now=timezone.now())


@atomic_write
def _claim(row: Report, target: Target | None, *, now: datetime) -> GateRun:
    last = row.gate_runs.select_for_update().first()
    if target is None:
        if last is not None and last.state == GateState.NOT_RUN:
            return last
        audit.record(EventTag.GATE_SKIPPED, subject=row.pk, at=now)
        skipped = GateRun.objects.create(report=row, state=GateState.NOT_RUN, reason=NO_TARGET, made_at=now)
        services.renew_after_gate(run=skipped, now=now)
        return skipped
    claimed = GateRun.objects.create(
        report=row,
        target=target,
        state=GateState.RUNNING,
        attempts=(last.attempts if last else 0) + 1,
        made_at=now,
        started_at=now,
        lease_until=now + LEASE,
    )
    services.renew_after_gate(run=claimed, now=now)
    return claimed


def _reproduce(row: Report, granted: Target) -> Outcome:
    seed = secrets.token_bytes(SEED_BYTES)
    try:
        bundle = read_bundle(intake.bundle_of(row) or b"")
    except (MalformedError, TooLargeError) as error:
        return Outcome(state=GateState.INVALID, reason=error.message)
    try:
        target = target_for(
            bundle,
            authorizations.grant_of(granted),
            clock=timezone.now,
            secrets=secrets_named(granted.secret_name),
        )
        found = reproduce(bundle, target, seed=seed, clock=timezone.now)
    except SafeconductError as error:
        return Outcome(state=GateState.ERROR, reason=error.message)
    return Outcome(state=STATES[found.finding], reason=found.reason, found=found, seed=seed.hex())


@atomic_write
def _write_down(claimed: GateRun, outcome: Outcome, target: Target, *, now: datetime) -> GateRun:
    current = GateRun.objects.select_for_update().select_related("report").get(pk=claimed.pk)
    current.state, current.reason = outcome.state, outcome.reason[:400]
    current.ended_at, current.lease_until = now, None
    if outcome.found is not None:
        current.calls, current.hits = outcome.found.calls, outcome.found.hits
        current.summary = _summary(outcome.found, seed=outcome.seed)
        authorizing.spend(target_id=target.pk, calls=outcome.found.calls, tokens=outcome.found.tokens)
    current.save()
    audit.record(
        EventTag.GATE_RAN, subject=current.report_id, at=now, facts={"state": current.state, "calls": current.calls}
    )
    services.renew_after_gate(run=current, now=now)
    return current


def _summary(found: Reproduction, *, seed: str) -> dict[str, object]:
    families: dict[str, dict[str, int]] = {}
    for trial in found.trials:
        counts = families.setdefault(trial.family, {})
        counts[trial.outcome] = counts.get(trial.outcome, 0) + 1
    return {
        "n": found.n,
        "hits": found.hits,
        "abstained": found.abstained,
        "errors": found.errors,
        "tokens": found.tokens,
        "families": families,
        "fingerprint": found.fingerprint,
        "seed": seed,
        "responses": [trial.response_sha256 for trial in found.trials],
    }
