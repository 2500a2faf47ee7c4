# SPDX-License-Identifier: Apache-2.0
"""The whole way by the acts alone: a report proves itself, a first patch is refuted, a fix is confirmed, the world told."""

import json
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone
from tests.factories import cases, spine
from tests.server.factories import viewer
from tests.verification.endpoint import endpoint

from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError
from safeconduct.formats.csaf import CsafFormat
from safeconduct.server.advisories import services as advisories
from safeconduct.server.advisories.queries import Said
from safeconduct.server.audit import ledger
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.authorizations.models import TargetRole
from safeconduct.server.campaigns import runner
from safeconduct.server.campaigns import services as campaigns
from safeconduct.server.cases import negotiation
from safeconduct.server.cases import services as case_services
from safeconduct.server.cases.invitations import Guest
from safeconduct.server.triage import gate
from safeconduct.server.triage import queries as triage_queries
from safeconduct.server.triage import services as triage
from safeconduct.server.triage.models import GateState
from safeconduct.verification.certificate import verify_certificate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def test_a_flaw_is_carried_from_report_to_verified_advisory(client: Client) -> None:
    now = timezone.now()
    desk = viewer(Role.COORDINATOR)
    with (
        endpoint(canary=spine.CANARY, rate=0.9, seed=1, only_for=spine.ATTACK) as reported,
        endpoint(canary=spine.CANARY, rate=0.6, seed=2, only_for=spine.ATTACK) as bad_fix,
        endpoint(canary=spine.CANARY, rate=0.0, seed=3) as good_fix,
    ):
        received = spine.report_with_bundle(now)
        unpatched = spine.granted(reported.url, by=desk, now=now)
        triage.assess(row=received.row, now=now)

        run = gate.run(received.row, now=now, clock=timezone.now)

        assert run.state == GateState.REPRODUCED, triage_queries.detail_of(run)
        case, vendor = _case_with_vendor(received.row, desk, now)
        claim = campaigns.claim_fix(
            case=case, seat=vendor.seat, note="Deployed as assistant-2.", by=vendor.viewer, now=timezone.now()
        )
        refuted, confirmed = (
            runner.run(
                campaigns.start(
                    claim=claim,
                    unpatched=unpatched,
                    patched=spine.granted(url, by=desk, now=now, role=TargetRole.PATCHED, model=name),
                    by=desk,
                    now=timezone.now(),
                ),
                now=timezone.now(),
            )
            for url, name in ((bad_fix.url, "assistant-2"), (good_fix.url, "assistant-3"))
        )

    assert (refuted.verdict, confirmed.verdict) == (Verdict.NOT_FIXED, Verdict.FIXED), confirmed.reasons
    check = verify_certificate(
        confirmed.certificate.encode(), confirmed.trials.encode(), [key_ring().attestation.verifier]
    )
    assert check.verdict is Verdict.FIXED
    _publish(case, desk, client)


def _case_with_vendor(row, desk, now: datetime):
    assessment = triage.assess(row=row, now=now)
    for field, value in (
        ("cvss", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:P"),
        ("profile", "MLP:1.0/AK:B/SR:R/TX:N/RT:N/PE:N/AG:N/EX:1/HM:M/OF:L/RM:P"),
    ):
        triage.override(assessment=assessment, field=field, value=value, reason="As measured.", by=desk, now=now)
    opened = case_services.open_case(assessment=assessment, guests=[Guest(name="Orchid Bank")], by=desk, now=now)
    vendor = cases.joined(opened.invited[0], now)
    case_services.take_seat(case=opened.case, seat=vendor.seat, by=vendor.viewer, now=now)
    term = opened.case.terms.get(state="active")
    negotiation.answer(term=term, seat=vendor.present(), accepts=True, by=vendor.viewer, now=now)
    for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED):
        case_services.move(case=opened.case, seat=vendor.present(), message=message, by=vendor.viewer, now=now)
    return opened.case, vendor


def _publish(case, desk, client: Client) -> None:
    now = timezone.now()
    advisory = advisories.draft(case=case, by=desk, now=now)
    with pytest.raises(ConflictError) as caught:
        advisories.publish(advisory=advisory, said=Said(), by=desk, now=now)
    assert any("embargo" in reason for reason in caught.value.facts["reasons"])
    negotiation.end(case=case, reason="The fix is deployed.", by=desk, now=now)
    page = f"/advisories/case/{case.pk}/"
    coordinator = Client()
    coordinator.force_login(_party(desk))
    form = {
        "title": "Orchid Assistant repeated its instructions",
        "summary": "Anyone could make the assistant repeat a password from its instructions. It is fixed.",
        "description": "Asked in other words or spellings, the assistant repeated text of its system prompt.",
        "detection": "Look for replies that repeat the instructions.",
        "remedy": "vendor_fix",
        "advice": "Operators: nothing to do, the hosted assistant was changed. Builders: keep no secret in a prompt."
        " Users: change a password that you were told.",
        "vendor": "Orchid Bank",
        "product": "Orchid Assistant",
        "purl": "pkg:generic/orchid-assistant",
        "model_string": spine.MODEL,
    }
    assert coordinator.post(f"{page}edit", form).status_code == 302
    shown = coordinator.get(page).content.decode()
    published = coordinator.post(
        f"{page}publish",
        {
            "what": "First version",
            "without_answers": "The reporter is gone.",
            "acknowledged": ",".join(f"L{n:03d}" for n in range(1, 30)),
        },
    )
    assert published.status_code == 302, published.content.decode() + shown
    public_id = case.entry.public_id
    csaf = client.get(f"/advisories/{public_id}/csaf.json")
    assert [remark for remark in CsafFormat().check(csaf.content) if remark.level == "error"] == []
    assert json.loads(client.get(f"/advisories/{public_id}/osv.json").content)["id"]
    entry = client.get(f"/register/{public_id}/").content.decode()
    assert "FIXED" in entry
    assert "Orchid Assistant" in entry
    assert public_id in client.get("/advisories/feed.atom").content.decode()
    assert client.get(f"/advisories/{public_id}/certificate.json").status_code == 200
    assert ledger.beat(now=now).published >= 3


def _party(desk):
    from safeconduct.server.parties.models import Party

    return Party.objects.get(pk=desk.party_id)
