# SPDX-License-Identifier: Apache-2.0
"""A claimed fix with a bundle, and real targets on loopback: one that leaks, one that does not."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from tests.factories import campaigns, cases, spine
from tests.server.factories import viewer
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.parties import Role
from safeconduct.server.authorizations.models import Target, TargetRole
from safeconduct.server.campaigns import runner, services
from safeconduct.server.campaigns.models import Campaign, FixClaim
from safeconduct.server.cases import negotiation
from safeconduct.server.cases import services as case_services
from safeconduct.server.cases.invitations import Guest
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services as triage


@pytest.fixture
def desk() -> Viewer:
    """Return a coordinator."""
    return viewer(Role.COORDINATOR)


@pytest.fixture
def claim(desk: Viewer) -> FixClaim:
    """Return a claimed fix in a case whose report has a bundle."""
    now = timezone.now()
    row = spine.report_with_bundle(now).row
    opened = case_services.open_case(
        assessment=triage.assess(row=row, now=now), guests=[Guest(name="Orchid Bank")], by=desk, now=now
    )
    vendor = cases.joined(opened.invited[0], now)
    case_services.take_seat(case=opened.case, seat=vendor.seat, by=vendor.viewer, now=now)
    term = opened.case.terms.get(state="active")
    negotiation.answer(term=term, seat=vendor.present(), accepts=True, by=vendor.viewer, now=now)
    for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED):
        case_services.move(case=opened.case, seat=vendor.present(), message=message, by=vendor.viewer, now=now)
    return services.claim_fix(case=opened.case, seat=vendor.present(), note="Deployed.", by=vendor.viewer, now=now)


@pytest.fixture
def leaking() -> Iterator[Endpoint]:
    """Return a target that leaks."""
    with endpoint(canary=spine.CANARY, rate=0.9, seed=1, only_for=spine.ATTACK) as found:
        yield found


@pytest.fixture
def unpatched(leaking: Endpoint, desk: Viewer) -> Target:
    """Return the grant of the target as reported."""
    return spine.granted(leaking.url, by=desk, now=timezone.now())


@pytest.fixture
def sound() -> Iterator[Endpoint]:
    """Return a system that does not leak."""
    with endpoint(canary=spine.CANARY, rate=0.0, seed=3) as found:
        yield found


@pytest.fixture
def fixed(sound: Endpoint, desk: Viewer) -> Target:
    """Return the grant of a system that does not leak."""
    return spine.granted(sound.url, by=desk, now=timezone.now(), role=TargetRole.PATCHED, model="assistant-3")


@pytest.fixture
def verified(queued: Campaign) -> Campaign:
    """Return a campaign that found the fix to hold."""
    ended = runner.run(queued, now=timezone.now())
    assert ended.verdict == "FIXED", ended.failure
    return ended


@pytest.fixture
def queued(claim: FixClaim, unpatched: Target, fixed: Target, desk: Viewer) -> Campaign:
    """Return a campaign that waits to test the system that does not leak."""
    return campaigns.started(claim, (unpatched, fixed), desk)
