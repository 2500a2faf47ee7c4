# SPDX-License-Identifier: Apache-2.0
"""A campaign beside other runs never spends more than its targets grant, and an error of our own ends it at once."""

from typing import Any

import pytest
from django.utils import timezone
from tests.verification.endpoint import Endpoint

from safeconduct.errors import NotPermittedError, VerificationError
from safeconduct.server.authorizations import services as authorizing
from safeconduct.server.authorizations.models import Hold, Target
from safeconduct.server.campaigns import runner, transcripts
from safeconduct.server.campaigns.models import Campaign, CampaignState
from safeconduct.verification.meter import Spent
from safeconduct.verification.transcript import START, write_links
from safeconduct.verification.trials import read_trials

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def test_what_a_campaign_may_ask_is_set_aside_while_it_runs(
    queued: Campaign, fixed: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    tell = runner._tell

    def look(*given: Any, **named: Any) -> tuple[bool, bool]:
        fixed.refresh_from_db()
        seen.append(fixed.calls_reserved)
        with pytest.raises(NotPermittedError):
            authorizing.reserve(target_id=fixed.pk, least=fixed.max_calls, most=fixed.max_calls, now=timezone.now())
        return tell(*given, **named)

    monkeypatch.setattr(runner, "_tell", look)

    ended = runner.run(queued, now=timezone.now())

    assert ended.state == CampaignState.DECIDED
    assert max(seen) > 0
    fixed.refresh_from_db()
    assert (fixed.calls_reserved, fixed.tokens_reserved) == (0, 0)
    assert not Hold.objects.exists()


def test_a_campaign_asks_no_more_than_what_others_left_to_it(queued: Campaign, fixed: Target, sound: Endpoint) -> None:
    Target.objects.filter(pk=fixed.pk).update(max_calls=30)
    authorizing.reserve(target_id=fixed.pk, least=1, most=20, now=timezone.now())

    runner.run(queued, now=timezone.now())

    assert len(sound.asked) == 10
    fixed.refresh_from_db()
    assert (fixed.calls_used, fixed.calls_reserved) == (10, 20)


def test_an_error_of_our_own_fails_the_campaign_at_once_and_is_told_by_its_kind(
    queued: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise KeyError("a secret of the vendor")

    monkeypatch.setattr(runner, "run_campaign", break_down)

    with pytest.raises(KeyError):
        runner.run(queued, now=timezone.now())

    ended = Campaign.objects.get(pk=queued.pk)
    assert (ended.state, ended.lease_until) == (CampaignState.FAILED, None)
    assert ended.failure == f"{runner.UNEXPECTED} [KeyError]"
    assert not Hold.objects.exists()


def test_what_left_for_the_targets_is_kept_in_a_chain_that_can_be_checked(
    queued: Campaign, leaking: Endpoint, sound: Endpoint
) -> None:
    ended = runner.run(queued, now=timezone.now())

    ended.refresh_from_db()
    kept = transcripts.links_of(ended)
    assert {role: len(links) for role, links in kept.items()} == {
        "unpatched 1": len(leaking.asked),
        "patched 1": len(sound.asked),
    }
    digests = {trial.response_sha256 for trial in read_trials(ended.trials.encode())}
    assert digests <= {link.response_sha256 for links in kept.values() for link in links}
    forged = {"patched 1": {"head": START, "links": write_links(kept["patched 1"]).decode()}}
    ended.sealed_transcripts = ended.sealed("transcripts", forged)
    with pytest.raises(VerificationError):
        transcripts.links_of(ended)


def test_a_sitting_that_asked_nothing_keeps_no_transcript(queued: Campaign) -> None:
    transcripts.keep(queued, {"patched": Spent()})

    queued.refresh_from_db()
    assert transcripts.links_of(queued) == transcripts.checks_of(queued) == {}


def test_how_the_sandbox_of_a_target_was_checked_is_kept(queued: Campaign) -> None:
    transcripts.keep(queued, {"patched": Spent(sandbox={"attempts": 43, "failed": []})})

    queued.refresh_from_db()
    assert transcripts.checks_of(queued) == {"patched 0": {"attempts": 43, "failed": []}}
    assert transcripts.links_of(queued) == {"patched 0": ()}
