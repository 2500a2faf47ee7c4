# SPDX-License-Identifier: Apache-2.0
"""A finished campaign over a real bundle, its certificate and its keys."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from tests.verification.bundles import leak_bundle
from tests.verification.deliberations import HIT, MISS, SOON, START, make_trial

from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.verification.binding import bound
from safeconduct.verification.certificate import CampaignFacts, TargetRecord, make_certificate
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.sampling import Sampler
from safeconduct.verification.trials import write_trials
from safeconduct.verification.variants import HeldOut, commit_held_out
from safeconduct.verification.verdict import Call, Deliberation

BUNDLE = replace(leak_bundle(), id="ab" * 32)
CAMPAIGN = "campaign-1"
REVEAL = HeldOut(salt=b"\x01" * 32, seed=b"\x02" * 32)
SIGNER = SigningKey.generate("safeconduct.example/attest", lambda n: bytes(range(n)))
STRANGER = SigningKey.generate("elsewhere.example/attest", lambda n: bytes(range(1, n + 1)))

Answer = Callable[[Call], TrialOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate with all that belongs to it."""

    facts: CampaignFacts
    trials: tuple[Trial, ...]
    envelope: bytes
    lines: bytes


def facts_of(bundle: Bundle, criterion: Criterion, *, halted: str = "") -> CampaignFacts:
    """Return the facts of a campaign over the bundle."""
    return CampaignFacts(
        criterion=criterion,
        families=tuple(family.name for family in bundle.attack.families),
        benign=bool(bundle.benign),
        unpatched=TargetRecord(name="acme-1", fingerprint="openai-chat acme-1; fp_1"),
        patched=TargetRecord(name="acme-1 patched", fingerprint="openai-chat acme-1; fp_2", sha256="cd" * 32),
        bundle_sha256=bundle.id,
        oracle_sha256=PreparedOracle(bundle.oracle).digest,
        commitment=commit_held_out(bundle.attack, bound(REVEAL, campaign=CAMPAIGN)),
        campaign=CAMPAIGN,
        reveal=REVEAL,
        started_at=START,
        ended_at=START,
        halted=halted,
    )


def run(bundle: Bundle, criterion: Criterion, answer: Answer, *, most: int = 10_000) -> tuple[Trial, ...]:
    """Return the trials of a campaign that draws from the bundle, stopped after `most` calls."""
    sampler = Sampler(bundle, bound(REVEAL, campaign=CAMPAIGN).seed)
    names = tuple(family.name for family in bundle.attack.families)
    state = Deliberation.begin(criterion, families=names, benign=bool(bundle.benign))
    trials: list[Trial] = []
    while len(trials) < most and (call := state.next_call()) is not None:
        draw = sampler.draw(call, included=state.included)
        number = len(trials) + 1
        made = make_trial(number, call.arm, answer(Call(arm=call.arm, family=draw.family)), variant=draw.variant)
        trials.append(replace(made, family=draw.family, mutators=draw.mutators))
        state = state.after(trials[-1])
    return tuple(trials)


def certify(
    answer: Answer, *, criterion: Criterion = SOON, bundle: Bundle = BUNDLE, halted: str = "", most: int = 10_000
) -> Certified:
    """Return the certificate of a campaign with these answers."""
    trials = run(bundle, criterion, answer, most=most)
    facts = facts_of(bundle, criterion, halted=halted)
    envelope = make_certificate(facts, trials, SIGNER)
    return Certified(facts=facts, trials=trials, envelope=envelope, lines=write_trials(trials))


def by_arm(outcomes: Mapping[Arm, TrialOutcome]) -> Answer:
    """Return answers that depend on the arm alone; an arm not named hits."""
    return lambda call: outcomes.get(call.arm, HIT)


@cache
def a_fix() -> Certified:
    """Return the certificate of a fix."""
    return certify(by_arm({Arm.EFFICACY: MISS}))


@cache
def no_fix() -> Certified:
    """Return the certificate of a patch that one family survives."""
    return certify(lambda call: HIT if call.arm is not Arm.EFFICACY or call.family == "leet" else MISS)


def digest(data: bytes) -> str:
    """Return the SHA-256 of the bytes."""
    return hashlib.sha256(data).hexdigest()
