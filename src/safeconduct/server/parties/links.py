# SPDX-License-Identifier: Apache-2.0
"""The addresses of one-time links. The secret stands in the path, which neither our log nor another site sees."""

from django.urls import reverse

from safeconduct.server.parties.services import OneTimeLink


def join_url(base_url: str, link: OneTimeLink) -> str:
    """Return the full address with which an invited person joins."""
    return base_url.rstrip("/") + reverse("parties:join", args=[link.secret])


def password_url(base_url: str, link: OneTimeLink) -> str:
    """Return the full address at which a party chooses a new password."""
    return base_url.rstrip("/") + reverse("parties:new_password", args=[link.secret])
