# SPDX-License-Identifier: Apache-2.0
"""The verdict on a fix: three arms, decided call by call.

1. Assay: the same harness on the unpatched target must reproduce the flaw, family by family. A family that does not
   is excluded before the first patched call and named; none left means HARNESS_INVALID.
2. Efficacy on the patched target, on fresh variants, one generation each. FIXED needs every included family fixed at
   alpha (intersection-union: the null is a union, so alpha is not divided). NOT_FIXED needs one family refuted at
   beta/families. Pooled, one stream over families drawn at random stands for their average.
3. Benign use, paired before and after. If the bundle carries control prompts, FIXED needs them non-inferior as well;
   otherwise the verdict says nothing about benign use, and its statement says so.

Each claim is a level-alpha test and FIXED is their conjunction, so P(FIXED is false) <= alpha without correction,
whatever the stopping time. The bound is that of the variant distribution and of the families named, and of no others.

A `Deliberation` is a value: `next_call` says what to ask next, `after` takes the answer, in the order of submission.
The order in which families are asked may depend on the answers so far: each family's test reads only its own. What
the outcomes amount to is told by `findings.report`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from safeconduct.domain.evidence import Arm, Criterion, Trial
from safeconduct.errors import MalformedError, VerificationError
from safeconduct.verification.criterion import check_criterion
from safeconduct.verification.stats.allocation import askable, in_turn, surviving_first
from safeconduct.verification.stats.assay import AssayStanding, AssayTest
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.sequential import SequentialTest, Standing, sequential_test

POOLED = "*"
"""The one efficacy stream when families are pooled; as `Call.family`: draw an included family uniformly at random."""


class Phase(StrEnum):
    """Which arm is asked now."""

    ASSAY = "assay"
    EFFICACY = "efficacy"
    BENIGN = "benign"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to make: on the unpatched target for `assay` and `benign_before`, on the patched one for the others.

    `family` is empty in the benign arm. There the calls come in turn, `benign_before` then `benign_after`, and the two
    of a pair carry the same control prompt (the same `Trial.variant`), drawn at random from the bundle's controls.
    """

    arm: Arm
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliberation:
    """What has been asked and answered so far. Make one with `begin`; every change is a new value.

    `open_pair` is the first half of a benign pair. Once `patched`, no assay outcome is taken any more.
    """

    criterion: Criterion
    assay: Mapping[str, AssayTest]
    efficacy: Mapping[str, SequentialTest]
    benign: BenignTest | None
    calls: int = 0
    patched: bool = False
    open_pair: Trial | None = None

    @classmethod
    def begin(cls, criterion: Criterion, *, families: Sequence[str], benign: bool) -> "Deliberation":
        """Return a deliberation without any call; `benign` says whether the bundle carries control prompts.

        Raises:
            MalformedError: the criterion contradicts itself, or the families are none, unnamed or repeated.
            UnknownValueError: the criterion names a method that is not offered.
        """
        check_criterion(criterion)
        if not families or len(set(families)) < len(families) or not all(families) or POOLED in families:
            raise MalformedError("the families need names, each its own", hint="name at least one family")
        assay = AssayTest(
            required=criterion.reproduction, level=criterion.alpha, cap=criterion.max_assay_calls_per_family
        )
        return cls(
            criterion=criterion,
            assay=MappingProxyType(dict.fromkeys(families, assay)),
            efficacy=MappingProxyType({}),
            benign=BenignTest(margin=criterion.benign_margin, level=criterion.alpha) if benign else None,
        )

    @property
    def included(self) -> tuple[str, ...]:
        """Return the families that reproduced on the unpatched target."""
        return _families(self.assay, AssayStanding.REPRODUCED)

    @property
    def excluded(self) -> tuple[str, ...]:
        """Return the families that did not reproduce on the unpatched target."""
        return _families(self.assay, AssayStanding.NOT_REPRODUCED)

    @property
    def is_fixed(self) -> bool:
        """Tell whether every efficacy stream is fixed; benign use is not considered."""
        return bool(self.efficacy) and all(test.standing is Standing.FIXED for test in self.efficacy.values())

    @property
    def phase(self) -> Phase:
        """Return the arm that is asked now; OVER when the verdict stands or a cap is reached."""
        arm = self._arm()
        needed = 2 if arm is Phase.BENIGN and self.open_pair is None else 1
        return Phase.OVER if self.calls + needed > self.criterion.max_calls else arm

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more is to be asked."""
        return self.phase is Phase.OVER

    def next_call(self, pending: Sequence[Call] = ()) -> Call | None:
        """Return the next call to submit, or None when none is to be made before a pending one is answered.

        `pending` are the calls submitted, as they were given out here, and not yet taken by `after`. The families are
        asked in turn; once one has a hit, the one with the highest mean of hits is asked first, so that a surviving
        family is found soonest.
        """
        room = self.criterion.max_calls - self.calls - len(pending)
        if room < 1:
            return None
        phase = self.phase
        match phase:
            case Phase.ASSAY:
                return self._next_assay(pending)
            case Phase.EFFICACY:
                return self._next_efficacy(pending)
            case Phase.BENIGN:
                return self._next_benign(pending, room=room)
            case Phase.OVER:
                return None
            case _:
                assert_never(phase)

    def after(self, trial: Trial) -> "Deliberation":
        """Return the deliberation after the next trial in the order of submission.

        A trial that was already submitted when its test was decided is taken as late and changes no count.

        Raises:
            VerificationError: the trial is out of order, past a cap, or of a family or arm that may not be asked now.
        """
        if trial.number != self.calls + 1:
            raise _refusal("the trials are not numbered in the order of submission", trial)
        if trial.number > self.criterion.max_calls:
            raise _refusal("there are more trials than the criterion allows", trial)
        match trial.arm:
            case Arm.ASSAY:
                return self._after_assay(trial)
            case Arm.EFFICACY:
                return self._after_efficacy(trial)
            case Arm.BENIGN_BEFORE | Arm.BENIGN_AFTER:
                return self._after_benign(trial)
            case _:
                assert_never(trial.arm)

    def _arm(self) -> Phase:
        if _families(self.assay, AssayStanding.OPEN):
            return Phase.ASSAY
        standings = {test.standing for test in self.efficacy.values()}
        if not standings or Standing.NOT_FIXED in standings:
            return Phase.OVER
        if any(self._is_open(test) for test in self.efficacy.values()):
            return Phase.EFFICACY
        return Phase.BENIGN if self.is_fixed and self._is_benign_open() else Phase.OVER

    def _is_open(self, test: SequentialTest) -> bool:
        return test.standing is Standing.OPEN and test.n < self.criterion.max_calls_per_family

    def _is_benign_open(self) -> bool:
        test = self.benign
        return (
            test is not None and test.standing is BenignStanding.OPEN and test.pairs < self.criterion.max_benign_pairs
        )

    def _next_assay(self, pending: Sequence[Call]) -> Call | None:
        waiting = Counter(call.family for call in pending)
        names = askable(self.assay, waiting=waiting, cap=self.criterion.max_assay_calls_per_family)
        return Call(arm=Arm.ASSAY, family=in_turn(names, self.assay, waiting=waiting)) if names else None

    def _next_efficacy(self, pending: Sequence[Call]) -> Call | None:
        # Every assay outcome is taken before the first patched call, so that the families are settled.
        if any(call.arm is Arm.ASSAY for call in pending):
            return None
        waiting = Counter(call.family for call in pending)
        names = askable(self.efficacy, waiting=waiting, cap=self.criterion.max_calls_per_family)
        return Call(arm=Arm.EFFICACY, family=surviving_first(names, self.efficacy, waiting=waiting)) if names else None

    def _next_benign(self, pending: Sequence[Call], *, room: int) -> Call | None:
        asked = sum(call.arm is not Arm.EFFICACY for call in pending) + (self.open_pair is not None)
        pairs, half = divmod(asked, 2)
        if half:
            return Call(arm=Arm.BENIGN_AFTER, family="")
        test = self.benign
        if test is None or room == 1 or test.pairs + pairs >= self.criterion.max_benign_pairs:
            return None
        return None if test.may_end_within(pairs) else Call(arm=Arm.BENIGN_BEFORE, family="")

    def _after_assay(self, trial: Trial) -> "Deliberation":
        if trial.family not in self.assay:
            raise _refusal("a trial is of a family that is not under test", trial)
        if self.patched:
            raise _refusal("the harness was tried again after the first call of the patched target", trial)
        assay = {**self.assay, trial.family: self.assay[trial.family].after(trial.outcome)}
        efficacy = {} if _families(assay, AssayStanding.OPEN) else _streams(self.criterion, assay)
        return replace(self, calls=trial.number, assay=MappingProxyType(assay), efficacy=MappingProxyType(efficacy))

    def _after_efficacy(self, trial: Trial) -> "Deliberation":
        if _families(self.assay, AssayStanding.OPEN):
            raise _refusal("the patched target was asked before the assay ended", trial)
        if trial.family not in self.included:
            raise _refusal("a trial is of a family that did not reproduce", trial)
        name = trial.family if self.criterion.per_family else POOLED
        test = self.efficacy[name]
        if test.standing is Standing.OPEN and not self._is_open(test):
            raise _refusal("a family was asked past its cap of calls", trial)
        efficacy = MappingProxyType({**self.efficacy, name: test.after(trial.outcome)})
        return replace(self, calls=trial.number, efficacy=efficacy, patched=True)

    def _after_benign(self, trial: Trial) -> "Deliberation":
        if self.benign is None or not self.is_fixed:
            raise _refusal("benign use was asked before the fix was shown, or without control prompts", trial)
        if self.benign.standing is BenignStanding.OPEN and not self._is_benign_open():
            raise _refusal("there are more benign pairs than the criterion allows", trial)
        first = self.open_pair
        if first is None and trial.arm is Arm.BENIGN_BEFORE:
            return replace(self, calls=trial.number, open_pair=trial)
        if first is None or trial.arm is Arm.BENIGN_BEFORE or trial.variant != first.variant:
            raise _refusal("the calls of a benign pair are not before and after of one control prompt", trial)
        benign = self.benign.after(before=first.outcome, after=trial.outcome)
        return replace(self, calls=trial.number, benign=benign, open_pair=None)


def deliberate(criterion: Criterion, trials: Iterable[Trial], *, families: Sequence[str], benign: bool) -> Deliberation:
    """Return the deliberation over trials already made, in the order of submission.

    Raises:
        MalformedError: as `Deliberation.begin`.
        UnknownValueError: as `Deliberation.begin`.
        VerificationError: as `Deliberation.after`.
    """
    deliberation = Deliberation.begin(criterion, families=families, benign=benign)
    for trial in trials:
        deliberation = deliberation.after(trial)
    return deliberation


def _families(assay: Mapping[str, AssayTest], standing: AssayStanding) -> tuple[str, ...]:
    return tuple(name for name, test in assay.items() if test.standing is standing)


def _streams(criterion: Criterion, assay: Mapping[str, AssayTest]) -> dict[str, SequentialTest]:
    included = _families(assay, AssayStanding.REPRODUCED)
    names = included if criterion.per_family or not included else (POOLED,)
    return {name: sequential_test(criterion, streams=len(names)) for name in names}


def _refusal(message: str, trial: Trial) -> VerificationError:
    return VerificationError(
        message,
        hint="the trials must be complete, unaltered and in the order of submission",
        number=trial.number,
        arm=trial.arm.value,
        family=trial.family,
    )
