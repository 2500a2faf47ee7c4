# SPDX-License-Identifier: Apache-2.0
"""Variants: fresh draws from the distribution that a bundle describes, and the commitment to the held-out part.

A variant is one seed, one value for every slot, and one chain of mutators of a family, each equally likely and drawn
independently. It is used for one generation. A family that has held-out seeds draws from these alone, because a vendor
knows the others by heart; otherwise it draws from the disclosed seeds, and only the draw itself is unknown to the
vendor. Chance may repeat a disclosed string: excluding repeats would change the distribution that the verdict is about.

Draw number i of an arm and family depends on the generator's seed, the arm, the family and i alone. So whoever learns
the seed can draw all variants again, in any order. At intake SHA-256(salt ‖ generator seed ‖ held-out set) is
committed, where salt and seed have 32 bytes each and the set is canonical JSON (RFC 8785) of the held-out seeds by id.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from safeconduct.domain.bundle import PROMPT_SLOT, AttackScript, Check, Family, Seed, SeedPart, Speaker, Step
from safeconduct.domain.evidence import Arm
from safeconduct.domain.ids import Entropy
from safeconduct.domain.safe_json import canonical_json
from safeconduct.domain.script import Carry, Tool, ToolCall
from safeconduct.errors import MalformedError, VerificationError
from safeconduct.verification.chains import CodeRoom, name_of, prepare_chain
from safeconduct.verification.chance import Chance
from safeconduct.verification.mutators import Change, Turns, require_length

SALT_LENGTH: Final = 32
SEED_LENGTH: Final = 32
MAX_TURNS: Final = 64
_SLOT: Final = re.compile(r"\{\{([a-z][a-z0-9_]{0,49})\}\}")
PROMPT: Final = "{{" + PROMPT_SLOT + "}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What is kept back until the verdict: the salt and the generator's seed. It shows nothing of itself."""

    salt: bytes = field(repr=False)
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse other lengths, because the commitment rests on them.

        Raises:
            MalformedError: salt or seed has another length.
        """
        if len(self.salt) != SALT_LENGTH or len(self.seed) != SEED_LENGTH:
            raise MalformedError("salt and generator seed have 32 bytes each", hint="take them from the certificate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A place in a turn's text where a carried variable is put in."""

    at: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation; `verification.dialogue` says when the target is asked.

    A turn of the role `tool` is a call and its result, the text. `tools` are on offer with this turn, each with the
    result it would give. `expect` and `carry` speak of the reply to this turn.
    """

    role: Speaker
    text: str
    document: str = ""
    call: ToolCall | None = None
    tools: tuple[Tool, ...] = ()
    gaps: tuple[Gap, ...] = ()
    expect: tuple[Check, ...] = ()
    carry: tuple[Carry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One draw: where it came from and the turns of its prompt. `letters` is how many were looked at to make it."""

    family: str
    index: int
    seed_id: str
    mutators: tuple[str, ...]
    turns: Turns
    letters: int = 0

    @property
    def id(self) -> str:
        """Return the SHA-256 of the turns, by which a trial names its variant."""
        return hashlib.sha256(canonical_json(list(self.turns))).hexdigest()


def new_held_out(entropy: Entropy) -> HeldOut:
    """Return a fresh salt and generator seed."""
    return HeldOut(salt=entropy(SALT_LENGTH), seed=entropy(SEED_LENGTH))


def commit_held_out(attack: AttackScript, held_out: HeldOut) -> str:
    """Return the commitment, in hexadecimal digits."""
    return hashlib.sha256(held_out.salt + held_out.seed + held_out_set(attack)).hexdigest()


def held_out_set(attack: AttackScript) -> bytes:
    """Return the canonical bytes of the held-out seeds."""
    kept = sorted((seed.id, seed.text) for seed in attack.seeds if seed.part is SeedPart.HELD_OUT)
    return canonical_json([{"id": name, "text": text} for name, text in kept])


def require_commitment(attack: AttackScript, held_out: HeldOut, *, commitment: str) -> None:
    """Check what is revealed against what was committed.

    Raises:
        VerificationError: it is not what was committed at intake.
    """
    if commit_held_out(attack, held_out) != commitment:
        raise VerificationError(
            "the revealed variants are not the committed ones", hint="the salt, the seed or a held-out string differs"
        )


