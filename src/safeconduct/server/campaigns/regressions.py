# SPDX-License-Identifier: Apache-2.0
"""The flaw is back: the verdict becomes REGRESSED, a linked finding is opened, and those concerned are told.

The finding is a report of its own that came by the watch, with the words and the bundle of the first one, so that it is
assessed and becomes a case like any other; the watch names it, and it names the register's number of the first. Told
are the desk, the vendor whose fix it is, and the reporter; other vendors are not, because it is not their fix.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from safeconduct.crypto.sealing import DataKey
from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Evidence, PublicStatus, Reporter
from safeconduct.domain.report import Report as ToldReport
from safeconduct.domain.safe_json import Json, canonical_json
from safeconduct.ledger.commitment import public_commitment
from safeconduct.ledger.entry import EntryKind
from safeconduct.server.audit import ledger, vault
from safeconduct.server.audit import services as audit
from safeconduct.server.campaigns.models import Watch, WatchState, WatchTurn
from safeconduct.server.campaigns.places import watch_place
from safeconduct.server.cases import queries as cases
from safeconduct.server.cases.notices import News, tell
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake import services as receiving
from safeconduct.server.intake.models import Door, MessageKind
from safeconduct.server.intake.services import MailboxAddress
from safeconduct.server.intake.storage import SealedFile, StoredFile
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.stats.detector import Detector

TITLE_LIMIT = 200
SERVICE = Viewer(roles=frozenset({Role.COORDINATOR}))
TO_REPORTER = (
    "The fix of your flaw was found to hold, and was watched since. The attack succeeds again, so the verdict is"
    " REGRESSED now, and a new finding was opened that is linked to your report."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a new finding needs that is made outside of the transaction: its key, its report and its sealed bundle."""

    key: DataKey
    told: ToldReport
    files: tuple[StoredFile, ...]


def prepare(watch: Watch) -> Prepared:
    """Return the words and the bundle of the first report as those of the new finding."""
    case = watch.campaign.claim.case
    row = case.assessment.report
    key, bundle = DataKey.generate(secrets.token_bytes), intake.bundle_of(row) or b""
    file = SealedFile(key=key, name="bundle.zip", media_type="application/zip", limit=len(bundle), is_bundle=True)
    file.write(bundle)
    return Prepared(key=key, told=intake.opened(row).told, files=(file.finish(),))


def regress(turn: WatchTurn, alarm: Detector, prepared: Prepared, *, now: datetime) -> None:
    """Set the verdict back, open the linked finding and tell. Call it inside the turn's `atomic_write`."""
    watch = turn.watch
    case, seat = watch.campaign.claim.case, watch.campaign.claim.participant
    told = _told(prepared.told, watch, alarm, now=now)
    address = MailboxAddress(lookup=secrets.token_bytes(32), auth=secrets.token_bytes(32))
    received = receiving.receive(
        report=told, mailbox=address, door=Door.WATCH, now=now, files=prepared.files, key=prepared.key
    )
    watch.state, watch.ended_at, watch.report = WatchState.REGRESSED, now, received.row
    watch.reason = vault.seal_text(_why(alarm), subject=case.pk, place=watch_place(watch.pk))
    watch.save(update_fields=["state", "ended_at", "report", "reason"])
    facts: dict[str, audit.Fact] = {
        "campaign": watch.campaign_id,
        "turn": turn.number,
        "calls": alarm.calls,
        "hits": alarm.hits,
        "report": received.row.pk,
    }
    audit.record(EventTag.WATCH_REGRESSED, subject=watch.pk, at=now, facts=facts)
    record: dict[str, Json] = {"watch": watch.pk, "turn": turn.number, "detector": alarm.state}
    ledger.commit(kind=EntryKind.ATTESTATION, value=public_commitment(canonical_json(record)), now=now)
    tell(dict.fromkeys((seat, cases.desk_seat(case))), case, News.REGRESSED, now=now)
    receiving.tell_reporter(row=case.assessment.report, text=TO_REPORTER, kind=MessageKind.NOTE, by=SERVICE, now=now)


def _told(first: ToldReport, watch: Watch, alarm: Detector, *, now: datetime) -> ToldReport:
    case = watch.campaign.claim.case
    summary = TrialSummary(n=alarm.calls - alarm.unknown, hits=alarm.hits, abstained=alarm.unknown, source="watch")
    return replace(
        first,
        title=f"Regression of {case.entry.public_id}: {first.title}"[:TITLE_LIMIT],
        summary=f"The regression watch of {case.entry.public_id} raised the alarm: {_why(alarm)}",
        reporter=Reporter(),
        seen_at=now,
        public_status=PublicStatus.PUBLIC if case.public_at else first.public_status,
        evidence=Evidence(stochastic=first.evidence.stochastic, trials=(summary,)),
    )


def _why(alarm: Detector) -> str:
    return (
        f"{alarm.hits} of {alarm.calls} fresh variants succeeded against the system whose fix was found to hold. The"
        f" detector reached {alarm.statistic:.3g}, and its limit is {alarm.run_length:g}: while a fix holds, at least"
        " so many calls pass on average before a false alarm."
    )
