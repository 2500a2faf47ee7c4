# SPDX-License-Identifier: Apache-2.0
"""The historic suite of a campaign that is about to say FIXED: tried once, probe by probe, on the system with the fix.

A flaw that reproduces there is tried on the system before the fix as well: one that was there before stays open and is
not this fix's doing, one that was not blocks FIXED. What was tried stands after a crash and is not paid for again; a
probe that the crash broke off is told as one that could not be asked. The certificate names a flaw by the digest of its
bundle, which tells a stranger nothing of a case that is not public.
"""

from collections.abc import Callable
from datetime import datetime

from safeconduct.errors import SafeconductError
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import probing, suites
from safeconduct.server.campaigns.models import Campaign, Probe, ProbeState, SuiteCheck
from safeconduct.server.campaigns.services import bundle_of
from safeconduct.verification.reproduction import Finding
from safeconduct.verification.suite import HistoricSuite, SuiteEntry

UNREADABLE = "unreadable"
Clock = Callable[[], datetime]
Renew = Callable[[float], None]
FINDINGS = {
    ProbeState.REPRODUCED: Finding.REPRODUCED,
    ProbeState.NOT_REPRODUCED: Finding.NOT_REPRODUCED,
    ProbeState.INVALID: Finding.INVALID,
}


def try_suite(campaign: Campaign, *, clock: Clock, renew: Renew) -> HistoricSuite | None:
    """Return what came of the suite; nothing where no flaw of the model family is in one.

    `renew` is told before each probe how many seconds it may take, so that the lease of the campaign lasts.

    Raises:
        SafeconductError: what is stored cannot be read.
    """
    check = suites.check_before_fixed(campaign, now=clock())
    found = [(probe, _before(probe, campaign, clock=clock, renew=renew)) for probe in _tried(check, clock, renew)]
    suites.end(check, now=clock())
    if not found:
        return None
    details = [probing.detail_of(probe) for probe, _ in found]
    fingerprints = dict.fromkeys(str(detail["fingerprint"]) for detail in details if detail.get("fingerprint"))
    return HistoricSuite(
        family=suites.family_told(check),
        target=campaign.patched.label,
        fingerprint="; ".join(fingerprints),
        entries=tuple(_entry(probe, before) for probe, before in found),
    )


def _tried(check: SuiteCheck, clock: Clock, renew: Renew) -> list[Probe]:
    """Return the probes of the system with the fix, each run to its end."""
    probes = check.probes.filter(target_id=check.target_id).select_related("case__assessment__report", "target")
    return [_run(probe, clock=clock, renew=renew) for probe in probes]


def _run(probe: Probe, *, clock: Clock, renew: Renew) -> Probe:
    if probe.state == ProbeState.RUNNING:
        # Only this campaign runs its probes, so one that runs was left by a crash.
        Probe.objects.filter(pk=probe.pk).update(lease_until=clock())
    renew(probing.seconds_of(probe))
    return probing.run(probe, now=clock(), clock=clock)


def _before(probe: Probe, campaign: Campaign, *, clock: Clock, renew: Renew) -> Finding:
    """Return what comes of a flaw on the system before the fix; it is asked only where it matters."""
    if probe.state != ProbeState.REPRODUCED:
        return Finding.NOT_REPRODUCED
    earlier = _run(_earlier(probe, campaign.unpatched, now=clock()), clock=clock, renew=renew)
    return FINDINGS.get(ProbeState(earlier.state), Finding.ERROR)


@atomic_write
def _earlier(probe: Probe, unpatched: Target, *, now: datetime) -> Probe:
    made, _ = Probe.objects.get_or_create(
        case=probe.case, target=unpatched, check_run=probe.check_run, defaults={"queued_at": now}
    )
    return made


def _entry(probe: Probe, before: Finding) -> SuiteEntry:
    detail = probing.detail_of(probe)
    return SuiteEntry(
        bundle=_bundle_id(probe),
        outcome=FINDINGS.get(ProbeState(probe.state), Finding.ERROR),
        before=before,
        hits=int(str(detail.get("hits", 0))),
        trials=int(str(detail.get("trials", 0))),
    )


def _bundle_id(probe: Probe) -> str:
    try:
        return bundle_of(probe.case).id
    except SafeconductError:
        # One that cannot be read any more has no digest, and is told as one that could not be tried.
        return UNREADABLE
