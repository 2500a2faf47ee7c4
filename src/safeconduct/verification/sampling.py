# SPDX-License-Identifier: Apache-2.0
"""Which variant, family or control prompt the next call carries: everything that a campaign leaves to chance.

All of it follows from the generator's seed and from how many calls of the same kind came before, in the order of
submission. So the draws of a finished campaign can be made again from the revealed seed, and compared with its trials.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from safeconduct.domain.bundle import AttackScript, BenignControl, Bundle, Oracle, Speaker, Step
from safeconduct.domain.evidence import Arm, Criterion, Trial
from safeconduct.errors import VerificationError
from safeconduct.verification.chains import CodeRoom
from safeconduct.verification.chance import Chance
from safeconduct.verification.variants import PROMPT, FamilyGenerator, HeldOut, Turn, conversation
from safeconduct.verification.verdict import POOLED, Call, Deliberation


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One call with what it carries. `control` is set in the benign arm, and then `variant` is its identifier."""

    call: Call
    family: str
    variant: str
    mutators: tuple[str, ...]
    script: tuple[Turn, ...]
    control: BenignControl | None = None


class Sampler:
    """Draws for one campaign; it moves on with every draw."""

    def __init__(self, bundle: Bundle, seed: bytes, *, code: CodeRoom | None = None) -> None:
        """Prepare every family; `code` runs mutators that are code of the bundle.

        Raises:
            MalformedError: a mutator, a seed or a slot cannot be used.
            NotPermittedError: a mutator is code of the bundle, which has not been approved.
        """
        self._seed = seed
        self._attack = bundle.attack
        self._controls = bundle.benign
        self._families = {
            family.name: FamilyGenerator(bundle.attack, family, code=code) for family in bundle.attack.families
        }
        self._drawn: Counter[tuple[Arm, str]] = Counter()

    def draw(self, call: Call, *, included: Sequence[str] = ()) -> Draw:
        """Return what the call carries; `included` are the families to draw from when they are pooled.

        Raises:
            TooLargeError: a variant grows beyond what a variant may be.
        """
        match call.arm:
            case Arm.ASSAY | Arm.EFFICACY:
                return self._variant(call, included)
            case Arm.BENIGN_BEFORE | Arm.BENIGN_AFTER:
                return self._control(call)
            case _:
                assert_never(call.arm)

    def _variant(self, call: Call, included: Sequence[str]) -> Draw:
        """Return a fresh variant of the family."""
        family = call.family
        if family == POOLED:
            chance = Chance(self._seed, label=f"safeconduct-pool/1\n{self._next(call.arm, POOLED)}")
            family = chance.pick(tuple(included))
        variant = self._families[family].draw(self._seed, call.arm, self._next(call.arm, family))
        return Draw(
            call=call,
            family=family,
            variant=variant.id,
            mutators=variant.mutators,
            script=conversation(self._attack, variant.turns),
        )

    def _control(self, call: Call) -> Draw:
        """Return a control prompt, drawn with replacement; both calls of a pair have the same."""
        chance = Chance(self._seed, label=f"safeconduct-control/1\n{self._next(call.arm, '')}")
        control = chance.pick(self._controls)
        return Draw(
            call=call,
            family="",
            variant=control.id,
            mutators=(),
            script=control_script(self._attack, control),
            control=control,
        )

    def _next(self, arm: Arm, family: str) -> int:
        """Return how many draws of this kind came before."""
        count = self._drawn[arm, family]
        self._drawn[arm, family] += 1
        return count


def control_script(attack: AttackScript, control: BenignControl) -> tuple[Turn, ...]:
    """Return the control prompt as the only user's turn, under the system's words of the script and with its tools.

    The tools answer benign calls with what they hold beside the variant.
    """
    system = [step for step in attack.steps if step.role is Speaker.SYSTEM]
    asked = Step(role=Speaker.USER, template=PROMPT)
    benign = tuple(replace(tool, result=tool.result.replace(PROMPT, "")) for tool in attack.tools)
    return conversation(replace(attack, steps=(*system, asked), tools=benign), (control.prompt,))


def oracle_of(control: BenignControl) -> Oracle:
    """Return the control's check as an oracle."""
    return Oracle(checks=(control.check,))


def require_draws(
    bundle: Bundle, criterion: Criterion, held_out: HeldOut, trials: Iterable[Trial], *, code: CodeRoom | None = None
) -> int:
    """Make all draws of a finished campaign again and compare them with its trials; return how many there were.

    `code` runs mutators that are code of the bundle.

    Raises:
        VerificationError: a trial carries another variant, family or chain than was drawn, or the trials do not fit
            the criterion.
        MalformedError: the bundle cannot be drawn from.
        NotPermittedError: a mutator is code of the bundle, which has not been approved.
    """
    sampler = Sampler(bundle, held_out.seed, code=code)
    families = tuple(family.name for family in bundle.attack.families)
    deliberation = Deliberation.begin(criterion, families=families, benign=bool(bundle.benign))
    count = 0
    for trial in trials:
        _require_known(trial, families, controls=bool(bundle.benign))
        pooled = trial.arm is Arm.EFFICACY and not criterion.per_family
        call = Call(arm=trial.arm, family=POOLED if pooled else trial.family)
        draw = sampler.draw(call, included=deliberation.included)
        if (draw.family, draw.variant, draw.mutators) != (trial.family, trial.variant, trial.mutators):
            raise VerificationError(
                "a trial does not carry the variant that was drawn", hint="the trials were altered", number=trial.number
            )
        deliberation = deliberation.after(trial)
        count += 1
    return count


def _require_known(trial: Trial, families: Sequence[str], *, controls: bool) -> None:
    """Refuse a trial of a family or an arm that the bundle does not have."""
    benign = trial.arm in {Arm.BENIGN_BEFORE, Arm.BENIGN_AFTER}
    if (benign and not controls) or (not benign and trial.family not in families):
        raise VerificationError(
            "a trial is of a family or an arm that the bundle does not have",
            hint="bring the bundle of this campaign",
            number=trial.number,
        )
