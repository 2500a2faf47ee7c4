# SPDX-License-Identifier: Apache-2.0
"""A bundle with code is tested only after a coordinator has read each file; who let it run is kept."""

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from tests.factories import spine
from tests.server.factories import client_of
from tests.verification.bundles import CANARY, leak_bundle

from safeconduct.domain.bundle import Bundle, Oracle
from safeconduct.domain.event import EventTag
from safeconduct.domain.script import CodeCheck, CodeFile
from safeconduct.errors import NotPermittedError
from safeconduct.server.audit.models import Event
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import runner, services
from safeconduct.server.campaigns.models import Campaign, FixClaim
from safeconduct.server.parties.models import Party
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.bundle import zip_bundle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]
JUDGE = CodeFile(
    name="judge.py",
    text=f"# <b>is it\u202e there?</b>\ndef judge(reply):\n    return 'hit' if '{CANARY}' in reply['text'].lower() else 'miss'\n",
)
DIGEST = JUDGE.sha256


def coded() -> Bundle:
    made = leak_bundle(oracle=Oracle(checks=(CodeCheck(file="judge.py"),)), code=(JUDGE,), criterion=spine.CRITERION)
    return replace(made, attack=replace(made.attack, families=made.attack.families[:1]))


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> FixClaim:
    """Return a claimed fix in a case whose bundle brings code."""
    monkeypatch.setattr(spine, "bundle_bytes", lambda: zip_bundle(coded()))
    found: FixClaim = request.getfixturevalue("claim")
    return found


def terms(unpatched: Target, fixed: Target) -> dict[str, Any]:
    return {"unpatched": unpatched.pk, "patched": fixed.pk, "tolerance": 0.2, "alpha": 0.05, "max_calls": 300}


def test_the_page_shows_each_file_escaped_and_with_its_digest(claimed: FixClaim, desk: Viewer) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))

    page = client.get(f"/campaigns/case/{claimed.case_id}/").content.decode()

    assert "code/judge.py" in page
    assert f"{JUDGE.size} bytes" in page
    assert f'name="code_{DIGEST}"' in page
    assert "&lt;b&gt;is it⟨U+202E⟩ there?&lt;/b&gt;" in page
    assert "<b>is it" not in page


def test_without_the_tick_it_is_not_started_and_with_it_the_approval_is_kept(
    claimed: FixClaim, unpatched: Target, fixed: Target, desk: Viewer
) -> None:
    client = client_of(Party.objects.get(pk=desk.party_id))
    where = f"/campaigns/claim/{claimed.pk}/start"

    refused = client.post(where, terms(unpatched, fixed))
    priced = client.post(where, {**terms(unpatched, fixed), "act": "estimate"})

    assert refused.status_code == 422
    assert "holds code that nobody has approved" in refused.content.decode()
    assert priced.status_code == 200
    assert not Campaign.objects.exists()
    started = client.post(where, {**terms(unpatched, fixed), f"code_{DIGEST}": "on"})
    campaign = Campaign.objects.get()
    assert started["Location"] == f"/campaigns/{campaign.pk}/"
    assert (campaign.approval["by"], campaign.approval["sha256"]) == (desk.actor, [DIGEST])
    assert campaign.approval["at"] == campaign.queued_at.isoformat()
    assert Event.objects.get(tag=EventTag.CAMPAIGN_STARTED).facts["approved_code"] == [DIGEST]
    assert DIGEST in client.get(started["Location"]).content.decode()


def test_approved_code_runs_to_a_verdict(claimed: FixClaim, unpatched: Target, fixed: Target, desk: Viewer) -> None:
    campaign = services.start(
        claim=claimed,
        unpatched=unpatched,
        patched=fixed,
        by=desk,
        now=timezone.now(),
        approved_code=frozenset({DIGEST}),
    )

    ended = runner.run(campaign, now=timezone.now())

    assert ended.verdict == "FIXED", ended.failure


@pytest.mark.parametrize("kept", [{}, {"sha256": ["0" * 64]}])
def test_code_is_not_run_without_its_own_approval(
    claimed: FixClaim,
    unpatched: Target,
    fixed: Target,
    desk: Viewer,
    kept: dict[str, Any],
) -> None:
    start = {"claim": claimed, "unpatched": unpatched, "patched": fixed, "by": desk, "now": timezone.now()}
    with pytest.raises(NotPermittedError, match="nobody has approved"):
        services.start(**start, approved_code=frozenset({"0" * 64}))
    campaign = services.start(**start, approved_code=frozenset({DIGEST, "0" * 64}))
    assert campaign.approval["sha256"] == [DIGEST]
    Campaign.objects.filter(pk=campaign.pk).update(approval=kept)

    ended = runner.run(Campaign.objects.get(pk=campaign.pk), now=timezone.now())

    assert (ended.state, ended.verdict) == ("failed", "")
    assert "approved" in ended.failure
