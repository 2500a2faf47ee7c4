# SPDX-License-Identifier: Apache-2.0
"""How django-allauth behaves here: no open sign-up, no address, sessions that know when they began.

The seed of the second factor and of the recovery codes is stored sealed with a key of the key ring, so the database and
its backup alone do not open an account.
"""

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone

from safeconduct.server.audit.instance_seal import open_for, seal_for
from safeconduct.server.parties.sessions import BEGAN

PURPOSE = "second-factor"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Accounts come by one-time links only, and nothing is read from the network."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's signature
        """Refuse open sign-up."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:  # noqa: ARG002  # allauth's signature
        """Return the same text for everyone: the address was removed and is not wanted."""
        return "none"

    def get_http_user_agent(self, request: HttpRequest) -> str:  # noqa: ARG002  # allauth's signature
        """Return the same text for everyone."""
        return "none"

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in and note when the session began."""
        super().login(request, user)
        request.session[BEGAN] = timezone.now().isoformat()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send nothing: mail leaves through the outbox only."""


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """The second factor, stored sealed."""

    def encrypt(self, text: str) -> str:
        """Return the seed sealed, as text."""
        return base64.b64encode(seal_for(PURPOSE, text)).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Return the seed.

        Raises:
            SealError: the key of the key ring is another one.
        """
        return open_for(PURPOSE, base64.b64decode(encrypted_text))
