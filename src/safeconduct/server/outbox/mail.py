# SPDX-License-Identifier: Apache-2.0
"""Hands one message to the mail server: plain text, no Reply-To, no header that names the program or the machine."""

import smtplib
from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMessage

from safeconduct.errors import UnavailableError
from safeconduct.server.outbox.models import Message


def send(message: Message) -> None:
    """Send the message.

    Raises:
        UnavailableError: the mail server is out of reach or refused the message.
    """
    address = message.address or (message.party.email if message.party is not None else "")
    # Django would name the machine in the identifier.
    headers = {"Message-ID": make_msgid(domain=settings.SAFECONDUCT.host)}
    mail = EmailMessage(subject=message.subject, body=message.text, to=[address], headers=headers)
    try:
        mail.send()
    except (smtplib.SMTPException, OSError) as error:
        raise UnavailableError("the mail server did not take a message", hint="see the smtp settings") from error
