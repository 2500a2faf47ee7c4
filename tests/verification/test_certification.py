# SPDX-License-Identifier: Apache-2.0
"""What a campaign puts into its certificate."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import endpoint

from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.evidence import Verdict
from safeconduct.errors import ConflictError
from safeconduct.verification.campaign import CampaignResult, Terms, Watcher, run_campaign
from safeconduct.verification.certificate import verify_certificate
from safeconduct.verification.certification import certify, facts_of, with_suite
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.reproduction import Finding
from safeconduct.verification.suite import HistoricSuite, SuiteEntry
from safeconduct.verification.targets import target_for
from safeconduct.verification.trials import write_trials
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
    assert facts.campaign == ""
    assert facts.width == 1


SIGNER = SigningKey.generate("safeconduct.example/attest", lambda n: bytes(range(n)))
BACK = HistoricSuite(
    family="acme",
    target="after",
    fingerprint="fp",
    entries=(SuiteEntry(bundle="ab" * 32, outcome=Finding.REPRODUCED, hits=3, trials=3),),
)


def conducted(*, pause: bool = False) -> tuple[Terms, CampaignResult]:
    """Return a fix that was shown three calls at a time, or was paused on the way."""
    bundle = replace(leak_bundle(benign=()), id="c0" * 32)
    held_out = HeldOut(salt=b"s" * 32, seed=b"g" * 32)
    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out, campaign="c-1")
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        unpatched, patched = (
            target_for(bundle, TargetGrant(model="m", url=one.url, allow_private=True), clock=now)
            for one in (before, after)
        )
        result = run_campaign(
            terms,
            unpatched=unpatched,
            patched=patched,
            clock=now,
            watcher=Watcher(should_pause=lambda: pause),
            engine=LocalEngine(width=3),
        )
    return terms, result


@pytest.mark.parametrize(("suite", "verdict"), [(None, Verdict.FIXED), (BACK, Verdict.INCONCLUSIVE)])
def test_a_finished_campaign_is_certified_with_its_width_and_its_suite(
    suite: HistoricSuite | None, verdict: Verdict
) -> None:
    terms, result = conducted()

    envelope = certify(terms, result, SIGNER, unpatched="before", patched="after", suite=suite)
    check = verify_certificate(envelope, write_trials(result.trials), [SIGNER.verifier], bundle=terms.bundle)

    assert check.verdict is with_suite(result, suite).report.verdict is verdict
    assert (check.facts.campaign, check.facts.width, check.facts.suite) == ("c-1", 3, suite)
    assert check.draws == len(result.trials)
    assert {change.family for change in check.outlook} == {"plain", "base64", "leet"}


def test_a_paused_campaign_gets_no_certificate() -> None:
    terms, result = conducted(pause=True)

    with pytest.raises(ConflictError, match="paused"):
        certify(terms, result, SIGNER, unpatched="before", patched="after")
