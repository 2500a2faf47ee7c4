# SPDX-License-Identifier: Apache-2.0
"""What the tests of all kinds of flaws share: bundles with a quick criterion, targets, and the campaign itself."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sklearn

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import (
    About,
    Adapter,
    AttackScript,
    Bundle,
    Check,
    Family,
    Limits,
    Mutator,
    MutatorName,
    Oracle,
    Sampling,
    Seed,
    SeedPart,
    Slot,
    Speaker,
    Step,
    TargetSpec,
)
from safeconduct.domain.evidence import Criterion, Verdict
from safeconduct.domain.weakness import FlawClass
from safeconduct.verification.campaign import CampaignResult, Terms, run_campaign
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.variants import HeldOut

SITE = Path(sklearn.__file__).parents[1]
QUICK = Criterion(reproduction=0.3, tolerance=0.2, design=0.04, alpha=0.1, beta=0.1, max_calls=400)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLAIN = (Mutator(name=MutatorName.IDENTITY),)


def now() -> datetime:
    return datetime.now(UTC)


def frames(*texts: str) -> tuple[Mutator, ...]:
    """Return a chain that puts the prompt into one of the frames."""
    return (Mutator(name=MutatorName.ROLE_PLAY_FRAME, params={"frames": tuple(texts)}),)


def seeds(disclosed: Sequence[str], held_out: Sequence[str]) -> tuple[Seed, ...]:
    shown = tuple(Seed(id=f"d{number}", text=text) for number, text in enumerate(disclosed, start=1))
    kept = tuple(
        Seed(id=f"h{number}", text=text, part=SeedPart.HELD_OUT) for number, text in enumerate(held_out, start=1)
    )
    return (*shown, *kept)


def bundle(
    kind: FlawClass,
    *checks: Check,
    attack: AttackScript,
    target: TargetSpec | None = None,
    criterion: Criterion = QUICK,
    **changes: Any,
) -> Bundle:
    """Return a bundle of the kind; a chat endpoint if no other target is given."""
    chat = TargetSpec(adapter=Adapter.OPENAI_CHAT, model="harbor-1", sampling=Sampling(temperature=0.0, max_tokens=32))
    limits = Limits(call_seconds=60.0, memory_bytes=4 << 30)
    return Bundle(
        about=About(title=f"A flaw of the kind {kind.value}", flaw_class=kind, created=NOON),
        target=target or chat,
        attack=attack,
        oracle=Oracle(checks=checks),
        criterion=criterion,
        limits=changes.pop("limits", limits),
        **changes,
    )


def script(
    *,
    disclosed: Sequence[str],
    held_out: Sequence[str],
    families: Sequence[tuple[str, tuple[Mutator, ...]]] = (("plain", PLAIN),),
    steps: Sequence[Step] = (Step(role=Speaker.USER, template="{{prompt}}"),),
    slots: Sequence[Slot] = (),
    **changes: Any,
) -> AttackScript:
    return AttackScript(
        steps=tuple(steps),
        seeds=seeds(disclosed, held_out),
        families=tuple(Family(name=name, chains=(chain,)) for name, chain in families),
        slots=tuple(slots),
        **changes,
    )


def online(made: Bundle, url: str, **caps: Any) -> Target:
    """Return the granted target at a loopback address."""
    grant = TargetGrant(
        model="harbor-1", adapter=made.target.adapter, url=url, allow_private=True, caps=Caps(calls=2000, **caps)
    )
    return target_for(made, grant, clock=now)


def boxed(made: Bundle, folder: Path, *, entry: str = "") -> Target:
    """Return the granted local target: the folder and the installed packages are shown to the box."""
    folder.chmod(0o755)
    packages = f"{folder}:{SITE}"
    grant = TargetGrant(
        model=folder.name, adapter=made.target.adapter, entry=entry, packages=packages, caps=Caps(calls=2000)
    )
    return target_for(made, grant, clock=now)


def campaign(made: Bundle, *, before: Target, after: Target, seed: int = 1) -> CampaignResult:
    held_out = HeldOut(salt=bytes(32), seed=seed.to_bytes(32, "big"))
    terms = Terms(bundle=made, criterion=made.criterion, held_out=held_out)
    return run_campaign(terms, unpatched=before, patched=after, clock=now)


def verdict(made: Bundle, *, before: Target, after: Target) -> Verdict:
    """Return the verdict, and say why on standard error, which pytest shows when a test fails."""
    result = campaign(made, before=before, after=after)
    print(result.report.verdict, *result.report.reasons, f"{len(result.trials)} trials", sep="\n", file=sys.stderr)
    return result.report.verdict
