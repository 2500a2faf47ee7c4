# SPDX-License-Identifier: Apache-2.0
"""The disclosed part of a bundle written as a folder for another tool: variants drawn once, the same for everybody.

The draws follow from the bundle's id alone, so two people who hand out one bundle hand out the same; a campaign draws
from a seed that nobody knows, and never these. Nothing here needs the database, so `safeconduct convert` uses it too.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from safeconduct.domain.bundle import AttackScript, Bundle, Family, Mutator, MutatorName, disclosed_part
from safeconduct.domain.evidence import Arm
from safeconduct.formats.base import LossEntry
from safeconduct.formats.catalog import FormatName
from safeconduct.formats.garak.config import write_config as write_garak
from safeconduct.formats.handout import Case, Folder, Handout, left_out, refuse
from safeconduct.formats.inspect.task import write_task
from safeconduct.formats.promptfoo.config import write_config as write_promptfoo
from safeconduct.verification.variants import FamilyGenerator, Turn, conversation

WRITERS: Final[Mapping[FormatName, Callable[[Handout], Folder]]] = {
    FormatName.INSPECT: write_task,
    FormatName.PROMPTFOO: write_promptfoo,
    FormatName.GARAK: write_garak,
}
_TRIES: Final = 4


def handout_of(bundle: Bundle, *, per_family: int, for_training: bool = False) -> Handout:
    """Return the disclosed part with up to so many different variants of each family.

    Raises:
        MalformedError: nothing can be handed out, or the script needs more than words.
        NotPermittedError: it is for training, which the reporter does not allow.
    """
    open_part = disclosed_part(bundle)
    seed = hashlib.sha256(b"safeconduct-handout/1\n" + bundle.id.encode()).digest()
    cases: list[Case] = []
    lost = [*_held_out(bundle, open_part)]
    for family in open_part.attack.families:
        if any(_runs_code(mutator) for chain in family.chains for mutator in chain):
            lost.append(left_out(f"/attack/families/{family.name}", "a mutator of it runs code"))
        else:
            cases.extend(_drawn(open_part.attack, family, seed, count=per_family))
    return Handout(
        bundle=open_part, bundle_id=bundle.id, cases=tuple(cases), left_out=tuple(lost), for_training=for_training
    )


def _held_out(bundle: Bundle, open_part: Bundle) -> Iterator[LossEntry]:
    if len(open_part.attack.seeds) < len(bundle.attack.seeds):
        yield left_out("/attack/seeds", "held-out seeds stay with the verifier until the verdict")
    kept = {family.name for family in open_part.attack.families}
    if any(family.name not in kept for family in bundle.attack.families):
        yield left_out("/attack/families", "families of held-out seeds stay with the verifier until the verdict")


def _runs_code(mutator: Mutator) -> bool:
    return mutator.name is MutatorName.CODE or any(map(_runs_code, mutator.inner))


def _drawn(attack: AttackScript, family: Family, seed: bytes, *, count: int) -> Iterator[Case]:
    """Yield different variants of the family, as many as a few tries for each give."""
    generator = FamilyGenerator(attack, family)
    found: set[str] = set()
    for index in range(count * _TRIES):
        variant = generator.draw(seed, Arm.EFFICACY, index)
        if len(found) < count and variant.id not in found:
            found.add(variant.id)
            said = tuple(_said(turn) for turn in conversation(attack, variant.turns))
            yield Case(id=f"{family.name} {len(found)}", family=family.name, seed=variant.seed_id, said=said)


def _said(turn: Turn) -> tuple[str, str]:
    """Return a turn that is nothing but words."""
    if turn.document or turn.call or turn.tools or turn.gaps:
        refuse("the script hands over documents, calls tools or carries words of a reply")
    return turn.role.value, turn.text
