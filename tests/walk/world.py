# SPDX-License-Identifier: Apache-2.0
"""A world with one of everything, so that every address can be asked for with a real thing and with none."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tests.factories import attachments, cases, records, spine, triage
from tests.factories import campaigns as made
from tests.server.factories import make_party

from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.parties import Role
from safeconduct.server.advisories import services as advisories
from safeconduct.server.audit import vault
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import rounds, suites
from safeconduct.server.campaigns import services as campaigns
from safeconduct.server.campaigns.models import FixClaim, SuiteCheck, Watch
from safeconduct.server.cases import services as case_services
from safeconduct.server.cases.models import Case
from safeconduct.server.intake import services as intake_services
from safeconduct.server.intake.storage import SealedFile
from safeconduct.server.parties import services as parties
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.triage import services as triage_services
from safeconduct.server.triage.models import Appeal

MISSING: dict[str, Any] = {
    "case_id": "cas_missing",
    "campaign_id": "cmp_missing",
    "claim_id": 987654,
    "watch_id": "wch_missing",
    "probe_id": "prb_missing",
    "check_id": "sui_missing",
    "public_id": "SC-2026-missing0",
    "kind": "csaf",
    "party_id": "pty_missing",
    "invitation_id": "inv_missing",
    "token_id": "tok_missing",
    "target_id": "tgt_missing",
    "assessment_id": "asm_missing",
    "attachment_id": "att_missing",
    "appeal_id": 987654,
    "participant_id": "ptc_missing",
    "term_id": "emb_missing",
    "report_id": "rep_missing",
    "message_id": "msg_missing",
    "secret": "missing",
    "reference": "missing",
    "name": "missing",
    "version": 1,
    "number": 1,
    "reply_id": 987654,
    "behavior_id": 987654,
    "rest": "missing",
}


@dataclass(frozen=True, slots=True)
class World:
    """The values for every argument of an address, and a vendor who has a seat in the case."""

    values: dict[str, Any]
    coordinator: Any
    vendor: Any


def build(now: datetime) -> World:
    """Make a case with a vendor, a claim, a draft, a target, and everything before them."""
    world = cases.opened(now, told=None)
    vendor = cases.seated(world, "Orchid Bank", now)
    target = spine.granted("http://127.0.0.1:9/v1", by=world.desk, now=now)
    case = world.present()
    advisory = advisories.draft(case=case, by=world.desk, now=now)
    administrator = make_party(Role.ADMINISTRATOR)
    link = parties.invite(roles=[Role.OBSERVER], by=viewer_of(administrator), now=now, name="guest")
    claim, watch = _watched(world, vendor, now)
    chosen = {target: vendor.present()}
    probe = rounds.start(case=case, chosen=chosen, by=world.desk, now=now).probes.get()
    check = _checked(world, target, now)
    appeal = _appealed(world, now)
    file = attachments.attached(case.assessment.report, b"proof", now=now)
    values = {
        **MISSING,
        "case_id": case.pk,
        "claim_id": claim.pk,
        "campaign_id": watch.campaign_id,
        "watch_id": watch.pk,
        "probe_id": probe.pk,
        "check_id": check.pk,
        "public_id": advisory.entry.public_id,
        "party_id": vendor.party.pk,
        "invitation_id": link.invitation.pk,
        "target_id": target.pk,
        "assessment_id": case.assessment_id,
        "report_id": case.assessment.report_id,
        "participant_id": vendor.seat.pk,
        "term_id": case.terms.first().pk,
        "appeal_id": appeal.pk,
        "attachment_id": file.pk,
    }
    return World(values=values, coordinator=world.coordinator, vendor=vendor.party)


def _appealed(world: cases.World, now: datetime) -> Appeal:
    other = triage.assessed(now, by=world.desk, told=records.report(title="Another one", description="Not the same."))
    rejected = triage_services.reject(assessment=other, reason="Not ours.", by=world.desk, now=now)
    return triage_services.appeal(row=rejected.report, text="Please look again.", now=now)


def _watched(world: cases.World, vendor: cases.Seated, now: datetime) -> tuple[FixClaim, Watch]:
    """Return the vendor's claim and the watch of its fix, after a campaign found it to hold."""
    row = world.present().assessment.report
    file = SealedFile(key=vault.key_of(row.pk), name="bundle.zip", media_type="application/zip", limit=1 << 20)
    file.write(spine.bundle_bytes())
    intake_services.attach(row=row, files=[replace(file.finish(), is_bundle=True)], now=now)
    for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED):
        case_services.move(case=world.case, seat=vendor.present(), message=message, by=vendor.viewer, now=now)
    claim = campaigns.claim_fix(case=world.case, seat=vendor.present(), note="Done.", by=vendor.viewer, now=now)
    return claim, made.watched(claim, by=world.desk, now=now)


def _checked(world: cases.World, target: Target, now: datetime) -> SuiteCheck:
    """Return a check by hand; the case was published a moment ago and is in the suite of its family."""
    Case.objects.filter(pk=world.case.pk).update(published_at=now)
    suites.join(now)
    check = suites.check(target=target, by=world.desk, now=now)
    Case.objects.filter(pk=world.case.pk).update(published_at=None)
    return check
