# SPDX-License-Identifier: Apache-2.0
"""Received reports, made by the real act."""

import secrets
from datetime import datetime
from typing import Any

from tests.factories import records

from safeconduct.domain.report import Report
from safeconduct.server.intake import services
from safeconduct.server.intake.models import Door
from safeconduct.server.intake.services import MailboxAddress, Received


def address() -> MailboxAddress:
    """Return a fresh mailbox address, as if a client had derived it."""
    return MailboxAddress(lookup=secrets.token_bytes(32), auth=secrets.token_bytes(32))


def received(now: datetime, *, told: Report | None = None, **changes: Any) -> Received:
    """Return a received report."""
    given: dict[str, Any] = {"mailbox": address(), "door": Door.API, **changes}
    return services.receive(report=told or records.report(), now=now, **given)
