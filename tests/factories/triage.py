# SPDX-License-Identifier: Apache-2.0
"""Assessed reports, made by the real acts: received, opened by a coordinator, judged by every rule."""

from datetime import datetime
from typing import Any

from tests.factories import intake

from safeconduct.domain.report import Report
from safeconduct.server.intake import services as intake_services
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage import services
from safeconduct.server.triage.models import Assessment

CVSS = "CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:P"
PROFILE = "MLP:1.0/AK:B/SR:L/TX:M/RT:B/PE:S/AG:L/EX:2/HM:S/OF:X/RM:P"


def assessed(now: datetime, *, by: Viewer, told: Report | None = None, **changes: Any) -> Assessment:
    """Return the assessment of a received report that a coordinator has opened."""
    row = intake.received(now, told=told, **changes).row
    intake_services.mark_opened(row=row, by=by, now=now)
    return services.assess(row=row, now=now)


def tiered(now: datetime, *, by: Viewer, told: Report | None = None) -> Assessment:
    """Return an assessment with a vector and a profile that a person has set, so that a tier is known."""
    assessment = assessed(now, by=by, told=told)
    for field, value in (("cvss", CVSS), ("profile", PROFILE)):
        assessment = services.override(
            assessment=assessment, field=field, value=value, reason="measured", by=by, now=now
        )
    return assessment
