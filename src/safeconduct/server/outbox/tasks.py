# SPDX-License-Identifier: Apache-2.0
"""Background work of the outbox: send what is due."""

from datetime import datetime

from safeconduct.errors import UnavailableError
from safeconduct.server.outbox import leases, services
from safeconduct.server.outbox.mail import send
from safeconduct.server.outbox.models import Channel, Message


def deliver(now: datetime) -> int:
    """Send the due messages and return how many left."""
    sent = 0
    for message in leases.claim(Message, Channel.MAIL, now=now):
        try:
            send(message)
        except UnavailableError as error:
            services.mark_failed(message=message, code=error.code, now=now)
        else:
            services.mark_sent(message=message, now=now)
            sent += 1
    return sent
