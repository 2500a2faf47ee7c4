# SPDX-License-Identifier: Apache-2.0
"""The digest that chains events: SHA-256 over the digest before and the canonical JSON (RFC 8785) of the event."""

import hashlib
from datetime import UTC

import rfc8785

from safeconduct.server.audit.models import Event

ROOT = hashlib.sha256(b"safeconduct audit chain v1").hexdigest()


def next_digest(before: str, event: Event) -> str:
    """Return the digest of the link that holds this event."""
    content = {
        "id": str(event.pk),
        "tag": event.tag,
        "subject": event.subject,
        "actor": event.actor,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "facts": event.facts,
    }
    return hashlib.sha256(bytes.fromhex(before) + rfc8785.dumps(content)).hexdigest()
