# SPDX-License-Identifier: Apache-2.0
"""A round: the flaw of one case is tried on the systems of several vendors, because it may be in all of them.

A coordinator chooses granted targets and says whose each one is. Every target gets a probe of its own with draws of its
own, so that what one vendor learns of its run tells nothing of another's. A vendor sees the probes of its own seat and
nothing that tells whether, or how many, others were tried: the round itself is shown to the desk alone.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import QuerySet

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations import queries as authorizations
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns.models import Probe, ProbeState, Round
from safeconduct.server.campaigns.services import bundle_of
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.models import Case, Participant
from safeconduct.server.parties.viewer import Viewer

MOST = 100


def start(*, case: Case, chosen: Mapping[Target, Participant], by: Viewer, now: datetime) -> Round:
    """Put one probe for each chosen target into the queue; the value says whose system it is.

    Raises:
        NotPermittedError: only those who coordinate start a round.
        IncompleteError: no target is chosen.
        ConflictError: the report has no bundle, a seat is no vendor's of this case, or a target may not be tested now.
        MalformedError: the bundle cannot be run.
    """
    by.require(Role.COORDINATOR)
    bundle_of(case)
    return _start(case, chosen, by=by, now=now)


@atomic_write
def _start(case: Case, chosen: Mapping[Target, Participant], *, by: Viewer, now: datetime) -> Round:
    if not chosen:
        raise IncompleteError("no target is chosen", hint="say of at least one whose it is", missing=["targets"])
    if len(chosen) > MOST:
        raise ConflictError(f"a round has {MOST} targets at most")
    seats = {seat.pk for seat in case.participants.filter(left_at__isnull=True, role__in=cases.VENDORS)}
    if not {seat.pk for seat in chosen.values()} <= seats:
        raise ConflictError("a system belongs to a vendor of this case", hint="invite the vendor first")
    usable = authorizations.usable(now).filter(pk__in=[target.pk for target in chosen])
    if usable.count() != len(chosen):
        raise ConflictError("a target may not be tested now", hint="look at its state, window and caps")
    made = Round.objects.create(case=case, actor=by.actor, started_at=now)
    for target, seat in chosen.items():
        Probe.objects.create(case=case, target=target, seat=seat, round=made, queued_at=now)
    audit.record(EventTag.ROUND_STARTED, subject=made.pk, actor=by.actor, at=now, facts={"case": case.pk})
    return made


@atomic_write
def cancel(*, probe: Probe, by: Viewer, now: datetime) -> Probe:
    """Take a probe that waits out of the queue.

    Raises:
        NotPermittedError: only those who coordinate do.
        ConflictError: it does not wait any more.
    """
    by.require(Role.COORDINATOR)
    current = Probe.objects.select_for_update().get(pk=probe.pk)
    if current.state != ProbeState.QUEUED:
        raise ConflictError("the probe does not wait any more", hint="suspend its target to stop it")
    current.state, current.ended_at = ProbeState.CANCELED, now
    current.save(update_fields=["state", "ended_at"])
    facts: dict[str, audit.Fact] = {"case": current.case_id, "state": current.state, "calls": 0}
    audit.record(EventTag.PROBE_ENDED, subject=current.pk, actor=by.actor, at=now, facts=facts)
    return current


def rounds_for(viewer: Viewer, case: Case) -> QuerySet[Round]:
    """Return the rounds of a case; those who coordinate see all, the others none."""
    if not viewer.has(Role.COORDINATOR):
        return Round.objects.none()
    return Round.objects.filter(case=case).prefetch_related("probes__target", "probes__seat")


def probes_for(viewer: Viewer, case: Case) -> QuerySet[Probe]:
    """Return the probes of rounds that the viewer may see: a vendor those of its own seat."""
    found = Probe.objects.filter(case=case, round__isnull=False).select_related("target", "seat", "case__entry")
    if viewer.has(Role.COORDINATOR):
        return found
    if not cases.may_read(viewer, case):
        return Probe.objects.none()
    return found.filter(seat__in=cases.seats_of(viewer))


def probe_for(viewer: Viewer, probe_id: str) -> Probe:
    """Return one probe; those of a suite are for those who coordinate.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    found = Probe.objects.select_related("case__entry", "target", "seat", "check_run").filter(pk=probe_id).first()
    is_seen = found is not None and (
        viewer.has(Role.COORDINATOR) or probes_for(viewer, found.case).filter(pk=found.pk).exists()
    )
    if found is None or not is_seen:
        raise NotFoundError("no such probe")
    return found
