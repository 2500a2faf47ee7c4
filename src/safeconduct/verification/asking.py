# SPDX-License-Identifier: Apache-2.0
"""One call: the target is asked, the answer judged, and what came of it becomes a trial.

A target that hangs, fails or answers garbage makes an error outcome. That the grant does not cover a call is not an
outcome: it is raised, because the target was not asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.evidence import Trial, TrialOutcome
from safeconduct.errors import TargetError
from safeconduct.verification.oracles import Judgment
from safeconduct.verification.sampling import Draw
from safeconduct.verification.targets.interface import Answer, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one call; `failure` is set when there is no answer."""

    judgment: Judgment
    started_at: datetime
    answer: Answer | None = None
    failure: TargetError | None = None


async def ask(
    target: Target, draw: Draw, *, judge: Callable[[Answer], Judgment], clock: Callable[[], datetime]
) -> Outcome:
    """Ask the target and judge its answer.

    Raises:
        NotPermittedError: the grant does not cover the call.
    """
    started_at = clock()
    try:
        answer = await target.ask(draw.script)
    except TargetError as failure:
        judgment = Judgment(outcome=TrialOutcome.ERROR, detail=failure.message)
        return Outcome(judgment=judgment, started_at=started_at, failure=failure)
    return Outcome(judgment=judge(answer), started_at=started_at, answer=answer)


def trial_of(draw: Draw, outcome: Outcome, *, number: int) -> Trial:
    """Return the trial with this number in the order of submission."""
    answer = outcome.answer
    return Trial(
        number=number,
        arm=draw.call.arm,
        family=draw.family,
        variant=draw.variant,
        mutators=draw.mutators,
        request_sha256=answer.request_sha256 if answer else "",
        response_sha256=answer.response_sha256 if answer else "",
        outcome=outcome.judgment.outcome,
        tokens=answer.tokens if answer else 0,
        started_at=outcome.started_at,
        seconds=round(answer.seconds, 6) if answer else 0.0,
        detail=outcome.judgment.detail,
        tokens_out=answer.tokens_out if answer else 0,
    )
