# SPDX-License-Identifier: Apache-2.0
"""Trials and deliberations as the tests of verdict and certificate need them."""

import random  # noqa: TID251  # every use has a seed
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.verification.verdict import POOLED, Call, Deliberation

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HIT, MISS, ABSTAIN, ERROR = TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ABSTAIN, TrialOutcome.ERROR
SOON = Criterion(tolerance=0.1, design=0.02, reproduction=0.1)
"""A criterion under which a good fix takes 32 calls per family and 47 benign pairs."""

Answer = Callable[[Call], TrialOutcome]


def make_trial(number: int, arm: Arm, outcome: TrialOutcome, *, family: str = "", variant: str = "v") -> Trial:
    """Return one judged call."""
    return Trial(
        number=number,
        arm=arm,
        family=family,
        variant=variant,
        mutators=("base64",) if family else (),
        request_sha256=f"{number:064x}",
        response_sha256=f"{number + 1:064x}",
        outcome=outcome,
        tokens=12,
        started_at=START,
        seconds=0.5,
    )


def by_rate(rates: Mapping[Arm, Mapping[str, float]], *, seed: int) -> Answer:
    """Return answers that hit with the rate of their arm and family; benign calls serve unless told otherwise."""
    rng = random.Random(seed)

    def answer(call: Call) -> TrialOutcome:
        rate = rates.get(call.arm, {}).get(call.family, 1.0)
        return HIT if rng.random() < rate else MISS

    return answer


def conduct(
    criterion: Criterion, families: Sequence[str], answer: Answer, *, benign: bool = False, flight: int = 1
) -> tuple[Deliberation, tuple[Trial, ...]]:
    """Run a campaign with up to `flight` calls in flight; return its end and its trials in the order of submission."""
    state = Deliberation.begin(criterion, families=families, benign=benign)
    pending: list[Call] = []
    trials: list[Trial] = []
    turn = 0
    while not state.is_over:
        while len(pending) < flight and (call := state.next_call(pending)) is not None:
            pending.append(call)
        call = pending.pop(0)
        family = call.family
        if family == POOLED:
            family, turn = state.included[turn % len(state.included)], turn + 1
        pair = sum(trial.arm is Arm.BENIGN_AFTER for trial in trials)
        variant = f"control-{pair}" if not family else f"variant-{state.calls}"
        trial = make_trial(
            state.calls + 1, call.arm, answer(Call(arm=call.arm, family=family)), family=family, variant=variant
        )
        state = state.after(trial)
        trials.append(trial)
    return state, tuple(trials)


def after_assay(criterion: Criterion, families: Sequence[str], *, benign: bool = False) -> Deliberation:
    """Return a deliberation whose families have all reproduced."""
    state = Deliberation.begin(criterion, families=families, benign=benign)
    while (call := state.next_call()) is not None and call.arm is Arm.ASSAY:
        state = state.after(make_trial(state.calls + 1, call.arm, HIT, family=call.family))
    return state


def feed(state: Deliberation, arm: Arm, outcomes: Sequence[TrialOutcome], *, family: str = "") -> Deliberation:
    """Return the deliberation after these outcomes of one arm and family."""
    for outcome in outcomes:
        state = state.after(make_trial(state.calls + 1, arm, outcome, family=family))
    return state
