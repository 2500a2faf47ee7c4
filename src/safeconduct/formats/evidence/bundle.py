# SPDX-License-Identifier: Apache-2.0
"""A run of another tool as the draft of a reproduction bundle: hit prompts as disclosed seeds, exact judges as oracle.

One family per family of the run. The prompts are already what they are, so the only chain is the identity: such a
family replays disclosed strings, and a verdict on it would say little. The remarks therefore ask for mutators, held-out
seeds and benign controls. Where no judge of the hits is an exact test, the oracle is empty: a person must choose.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from safeconduct.domain.bundle import (
    About,
    Adapter,
    AttackScript,
    Bundle,
    Check,
    Environment,
    Family,
    HazardLevel,
    Limits,
    Mutator,
    MutatorName,
    Network,
    Oracle,
    Safety,
    Sampling,
    Seed,
    Slot,
    Speaker,
    Step,
    TargetSpec,
)
from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import Json
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.evidence.run import Frame, HitPrompt, Run

CHECK_LIMIT: Final = 50
FAMILY_LIMIT: Final = 100
SLOT_LIMIT: Final = 50
TEXT_LIMIT: Final = 50_000
NAME_LIMIT: Final = 100
PROMPT: Final = "{{prompt}}"
MAX_TOKENS: Final = 256
ROLES: Final = frozenset({Speaker.SYSTEM.value, Speaker.USER.value, Speaker.ASSISTANT.value})
# What `verification.variants` takes for a slot: a literal one becomes a slot that stands for itself.
_SLOT = re.compile(r"\{\{([a-z][a-z0-9_]{0,49})\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDraft:
    """The bundle as far as the file goes, and what a person must still decide."""

    bundle: Bundle
    remarks: tuple[Remark, ...] = ()


def bundle_of(run: Run, report: Report) -> BundleDraft:
    """Return the draft of the bundle that belongs to the draft of the report."""
    kept, frame, left_out = _usable(run.prompts)
    checks = _checks(kept)
    seeds = tuple(dict.fromkeys((hit.family, hit.prompt.text) for hit in kept))
    named = {key: f"{key[0]} {number}" for number, key in enumerate(seeds, start=1)}
    families = list(dict.fromkeys(family for family, _ in seeds))
    bundle = Bundle(
        about=About(
            title=report.title,
            flaw_class=report.flaw_class,
            created=report.seen_at,
            taxonomy=report.taxonomy,
            safety=Safety(hazard_level=HazardLevel.ELEVATED),
        ),
        target=_target(run),
        attack=AttackScript(
            steps=(*(Step(role=Speaker(role), template=text) for role, text in frame), _prompt_step()),
            seeds=tuple(Seed(id=named[key], text=key[1]) for key in seeds),
            families=tuple(_family(name, [named[key] for key in seeds if key[0] == name]) for name in families),
            slots=_literal_slots(text for _, text in seeds),
        ),
        oracle=Oracle(checks=checks[:CHECK_LIMIT]),
        limits=Limits(network=Network.BROKER),
        environment=Environment(tool=f"{run.source.tool} {run.source.version}".strip()),
    )
    return BundleDraft(bundle=bundle, remarks=tuple(_remarks(run, bundle, checks=len(checks), left_out=left_out)))


def _prompt_step() -> Step:
    return Step(role=Speaker.USER, template=PROMPT)


def _family(name: str, seeds: list[str]) -> Family:
    return Family(
        name=name,
        chains=((Mutator(name=MutatorName.IDENTITY),),),
        about="the prompts that were sent and hit, unchanged",
        seeds=tuple(seeds),
    )


def _usable(prompts: tuple[HitPrompt, ...]) -> tuple[list[HitPrompt], Frame, int]:
    """Return the prompts that one script can carry, the turns before them, and how many are left out.

    Where exact judges saw hits, only these prompts make seeds: the oracle could not judge the others.
    """
    sound = [hit for hit in prompts if _is_carried(hit)]
    exact = [hit for hit in sound if hit.checks] or sound
    families = {family for family, _ in Counter(hit.family for hit in exact).most_common(FAMILY_LIMIT)}
    frames = Counter(hit.prompt.frame for hit in exact if hit.family in families)
    if not frames:
        return [], (), len(_distinct(prompts))
    frame = frames.most_common(1)[0][0]
    kept: list[HitPrompt] = []
    slots: set[str] = set()
    for hit in exact:
        found = slots | set(_SLOT.findall(hit.prompt.text))
        if hit.family in families and hit.prompt.frame == frame and len(found) <= SLOT_LIMIT:
            kept.append(hit)
            slots = found
    return kept, frame, len(_distinct(prompts) - _distinct(kept))


def _distinct(prompts: Iterable[HitPrompt]) -> set[tuple[str, Frame, str]]:
    """Return the prompts apart from the judges that saw their hits."""
    return {(hit.family, hit.prompt.frame, hit.prompt.text) for hit in prompts}


def _is_carried(hit: HitPrompt) -> bool:
    roles = {role for role, _ in hit.prompt.frame}
    texts = [hit.prompt.text, *(text for _, text in hit.prompt.frame)]
    is_plain = all(PROMPT not in text for _, text in hit.prompt.frame)
    fits = all(len(text) <= TEXT_LIMIT and "\0" not in text for text in texts)
    is_named = 0 < len(hit.family) <= NAME_LIMIT
    return roles <= ROLES and is_plain and fits and is_named and bool(hit.prompt.text)


def _checks(prompts: list[HitPrompt]) -> tuple[Check, ...]:
    """Return the checks of all prompts, the most frequent first."""
    counted = Counter(check for hit in prompts for check in hit.checks)
    return tuple(check for check, _ in counted.most_common())


def _literal_slots(texts: Iterator[str]) -> tuple[Slot, ...]:
    names = sorted({name for text in texts for name in _SLOT.findall(text)})
    return tuple(Slot(name=name, values=(f"{{{{{name}}}}}",)) for name in names)


def _target(run: Run) -> TargetSpec:
    tokens = run.sampling.get("max_tokens")
    return TargetSpec(
        adapter=Adapter.OPENAI_CHAT,
        model=run.model,
        url=run.endpoint,
        sampling=Sampling(
            temperature=_number(run.sampling.get("temperature"), most=10.0),
            top_p=_number(run.sampling.get("top_p"), most=1.0),
            max_tokens=tokens if isinstance(tokens, int) and 0 < tokens <= 1_000_000 else MAX_TOKENS,  # noqa: PLR2004  # the bundle's own bound
        ),
    )


def _number(value: Json, *, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0.0 <= value <= most else None


def _remarks(run: Run, bundle: Bundle, *, checks: int, left_out: int) -> Iterator[Remark]:
    judges = sorted({hit.judge for hit in run.prompts if not hit.checks})
    told = {
        "oracle.json": bool(judges)
        and f"no exact oracle stands for {', '.join(judges)}: choose one, or leave its hits out",
        "oracle.json: checks": checks > CHECK_LIMIT
        and f"{checks} strings were looked for; the {CHECK_LIMIT} most frequent are kept",
        "oracle.json: any": checks > 1 and "a hit on any one of the strings counts, whichever seed was sent",
        "attack.json: seeds": left_out > 0 and f"{left_out} hit prompts do not fit into one script and are left out",
        "attack.json: none": not bundle.attack.seeds and "there is no hit prompt to start from",
        "attack.json": "the seeds are only replayed: add mutators, held-out seeds and benign controls",
        "target.json": not bundle.target.url and "the file does not tell the address of the target: add it",
    }
    for at, message in told.items():
        if message:
            yield Remark(level=Level.WARNING, rule=f"{run.source.tool}.bundle", at=at, message=message)
