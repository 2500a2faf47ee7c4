# SPDX-License-Identifier: Apache-2.0
"""The verdict on a fix: three arms, decided call by call.

1. Assay: the same harness on the unpatched target must reproduce the flaw, family by family. A family that does not is
   excluded before the first patched call and named; none left means HARNESS_INVALID.
2. Efficacy on the patched target, on fresh variants, one generation each. FIXED needs every included family fixed at
   alpha (intersection-union: the null is a union, so alpha is not divided). NOT_FIXED needs one family refuted at
   beta/families. Pooled, one stream over families drawn at random stands for their average.
3. Benign use, paired before and after. If the bundle carries control prompts, FIXED needs them non-inferior as well;
   otherwise the verdict says nothing about benign use, and its statement says so.

Each claim is a level-alpha test and FIXED is their conjunction, so P(FIXED is false) <= alpha without correction, whatever
the stopping time. The error bound is that of the variant distribution and of the families named, and of no others.

A `Deliberation` is a value: `next_call` says what to ask next, `after` takes the answer, in the order of submission. The
order in which families are asked may depend on the answers so far, because each family's test reads only its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome, Verdict
from safeconduct.errors import MalformedError, VerificationError
from safeconduct.verification.stats.assay import AssayStanding, AssayTest
from safeconduct.verification.stats.benign import BenignStanding, BenignTest
from safeconduct.verification.stats.sequential import SequentialTest, Standing, test_for

POOLED = "*"
"""The name of the one efficacy stream when families are pooled; as `Call.family`: draw an included family uniformly."""
_PRIOR_HITS, _PRIOR_CALLS = 0.5, 1.0


class Phase(StrEnum):
    """Which arm is asked now."""

    ASSAY = "assay"
    EFFICACY = "efficacy"
    BENIGN = "benign"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to make: on the unpatched target for `assay` and `benign_before`, on the patched one for the others.

    `family` is empty in the benign arm. There the calls come in turn, `benign_before` then `benign_after`, and the two of a
    pair carry the same control prompt (the same `Trial.variant`), drawn at random from the bundle's controls.
    """

    arm: Arm
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliberation:
    """What has been asked and answered so far. Make one with `begin`; every change is a new value."""

    criterion: Criterion
    assay: Mapping[str, AssayTest]
    efficacy: Mapping[str, SequentialTest]
    benign: BenignTest | None
    calls: int = 0
    open_pair: Trial | None = None
    patched: bool = False
    """Whether a patched call has been recorded: from then on no assay outcome is taken."""

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
        return tuple(name for name, test in self.assay.items() if test.standing is AssayStanding.REPRODUCED)

    @property
    def excluded(self) -> tuple[str, ...]:
        """Return the families that did not reproduce on the unpatched target."""
        return tuple(name for name, test in self.assay.items() if test.standing is AssayStanding.NOT_REPRODUCED)

    @property
    def phase(self) -> Phase:
        """Return the arm that is asked now; OVER when the verdict stands or a cap is reached."""
        raise NotImplementedError

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more is to be asked."""
        return self.phase is Phase.OVER

    def next_call(self, pending: Sequence[Call] = ()) -> Call | None:
        """Return the next call to submit, or None when there is none before a pending one is answered (or at the end).

        `pending` are the calls submitted and not yet taken by `after`.
        """
        raise NotImplementedError

    def after(self, trial: Trial) -> "Deliberation":
        """Return the deliberation after the next trial in the order of submission.

        A trial that was already submitted when its test was decided is taken as late and changes no count.

        Raises:
            VerificationError: the trial is out of order, or of a family or arm that may not be asked now.
        """
        raise NotImplementedError
