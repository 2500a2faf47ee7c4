# SPDX-License-Identifier: Apache-2.0
"""Received reports, made by the real act."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.factories import records

from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.mailbox import MailboxKeys
from safeconduct.domain.report import Report
from safeconduct.server.intake import mailboxes, services
from safeconduct.server.intake.models import Door
from safeconduct.server.intake.models import Report as StoredReport
from safeconduct.server.intake.services import MailboxAddress, Received


def address() -> MailboxAddress:
    """Return a fresh mailbox address, as if a client had derived it."""
    return MailboxAddress(lookup=secrets.token_bytes(32), auth=secrets.token_bytes(32))


def received(now: datetime, *, told: Report | None = None, **changes: Any) -> Received:
    """Return a received report."""
    given: dict[str, Any] = {"mailbox": address(), "door": Door.API, **changes}
    return services.receive(report=told or records.report(), now=now, **given)


@dataclass(frozen=True, kw_only=True)
class OwnMailbox:
    """A codename with what it unlocks at this instance, and the report it belongs to."""

    codename: Codename
    keys: MailboxKeys
    row: StoredReport

    @property
    def words(self) -> str:
        """Return the eight words."""
        return self.codename.reveal()


def own_mailbox(now: datetime, **changes: Any) -> OwnMailbox:
    """Return a received report whose mailbox opens by its eight words."""
    codename = Codename.new(secrets.token_bytes)
    keys = mailboxes.keys_of(codename)
    row = received(now, mailbox=mailboxes.address_of(keys), **changes).row
    return OwnMailbox(codename=codename, keys=keys, row=row)
