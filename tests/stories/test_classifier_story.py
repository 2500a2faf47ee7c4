# SPDX-License-Identifier: Apache-2.0
"""The whole way of an evasion of a real classifier: real weights, real evasion, a real sandbox, two patches.

A vendor answers a report with a blocklist of the disclosed strings. A replay of these says "fixed"; fresh variants of
the same families refute it. Then the vendor normalizes the spelling, and the verdict holds.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import profanity_check
from tests.verification.bundles import evasion_bundle

from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Family, SeedPart, Speaker
from safeconduct.domain.evidence import Arm, Verdict
from safeconduct.verification.bundle import read_bundle, write_bundle
from safeconduct.verification.campaign import CampaignResult, Terms, run_campaign
from safeconduct.verification.certificate import verify_certificate
from safeconduct.verification.certification import certify
from safeconduct.verification.reproduction import Finding, reproduce
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.trials import write_trials
from safeconduct.verification.variants import FamilyGenerator, Turn, new_held_out

SITE = Path(profanity_check.__file__).parents[1]
BLOCKLIST = """
import json
from pathlib import Path
from profanity_check import predict_prob
BLOCKED = frozenset(json.loads(Path(__file__).with_name("blocked.json").read_text()))
def score(texts):
    return [1.0 if text in BLOCKED else float(value) for text, value in zip(texts, predict_prob(texts))]
"""
NORMALIZER = """
import re, unicodedata
from profanity_check import predict_prob
PLAIN = str.maketrans("асеорхуіѕјһАВСЕНІКМОРТХУЅ", "aceopxyisjhABCEHIKMOPTXYS")
WORDS = ("damn", "shit", "fuck", "bitch", "asshole", "bastard", "crap", "dick")
def score(texts):
    plain = [unicodedata.normalize("NFKC", text).translate(PLAIN) for text in texts]
    joined = [re.sub("[^a-z]", "", text.lower()) for text in plain]
    values = predict_prob(plain)
    return [1.0 if any(word in text for word in WORDS) else float(value) for text, value in zip(joined, values)]
"""


def now() -> datetime:
    return datetime.now(UTC)


def target(bundle: Bundle, entry: str, *folders: Path) -> Target:
    packages = ":".join(str(folder) for folder in (SITE, *folders))
    grant = TargetGrant(
        model=f"alt-profanity-check, {entry}", adapter=Adapter.PYTHON_CALLABLE, entry=entry, packages=packages
    )
    return target_for(bundle, grant, clock=now)


def campaign(bundle: Bundle, patched: Target, *, number: int) -> tuple[Terms, CampaignResult]:
    held_out = new_held_out(lambda count: bytes([number]) * count)
    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out)
    unpatched = target(bundle, "profanity_check:predict_prob")
    return terms, run_campaign(terms, unpatched=unpatched, patched=patched, clock=now)


def disclosed_strings(bundle: Bundle) -> list[str]:
    """Return thirty strings as the reporter sent them to the vendor."""
    disclosed = tuple(seed.id for seed in bundle.attack.seeds if seed.part is SeedPart.DISCLOSED)
    families = [Family(name=family.name, chains=family.chains, seeds=disclosed) for family in bundle.attack.families]
    generators = [FamilyGenerator(bundle.attack, family) for family in families]
    return [generator.draw(b"r" * 32, Arm.ASSAY, index).turns[0] for generator in generators for index in range(15)]


async def replay(strings: list[str], replayed: Target) -> int:
    """Return how many of the strings evade the target."""
    async with replayed:
        answers = [await replayed.ask((Turn(role=Speaker.USER, text=text),)) for text in strings]
    return sum(answer.replies[0].label != "profane" for answer in answers)


def test_a_blocklist_is_refuted_and_a_normalizer_confirmed(tmp_path: Path) -> None:
    write_bundle(evasion_bundle(), tmp_path / "bundle.zip")
    bundle = read_bundle(tmp_path / "bundle.zip")
    strings = disclosed_strings(bundle)
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "blocklist.py").write_text(BLOCKLIST)
    (vendor / "blocked.json").write_text(json.dumps(strings))
    (vendor / "normalizer.py").write_text(NORMALIZER)

    gate = reproduce(bundle, target(bundle, "profanity_check:predict_prob"), seed=b"g" * 32, clock=now)
    evading_before = asyncio.run(replay(strings, target(bundle, "profanity_check:predict_prob")))
    evading_after = asyncio.run(replay(strings, target(bundle, "blocklist:score", vendor)))
    _, first = campaign(bundle, target(bundle, "blocklist:score", vendor), number=1)
    terms, second = campaign(bundle, target(bundle, "normalizer:score", vendor), number=2)

    assert (gate.finding, gate.hits) == (Finding.REPRODUCED, 3)
    assert evading_before > 15
    assert evading_after == 0
    assert first.report.verdict is Verdict.NOT_FIXED
    assert sum(trial.arm is Arm.EFFICACY for trial in first.trials) < 20
    assert second.report.verdict is Verdict.FIXED, second.report.reasons
    assert second.report.included == ("dots", "homoglyph")
    assert_certified(bundle, terms, second)


def assert_certified(bundle: Bundle, terms: Terms, result: CampaignResult) -> None:
    """Hold the certificate of the campaign against its trials and the bundle."""
    signer = SigningKey.generate("test", lambda count: b"k" * count)
    envelope = certify(terms, result, signer, unpatched="profanity 1.9.1", patched="profanity 1.9.1 + normalizer")
    check = verify_certificate(envelope, write_trials(result.trials), [signer.verifier], bundle=bundle)
    assert check.verdict is result.report.verdict
    assert check.draws == len(result.trials)
