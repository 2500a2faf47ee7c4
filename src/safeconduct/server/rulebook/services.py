# SPDX-License-Identifier: Apache-2.0
"""The act on policies: put a new version in force. Old versions stay readable, because old cases were run by them."""

from datetime import datetime

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import IncompleteError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write, only_one
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.rulebook import queries
from safeconduct.server.rulebook.models import PolicyKind, PolicyText


@atomic_write
def put_in_force(
    *, kind: PolicyKind, text: str, embargo_days: int, by: Viewer, now: datetime, from_day: datetime | None = None
) -> PolicyText:
    """Add the next version of a policy.

    Raises:
        NotPermittedError: only administrators may.
        IncompleteError: the text is empty.
    """
    by.require(Role.ADMINISTRATOR)
    if not text.strip():
        raise IncompleteError("a policy needs a text", missing=["text"])
    only_one(f"rulebook.{kind}")
    newest = queries.versions(kind).first()
    row = PolicyText.objects.create(
        kind=kind,
        version=newest.version + 1 if newest else 1,
        text=text,
        embargo_days=embargo_days,
        in_force_from=from_day or now,
    )
    facts: dict[str, audit.Fact] = {"version": row.version}
    audit.record(EventTag.RULEBOOK_CHANGED, subject=f"policy:{kind}", actor=by.actor, at=now, facts=facts)
    return row