class FamilyGenerator:
    """Draws the variants of one family; prepared once, so that a bad parameter is found before the first call."""

    def __init__(self, attack: AttackScript, family: Family, *, code: CodeRoom | None = None) -> None:
        """Prepare chains, seeds and slots.

        Raises:
            MalformedError: a mutator, a seed or a slot of the family cannot be used.
            TooLargeError: mutators are nested too deep or do too much.
            NotPermittedError: a mutator is code of the bundle, and `code` is not there to run it.
        """
        self.name = family.name
        self._seeds = seeds_of(attack, family)
        self._slots = {slot.name: slot.values for slot in attack.slots}
        self._chains = tuple((tuple(map(name_of, chain)), prepare_chain(chain, code=code)) for chain in family.chains)
        if not self._seeds or not self._chains:
            raise MalformedError("a family has no seeds or no chains", hint="give it both", family=family.name)
        for seed in self._seeds:
            _require_slots(seed, self._slots)

    def draw(self, generator_seed: bytes, arm: Arm, index: int) -> Variant:
        """Return draw number `index` of the arm.

        Raises:
            TooLargeError: the variant grows beyond what a variant may be.
        """
        chance = Chance(generator_seed, label=f"safeconduct-draw/1\n{arm.value}\n{self.name}\n{index}")
        seed = chance.pick(self._seeds)
        names, changes = chance.pick(self._chains)
        turns = _apply(changes, _fill(seed.text, self._slots, chance), chance)
        return Variant(
            family=self.name, index=index, seed_id=seed.id, mutators=names, turns=turns, letters=chance.letters
        )

    def size(self) -> int:
        """Return how many variants there are before letters are changed at random: seeds, slot values, chains."""
        total = 0
        for seed in self._seeds:
            count = 1
            for name in set(_SLOT.findall(seed.text)):
                count *= len(self._slots[name])
            total += count
        return total * len(self._chains)


def seeds_of(attack: AttackScript, family: Family) -> tuple[Seed, ...]:
    """Return the seeds that the family draws from: its held-out ones, or else its disclosed ones."""
    named = tuple(seed for seed in attack.seeds if not family.seeds or seed.id in family.seeds)
    held_out = tuple(seed for seed in named if seed.part is SeedPart.HELD_OUT)
    return held_out or named


def conversation(attack: AttackScript, turns: Turns) -> tuple[Turn, ...]:
    """Return the script with the variant in it.

    A user's step that holds `{{prompt}}` becomes one turn for each turn of the variant. A document, a call's result and
    a tool's result take the turns of the variant as lines of one text.
    """
    whole = "\n".join(turns)
    carried = frozenset(carry.name for step in attack.steps for carry in step.carry)
    tools = tuple(replace(tool, result=tool.result.replace(PROMPT, whole)) for tool in attack.tools)
    script: list[Turn] = []
    for number, step in enumerate(attack.steps, start=1):
        parts = turns if step.role is Speaker.USER and PROMPT in step.template else (whole,)
        made = [_turn(step, part, carried=carried, tools=tools) for part in parts]
        # The document comes with the first words; what is expected and carried is of the reply to the last.
        made[0] = replace(made[0], document=step.document.replace(PROMPT, whole), call=_call(step, number))
        made[-1] = replace(made[-1], expect=step.expect, carry=step.carry)
        script.extend(made)
    return tuple(script)


def _turn(step: Step, prompt: str, *, carried: frozenset[str], tools: tuple[Tool, ...]) -> Turn:
    """Return one turn of a step; words of the prompt that look like a variable stay words."""
    if step.role not in {Speaker.USER, Speaker.TOOL}:
        prompt = PROMPT
    text, gaps, last = "", [], 0
    for found in _SLOT.finditer(step.template):
        name = found.group(1)
        text += step.template[last : found.start()]
        last = found.end()
        if name == PROMPT_SLOT:
            text += prompt
        elif name in carried:
            gaps.append(Gap(at=len(text), name=name))
        else:
            text += found.group()
    return Turn(role=step.role, text=text + step.template[last:], gaps=tuple(gaps), tools=tools)


def _call(step: Step, number: int) -> ToolCall | None:
    """Return the call that a tool's step puts into the assistant's mouth."""
    if step.role is not Speaker.TOOL:
        return None
    return ToolCall(tool=step.tool, arguments=dict(step.arguments), id=f"step_{number}")


def _require_slots(seed: Seed, slots: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a seed that names a slot without values."""
    missing = sorted(name for name in set(_SLOT.findall(seed.text)) if not slots.get(name))
    if missing:
        hint = f"add {', '.join(missing)} to the slots"
        raise MalformedError("a seed names a slot without values", hint=hint, seed=seed.id, missing=missing)


def _fill(text: str, slots: Mapping[str, tuple[str, ...]], chance: Chance) -> Turns:
    """Return the seed's text with one value for each slot; the same slot has the same value throughout."""
    chosen = {name: chance.pick(slots[name]) for name in sorted(set(_SLOT.findall(text)))}
    return require_length((_SLOT.sub(lambda found: chosen[found.group(1)], text),))


def _apply(changes: tuple[Change, ...], turns: Turns, chance: Chance) -> Turns:
    """Return the turns after all changes, from left to right."""
    for change in changes:
        turns = change(turns, chance)
        if len(turns) > MAX_TURNS:
            raise MalformedError("a variant has too many turns", hint=f"at most {MAX_TURNS}")
    return turns
