# SPDX-License-Identifier: Apache-2.0
"""Campaigns against real targets on loopback."""

from collections.abc import Callable
from datetime import datetime
from threading import get_ident

from django.utils import timezone
from tests.factories import spine
from tests.verification.endpoint import Endpoint

from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns import services
from safeconduct.server.campaigns.models import Campaign, FixClaim
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
