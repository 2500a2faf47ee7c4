# SPDX-License-Identifier: Apache-2.0
"""What is wrong or doubtful about a bundle that could be read: found before a call is spent, and explained.

An error means that the bundle cannot be run to a verdict; a warning means that the verdict would be worth less.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safeconduct.domain.bundle import (
    PROMPT_SLOT,
    Adapter,
    Bundle,
    Check,
    LabelFlip,
    SeedPart,
    Speaker,
)
from safeconduct.domain.evidence import Arm
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.verification.criterion import check_criterion
from safeconduct.verification.oracles import PreparedOracle, prepare_check
from safeconduct.verification.variants import SEED_LENGTH, FamilyGenerator

SMALL_FAMILY: Final = 50
GENEROUS_TOLERANCE: Final = 0.2
_SAMPLES: Final = 3
_SHA256: Final = re.compile("[0-9a-f]{64}")


class Level(StrEnum):
    """How bad a remark is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One remark on a bundle: where, what, and what to do."""

    level: Level
    at: str
    message: str
    hint: str = ""


def check_bundle(bundle: Bundle) -> tuple[Remark, ...]:
    """Return all remarks on the bundle, errors first."""
    remarks = (*_attack(bundle), *_families(bundle), *_oracle(bundle), *_benign(bundle), *_target(bundle))
    remarks += tuple(_criterion(bundle))
    return tuple(sorted(remarks, key=lambda remark: remark.level is not Level.ERROR))


def require_runnable(bundle: Bundle) -> None:
    """Refuse a bundle that cannot be run.

    Raises:
        MalformedError: there is at least one error; the first is told.
    """
    for remark in check_bundle(bundle):
        if remark.level is Level.ERROR:
            raise MalformedError(f"{remark.at}: {remark.message}", hint=remark.hint)


def _error(at: str, message: str, hint: str = "") -> Remark:
    """Return an error."""
    return Remark(level=Level.ERROR, at=at, message=message, hint=hint)


def _warning(at: str, message: str, hint: str = "") -> Remark:
    """Return a warning."""
    return Remark(level=Level.WARNING, at=at, message=message, hint=hint)


def _repeated(names: Iterable[str]) -> list[str]:
    """Return the names that come more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _attack(bundle: Bundle) -> Iterator[Remark]:
    """Look at steps and seeds."""
    attack, at = bundle.attack, "attack.json"
    slot = "{{" + PROMPT_SLOT + "}}"
    if not any(step.role is Speaker.USER and slot in step.template for step in attack.steps):
        yield _error(at, f"no user's step holds {slot}", "add the step that carries the variant")
    for kind, names in (
        ("seed", [seed.id for seed in attack.seeds]),
        ("family", [family.name for family in attack.families]),
        ("slot", [slot.name for slot in attack.slots]),
    ):
        if _repeated(names):
            yield _error(at, f"a {kind} comes twice: {_repeated(names)[0]!a}", "give each its own name")
    if attack.commitment and not _SHA256.fullmatch(attack.commitment):
        yield _error(at, "the commitment is no SHA-256", "64 hexadecimal digits, or leave it empty")
    if not attack.seeds:
        yield _error(at, "there are no seeds", "add at least one")
    elif all(seed.part is SeedPart.DISCLOSED for seed in attack.seeds):
        yield _warning(at, "no seed is held out", "only the draws stay unknown to the vendor")


def _families(bundle: Bundle) -> Iterator[Remark]:
    """Prepare every family and draw a few variants, with a seed that is used nowhere else."""
    known = {seed.id for seed in bundle.attack.seeds}
    if not bundle.attack.families:
        yield _error("attack.json", "there are no families", "add at least one")
    for family in bundle.attack.families:
        at = f"attack.json, family {family.name!a}"
        if not known.issuperset(family.seeds):
            yield _error(at, "it names a seed that is not there", "correct its seeds")
        try:
            generator = FamilyGenerator(bundle.attack, family)
            for index in range(_SAMPLES):
                generator.draw(bytes(SEED_LENGTH), Arm.EFFICACY, index)
        except (MalformedError, TooLargeError) as error:
            yield _error(at, error.message, error.hint)
            continue
        if generator.size() < SMALL_FAMILY:
            message = f"it has only {generator.size()} seeds, slot values and chains together"
            yield _warning(at, message, "a list of them would stop it; add seeds or slots")


def _oracle(bundle: Bundle) -> Iterator[Remark]:
    """Compile the oracle and hold it against the target."""
    try:
        PreparedOracle(bundle.oracle)
    except MalformedError as error:
        yield _error("oracle.json", error.message, error.hint)
    yield from _labels("oracle.json", bundle.oracle.checks, bundle)


def _labels(at: str, checks: Iterable[Check], bundle: Bundle) -> Iterator[Remark]:
    """Refuse a label check where the target answers no label."""
    if bundle.target.adapter is Adapter.OPENAI_CHAT and any(isinstance(check, LabelFlip) for check in checks):
        yield _error(at, "a label check needs a classifier as target", "use canary or regex")


def _benign(bundle: Bundle) -> Iterator[Remark]:
    """Look at the benign controls."""
    at = "benign.jsonl"
    if not bundle.benign:
        yield _warning(at, "there are no benign controls", "the verdict cannot say that benign use is unharmed")
    if _repeated(control.id for control in bundle.benign):
        yield _error(at, "an id comes twice", "pairs are told apart by their id")
    for control in bundle.benign:
        try:
            prepare_check(control.check)
        except MalformedError as error:
            yield _error(f"{at}, {control.id!a}", error.message, error.hint)
    yield from _labels(at, (control.check for control in bundle.benign), bundle)


def _target(bundle: Bundle) -> Iterator[Remark]:
    """Look at the target."""
    target, at = bundle.target, "target.json"
    if target.adapter is not Adapter.OPENAI_CHAT and ":" not in target.entry:
        yield _error(at, "a local classifier needs an entry", "write module:function")
    if not target.model:
        yield _error(at, "the model has no name", "name it")
    if not (target.model_digest or target.system_fingerprint):
        yield _warning(at, "the model is known by its name only", "add a digest or a fingerprint")


def _criterion(bundle: Bundle) -> Iterator[Remark]:
    """Look at the numbers of the criterion."""
    criterion, at = bundle.criterion, "criterion.json"
    try:
        check_criterion(criterion)
    except MalformedError as error:
        yield _error(at, error.message, error.hint)
    if criterion.tolerance > GENEROUS_TOLERANCE:
        yield _warning(at, f"a tolerance of {criterion.tolerance} is generous", "0.05 is usual")
