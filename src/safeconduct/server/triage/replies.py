# SPDX-License-Identifier: Apache-2.0
"""Replies that show a flaw: sealed under the report's key, shown as an excerpt, opened by a coordinator who says why.

A reply never stands in clear in the database, a log, a certificate or the trials. When the report is shredded, its
replies cannot be opened any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import IncompleteError, NotFoundError, TooLargeError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage.models import Assessment, GateReply, GateRun, ReplyOpening
from safeconduct.server.triage.places import excerpt_place, opening_place, reply_place
from safeconduct.verification.reproduction import Reproduction

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReply:
    """A reply as the page shows it: its excerpt, and who opened the whole of it, when and why."""

    row: GateReply
    excerpt: str = field(repr=False)
    openings: tuple[tuple[str, datetime, str], ...] = ()


def keep(run: GateRun, found: Reproduction) -> None:
    """Seal the replies of a run. Call it inside the act's transaction."""
    digests = {trial.number: trial.response_sha256 for trial in found.trials}
    GateReply.objects.filter(run=run).delete()
    GateReply.objects.bulk_create(
        GateReply(
            run=run,
            number=one.number,
            sha256=digests[one.number],
            sealed_reply=vault.seal_text(one.text, subject=run.report_id, place=reply_place(run.pk, one.number)),
            sealed_excerpt=vault.seal_text(one.excerpt, subject=run.report_id, place=excerpt_place(run.pk, one.number)),
        )
        for one in found.kept
    )


def shown(run: GateRun) -> Sequence[ShownReply]:
    """Return the replies of a run with their excerpts. The caller has checked that the asker may see the report.

    Raises:
        SealError: the report was shredded.
    """
    rows = run.replies.prefetch_related("openings__by")
    return [
        ShownReply(
            row=row,
            excerpt=vault.open_text(
                bytes(row.sealed_excerpt), subject=run.report_id, place=excerpt_place(run.pk, row.number)
            ),
            openings=tuple(_opening(one, run.report_id) for one in row.openings.all()),
        )
        for row in rows
    ]


@atomic_write
def open_reply(*, assessment: Assessment, reply_id: int, reason: str, by: Viewer, now: datetime) -> str:
    """Return the whole of a sealed reply, and record who opened it and why.

    Raises:
        NotPermittedError: only those who coordinate open it.
        NotFoundError: there is no such reply of this report.
        IncompleteError: there is no reason.
        TooLargeError: the reason is too long.
        SealError: the report was shredded.
    """
    by.require(Role.COORDINATOR)
    said = reason.strip()
    if not said:
        raise IncompleteError("say why", hint="it is kept with your name", missing=["reason"])
    if len(said) > REASON_LIMIT:
        raise TooLargeError(f"at most {REASON_LIMIT} characters", hint="say it shorter", limit=REASON_LIMIT)
    row = GateReply.objects.filter(pk=reply_id, run__report=assessment.report_id).select_related("run").first()
    if row is None:
        raise NotFoundError("no such reply")
    subject = assessment.report_id
    text = vault.open_text(bytes(row.sealed_reply), subject=subject, place=reply_place(row.run_id, row.number))
    sealed = vault.seal_text(said, subject=subject, place=opening_place(row.pk))
    ReplyOpening.objects.create(reply=row, by_id=by.party_id, at=now, sealed_reason=sealed)
    audit.record(EventTag.REPLY_OPENED, subject=subject, actor=by.actor, at=now, facts={"trial": row.number})
    return text


def _opening(opening: ReplyOpening, subject: str) -> tuple[str, datetime, str]:
    place = opening_place(opening.reply_id)
    reason = vault.open_text(bytes(opening.sealed_reason), subject=subject, place=place)
    return (opening.by.handle if opening.by else "somebody", opening.at, reason)
