# SPDX-License-Identifier: Apache-2.0
"""What a campaign puts into its certificate."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import endpoint

from safeconduct.domain.authorization import TargetGrant
from safeconduct.verification.campaign import Terms, run_campaign
from safeconduct.verification.certification import facts_of
from safeconduct.verification.targets import target_for
from safeconduct.verification.variants import HeldOut, commit_held_out


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(
    ("digest", "told"),
    [("", ""), ("sha256:" + "ab" * 32, "ab" * 32), ("ab" * 32, "ab" * 32), ("sha1:1234", ""), ("zz" * 32, "")],
)
def test_the_facts_of_a_campaign_are_told_as_they_were_fixed(digest: str, told: str) -> None:
    bundle = leak_bundle()
    bundle = replace(bundle, target=replace(bundle.target, model_digest=digest), id="c0" * 32)
    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=HeldOut(salt=b"s" * 32, seed=b"g" * 32))
    with endpoint(canary=CANARY) as server:
        grant = TargetGrant(model="m", url=server.url, allow_private=True)
        targets = [target_for(bundle, grant, clock=now) for _ in range(2)]
        result = run_campaign(terms, unpatched=targets[0], patched=targets[1], clock=now)

    facts = facts_of(terms, result, unpatched="before", patched="after")

    assert facts.bundle_sha256 == "c0" * 32
    assert facts.commitment == commit_held_out(bundle.attack, terms.held_out)
    assert (facts.unpatched.name, facts.unpatched.sha256) == ("before", told)
    assert (facts.patched.name, facts.patched.sha256) == ("after", "")
    assert facts.families == ("plain", "base64", "leet")
    assert facts.benign
    assert facts.started_at <= facts.ended_at
