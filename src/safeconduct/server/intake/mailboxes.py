# SPDX-License-Identifier: Apache-2.0
"""Mailboxes as the web form needs them: keys derived here from eight words, at most two at a time.

The command line derives the keys on the reporter's own machine; the form cannot, so the words come here, are used and
are forgotten. Each derivation takes 19 MiB for about 20 ms, which is why few run at once.
"""

import threading

from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.mailbox import MailboxKeys, derive_mailbox
from safeconduct.errors import UnavailableError
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.intake.drafts import MailboxAddress

AT_ONCE = 2
WAIT_SECONDS = 20.0
_turns = threading.BoundedSemaphore(AT_ONCE)


def keys_of(codename: Codename) -> MailboxKeys:
    """Return the keys of a codename.

    Raises:
        UnavailableError: too many derive at the same time.
    """
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise UnavailableError("too many mailboxes are being opened", hint="try again in a minute")
    try:
        return derive_mailbox(codename, salt=key_ring().mailbox_salt)
    finally:
        _turns.release()


def address_of(keys: MailboxKeys) -> MailboxAddress:
    """Return what the server keeps of the keys."""
    return MailboxAddress(lookup=keys.lookup_digest, auth=keys.auth_digest, recipient=keys.age_recipient)
