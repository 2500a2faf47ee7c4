# SPDX-License-Identifier: Apache-2.0
"""Campaigns against real targets on loopback."""

from collections.abc import Callable
from datetime import datetime
from threading import get_ident

from django.utils import timezone
from tests.factories import spine
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns import runner, services, turning, watches
from safeconduct.server.campaigns.models import Campaign, FixClaim, Watch
from safeconduct.server.parties.viewer import Viewer


def patched(found: Endpoint, desk: Viewer) -> Target:
    """Grant an endpoint as the system with the fix."""
    return spine.granted(found.url, by=desk, now=timezone.now(), role=TargetRole.PATCHED, model="assistant-2")


def started(claim: FixClaim, targets: tuple[Target, Target], desk: Viewer) -> Campaign:
    """Put a campaign against these two targets into the queue."""
    return services.start(claim=claim, unpatched=targets[0], patched=targets[1], by=desk, now=timezone.now())


def clock_here(clock: Callable[[], datetime], *, elsewhere: datetime) -> Callable[[], datetime]:
    """Let the clock be read in this thread, which may ask the database, and stand still in others."""
    mine = get_ident()
    return lambda: clock() if get_ident() == mine else elsewhere


def watched(claim: FixClaim, *, by: Viewer, now: datetime) -> Watch:
    """Return the watch of a fix that was found to hold, after its first look."""
    with (
        endpoint(canary=spine.CANARY, rate=0.9, seed=1, only_for=spine.ATTACK) as leaking,
        endpoint(canary=spine.CANARY, rate=0.0, seed=3) as sound,
    ):
        targets = (spine.granted(leaking.url, by=by, now=now), patched(sound, by))
        campaign = services.start(claim=claim, unpatched=targets[0], patched=targets[1], by=by, now=now)
        ended = runner.run(campaign, now=now, clock=lambda: now)
        assert ended.verdict == "FIXED", ended.failure
        watch = Watch.objects.get(campaign=ended)
        turning.take(watches.look_now(watch=watch, by=by, now=now), now=now, clock=lambda: now)
    return Watch.objects.get(pk=watch.pk)
